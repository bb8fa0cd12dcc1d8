// The question to a person about protected files that a loop changed (`protected.on_change: ask`).
import type { Loop } from "../domain/loop.ts";

export function askedText(loop: Loop, files: readonly string[]): string {
  return (
    `# May "${loop.title}" change protected files?\n\n` +
    "The check passes with these files as the loop changed them. They decide what it looks at:\n\n" +
    files.map((file) => `- ${file}`).join("\n") +
    "\n\nApprove lets the change stand; reject sends it back to the loop as feedback.\n"
  );
}

/** The parts of a unified diff that are of these files; all of it where none can be told apart. */
export function diffOfFiles(diff: string, files: readonly string[]): string {
  const parts = diff.split(/^(?=diff --git )/m);
  const chosen = parts.filter((part) => {
    const [first = ""] = part.split("\n");
    return files.some((file) => first.endsWith(` b/${file}`) || first.includes(` a/${file} `));
  });
  return chosen.length > 0 ? chosen.join("") : diff;
}
