// Long texts that grow: output of models and tools, diffs. Kept raw, made harmless when shown, each line
// only once for each width.
import type { TextLine } from "./state.ts";
import { cleanDiffLine, cleanOutputLine, wrapHard } from "./text.ts";

/** Older lines go; `loopr logs` has everything. */
export const outputLinesMax = 10_000;
/** A line without an end goes on growing up to here, then is cut. UTF-16 units. */
const rawLineUnitsMax = 16_384;

export function textLines(text: string): TextLine[] {
  return appendText([], text);
}

/** The lines with `text` after them; the first piece of it continues the last line. */
export function appendText(lines: readonly TextLine[], text: string): TextLine[] {
  const [first = "", ...rest] = text.split("\n");
  const last = lines.at(-1)?.text ?? "";
  const joined = last.length > rawLineUnitsMax ? last : last + first;
  const all = [...lines.slice(0, -1), { text: joined }, ...rest.map((each) => ({ text: each }))];
  return all.length > outputLinesMax ? all.slice(all.length - outputLinesMax) : all;
}

const remembered = new WeakMap<TextLine, { width: number; rows: string[] }>();

/** What the line looks like on a screen this wide. A line object is only ever asked for as one kind. */
export function rowsOf(line: TextLine, width: number, kind: "output" | "diff"): string[] {
  const known = remembered.get(line);
  if (known?.width === width) return known.rows;
  const clean = kind === "diff" ? cleanDiffLine(line.text) : cleanOutputLine(line.text);
  const rows = wrapHard(clean, width);
  remembered.set(line, { width, rows });
  return rows;
}
