// Prompt templates: a system part, a line `---`, and the prompt with its placeholders. The system part is the
// same byte for byte for every iteration, so that providers can cache it; what differs is in the prompt.
import type { LoopType } from "./loop.ts";

const placeholders = ["context", "task", "types", "pass", "check", "feedback"] as const;
export type Placeholder = (typeof placeholders)[number];

export interface PromptTemplate {
  system: string;
  prompt: string;
}

export interface TemplateProblem {
  line: number;
  message: string;
}

/** Without these a loop would not know what to do, or would never learn why it was not accepted. */
const requiredOf: Readonly<Record<LoopType, readonly Placeholder[]>> = {
  plan: ["context", "task", "pass", "feedback"],
  spec: ["context", "task", "feedback"],
  phase: ["context", "task", "feedback"],
  code: ["context", "task", "check", "feedback"],
};

const separator = /^---[ \t]*$/m;
const anyPlaceholder = /\{\{([^{}\n]*)\}\}/g;

export function parseTemplate(
  text: string,
  type: LoopType,
): { template: PromptTemplate; problems: TemplateProblem[] } {
  const clean = text.replaceAll("\r\n", "\n");
  const found = separator.exec(clean);
  const problems: TemplateProblem[] = [];
  const lineAt = (offset: number) => clean.slice(0, offset).split("\n").length;
  if (!found) {
    const message = "there is no line `---`: above it stands the system part, below it the prompt";
    return { template: { system: "", prompt: "" }, problems: [{ line: 1, message }] };
  }
  const system = clean.slice(0, found.index).trim();
  const start = found.index + found[0].length;
  const prompt = clean.slice(start).trim();
  if (system === "") problems.push({ line: 1, message: "the system part, above the line `---`, is empty" });
  const used = new Set<string>();
  for (const match of clean.matchAll(anyPlaceholder)) {
    const name = (match[1] ?? "").trim();
    const line = lineAt(match.index);
    if (!isPlaceholder(name)) {
      const known = placeholders.map((each) => `{{${each}}}`).join(", ");
      problems.push({ line, message: `unknown placeholder ${match[0]}; the known ones are ${known}` });
    } else if (match.index < start) {
      const why = "the system part is the same in every iteration; placeholders stand below the line `---`";
      problems.push({ line, message: `${match[0]} in the system part: ${why}` });
    } else used.add(name);
  }
  const missing = requiredOf[type].filter((name) => !used.has(name));
  if (missing.length > 0) {
    const names = missing.map((name) => `{{${name}}}`).join(", ");
    const message = `${names} ${missing.length > 1 ? "are" : "is"} missing: the prompt of a ${type} loop needs ${missing.length > 1 ? "them" : "it"}`;
    problems.push({ line: lineAt(found.index), message });
  }
  return { template: { system, prompt }, problems };
}

/**
 * The prompt with its placeholders filled in, once: a `{{…}}` inside of what is filled in stays as it is. A
 * line that held nothing but an empty placeholder goes, with the blank line after it.
 */
export function fillIn(prompt: string, values: Readonly<Record<Placeholder, string>>): string {
  const valueOf = (name: string) => {
    const trimmed = name.trim();
    return isPlaceholder(trimmed) ? values[trimmed] : "";
  };
  const lone = /^[ \t]*\{\{([^{}\n]*)\}\}[ \t]*\n?(?:[ \t]*\n)?/gm;
  const kept = prompt.replace(lone, (whole, name: string) => (valueOf(name) === "" ? "" : whole));
  return kept.replace(anyPlaceholder, (_whole, name: string) => valueOf(name)).trim();
}

function isPlaceholder(name: string): name is Placeholder {
  return placeholders.some((each) => each === name);
}
