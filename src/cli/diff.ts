// loopr diff: what a loop changed.
import { visible } from "../lib/plain.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { paint, styleOf, type Paint, type Style } from "./format.ts";
import { iterationOf } from "./iteration-option.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { resolveLoop } from "./resolve.ts";
import { withSession } from "./session.ts";

export async function diff(
  context: CliContext,
  args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const iteration = iterationOf(typed);
  return withSession(context, ports, {}, async ({ client }) => {
    const style = styleOf(context, ports.env);
    const { loop, short } = await resolveLoop(client, args[0] ?? "", style, context);
    const { diff: text, truncated } = await client.call("loop.diff", { id: loop.id, iteration });
    if (context.json) context.print({ id: loop.id, iteration, diff: text, truncated });
    else if (text === "") context.note(`${short(loop.id)} has changed nothing`);
    else if (style.columns === null) {
      // Not for eyes but for programs such as `git apply`: exactly as it is.
      context.say(text.replace(/\n$/, ""));
      if (truncated) context.note(cutText(loop.branch));
    } else {
      for (const line of diffLines(style, text, truncated)) context.say(line);
    }
    return exitCodes.done;
  });
}

function cutText(branch: string | null): string {
  return `the diff is too long and was cut${branch ? `; the whole: git diff on the branch ${branch}` : ""}`;
}

/** A unified diff for a terminal: coloured, and with what a terminal would obey written out. */
export function diffLines(style: Style, text: string, truncated: boolean): string[] {
  if (text === "") return [];
  const lines = text
    .replace(/\n$/, "")
    .split("\n")
    .map((line) => {
      const how = paintOf(line);
      const shown = visible(line);
      return how === null ? shown : paint(style, how, shown);
    });
  return truncated ? [...lines, paint(style, "yellow", "… the diff is too long and was cut here")] : lines;
}

function paintOf(line: string): Paint | null {
  if (/^(diff |index |--- |\+\+\+ |new file|deleted file|similarity|rename |old mode|new mode)/.test(line)) {
    return "bold";
  }
  if (line.startsWith("@@")) return "cyan";
  if (line.startsWith("+")) return "green";
  if (line.startsWith("-")) return "red";
  return null;
}
