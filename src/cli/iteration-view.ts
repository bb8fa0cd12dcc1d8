// loopr logs ID --iteration N: everything on record of one iteration. For people long outputs are cut, visibly;
// with --json nothing is.
import * as z from "zod/mini";
import type { Client } from "../client/types.ts";
import { plain, plainLine } from "../lib/plain.ts";
import type { Result } from "../protocol/methods.ts";
import { shortCommit, icon, indent, money, paint, titleOf, type Style } from "./format.ts";
import { evidenceLines, iterationLine, judgeLine } from "./iteration-lines.ts";
import type { Resolved } from "./resolve.ts";

const Block = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text"), text: z.string() }),
  z.object({ type: z.literal("thinking"), text: z.string() }),
  z.object({ type: z.literal("tool_use"), name: z.string(), input: z.unknown() }),
  z.object({ type: z.literal("tool_result"), content: z.string(), is_error: z._default(z.boolean(), false) }),
]);
type Block = z.infer<typeof Block>;
const Entry = z.object({ role: z.enum(["user", "assistant"]), content: z.array(z.unknown()) });

export interface IterationFiles {
  record: Result<"loop.record">["record"];
  evidence: Result<"loop.record">["evidence"];
  /** Text by the name of the file. */
  files: ReadonlyMap<string, string>;
}

export async function readIteration(client: Client, id: string, iteration: number): Promise<IterationFiles> {
  const { record, evidence, files } = await client.call("loop.record", { id, iteration });
  const texts = new Map<string, string>();
  for (const { name, text } of files) texts.set(name, (texts.get(name) ?? "") + text);
  return { record, evidence, files: texts };
}

const names = {
  prompt: "prompt.md",
  conversation: "conversation.jsonl",
  judge: "judge.jsonl",
  output: "output.log",
  lastCommand: "command.log",
} as const;

export function iterationDocument({ record, evidence, files }: IterationFiles): Record<string, unknown> {
  return {
    id: record.loop_id,
    iteration: record.iteration,
    record,
    evidence,
    prompt: files.get(names.prompt) ?? null,
    conversation: entriesOf(files.get(names.conversation)),
    judge: entriesOf(files.get(names.judge)),
    logs: Object.fromEntries(logsOf(files)),
    output: files.get(names.output) ?? "",
    truncated: false,
  };
}

/** A line is an entry. One that a crash has cut off is its text. */
function entriesOf(text = ""): unknown[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): unknown => {
      try {
        return JSON.parse(line);
      } catch {
        return line;
      }
    });
}

/** The whole outputs of checks. */
function logsOf(files: ReadonlyMap<string, string>): [string, string][] {
  return [...files].filter(
    ([name]) => name.endsWith(".log") && name !== names.output && name !== names.lastCommand,
  );
}

export function iterationView(
  found: IterationFiles,
  { loop, short }: Pick<Resolved, "loop" | "short">,
  style: Style,
  nowMs: number,
): string[] {
  const { record, evidence, files } = found;
  const whole = (name: string) => `${record.directory}/${name}`;
  const heading = (text: string) => ["", paint(style, "bold", `== ${text} ==`)];
  const turns = entriesOf(files.get(names.conversation)).slice(1);
  const prompt = files.get(names.prompt);
  return [
    paint(style, "bold", `Iteration ${record.iteration} of ${short(loop.id)} "${titleOf(loop)}"`),
    iterationLine(record, style, nowMs, short),
    field("usage", `${record.tokens_in} tokens in, ${record.tokens_out} out, ${money(record.cost_usd)}`),
    ...(record.commit ? [field("commit", shortCommit(record.commit))] : []),
    ...(record.tree ? [field("tree", record.tree)] : []),
    ...(record.diffstat ? [field("changes", plainLine(record.diffstat))] : []),
    field("record", record.directory),
    ...heading("prompt"),
    prompt === undefined ? "  none on record" : indent(plain(prompt), "  "),
    ...heading("conversation"),
    ...(turns.length === 0 ? ["  the model has said nothing yet"] : []),
    ...turns.flatMap((entry) => turnLines(entry, style, whole(names.conversation))),
    ...heading("validation"),
    ...(evidence.length === 0 ? ["  no check has run"] : []),
    ...evidence.flatMap((one) => evidenceLines(one, style, short)),
    ...(record.judgements ?? []).map((judgement) => judgeLine(judgement, style)),
    ...(record.feedback ? [indent(`feedback: ${plain(record.feedback).trim()}`, "     ")] : []),
    ...logsOf(files).flatMap(([name, text]) => [
      ...heading(name),
      ...(text.trim() === "" ? ["  it printed nothing"] : cut(text, "  ", whole(name))),
    ]),
  ];
}

/** An answer of the model with its calls, or what the tools have answered. */
function turnLines(entry: unknown, style: Style, whole: string): string[] {
  const parsed = z.safeParse(Entry, entry);
  if (!parsed.success) return cut(typeof entry === "string" ? entry : JSON.stringify(entry), "  ", whole);
  return parsed.data.content.flatMap((block) => {
    const known = z.safeParse(Block, block);
    return known.success ? blockLines(known.data, style, whole) : [];
  });
}

function blockLines(block: Block, style: Style, whole: string): string[] {
  switch (block.type) {
    case "text":
      return block.text.trim() === "" ? [] : [indent(plain(block.text), "  ")];
    case "thinking":
      return block.text.trim() === "" ? [] : cut(block.text, "  (thinking) ", whole);
    case "tool_use":
      return [`  ${paint(style, "cyan", `• ${plainLine(block.name)}`)}`, ...inputLines(block.input, whole)];
    case "tool_result": {
      const mark = icon(style, block.is_error ? "failed" : "complete");
      const text = block.content.trim() === "" ? "(empty)" : block.content;
      return [`    ${mark}`, ...cut(text, "      ", whole)];
    }
  }
}

/** Every parameter of a call; one of several lines below its name. */
function inputLines(input: unknown, whole: string): string[] {
  if (typeof input !== "object" || input === null) return [];
  return Object.entries(input).flatMap(([name, value]: [string, unknown]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value, null, 1);
    const isLine = !text.trimEnd().includes("\n") && text.length <= lineCharsMax;
    if (isLine) return [`    ${plainLine(name)}: ${plainLine(text)}`];
    return [`    ${plainLine(name)}:`, ...cut(text, "      ", whole)];
  });
}

const headLinesMax = 30;
const tailLinesMax = 10;
const lineCharsMax = 400;

/** A long text's beginning and end, with a line between them that says how much is left out and where the whole is. */
export function cut(text: string, by: string, whole: string): string[] {
  const lines = plain(text).trimEnd().split("\n");
  const left = lines.length - headLinesMax - tailLinesMax;
  const shown = (some: string[]) => some.map((line) => by + shortened(line, whole));
  if (left <= 1) return shown(lines);
  return [
    ...shown(lines.slice(0, headLinesMax)),
    `${by}… ${left} of ${lines.length} lines are left out here; the whole is in ${whole}`,
    ...shown(lines.slice(-tailLinesMax)),
  ];
}

function shortened(line: string, whole: string): string {
  const left = line.length - lineCharsMax;
  if (left <= 0) return line;
  return `${line.slice(0, lineCharsMax)} … ${left} characters are left out here; the whole is in ${whole}`;
}

function field(name: string, value: string): string {
  return `  ${name.padEnd(8)} ${value}`;
}
