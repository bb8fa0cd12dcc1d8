// Text on a terminal: what models, tools and repositories wrote is made harmless, measured and cut here.
// Views handle plain text only; colours come on at the very end (paint.ts).
import { plain, visible } from "../lib/plain.ts";
import { widthOf, wrapWords } from "./terminal.ts";

const tabColumns = 4;
/** A letter never carries more marks than this in any language; stacks of them spill over other lines. */
const marksMax = 4;
/** A line longer than this is cut before anything measures it. UTF-16 units. */
const lineUnitsMax = 8_192;

/** What takes no column and shows nothing: text could hide in it, or be measured wrong. */
const invisible = /[\u200b\u2028\u2029\u2060-\u2065\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]/gu;
const manyMarks = new RegExp(`(\\p{M}{${marksMax}})\\p{M}+`, "gu");
const rightToLeft = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]|[\u{10800}-\u{10fff}]|[\u{1e800}-\u{1efff}]/u;
const plainAscii = /^[\x20-\x7e]*$/;
const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Harmless text of several lines: no control sequence, no control character but the newline. */
export function cleanText(text: string): string {
  return text
    .split(/\r*\n|\u2028|\u2029/)
    .map(cleanOutputLine)
    .join("\n");
}

/** Harmless text of one line: line breaks become spaces. */
export function cleanLine(text: string): string {
  return cleanOutputLine(text.slice(0, lineUnitsMax).replace(/[\r\n\u2028\u2029]+/g, " "));
}

/** One line of a program's output: a progress bar that returns the carriage shows its last state. */
export function cleanOutputLine(line: string): string {
  const shown = line.length > lineUnitsMax ? line.slice(0, lineUnitsMax) : line;
  if (plainAscii.test(shown)) return shown;
  const last = shown.replace(/\r+$/, "").split("\r").at(-1) ?? "";
  return settle(plain(last));
}

/** A line of a diff: what a terminal would obey is written out, since the person judges it. */
export function cleanDiffLine(line: string): string {
  const shown = line.length > lineUnitsMax ? line.slice(0, lineUnitsMax) : line;
  return plainAscii.test(shown) ? shown : settle(visible(shown));
}

function settle(text: string): string {
  return expandTabs(text.replace(invisible, "").replace(manyMarks, "$1").toWellFormed());
}

function expandTabs(text: string): string {
  if (!text.includes("\t")) return text;
  let out = "";
  for (const [index, piece] of text.split("\t").entries()) {
    if (index > 0) out += " ".repeat(tabColumns - (widthOf(out) % tabColumns));
    out += piece;
  }
  return out;
}

export function isAscii(text: string): boolean {
  return plainAscii.test(text);
}

/** Whether a terminal that knows writing directions would reorder it. */
export function isRightToLeft(text: string): boolean {
  return rightToLeft.test(text);
}

/** What people see as characters: the steps of a text cursor. */
export function graphemesOf(text: string): string[] {
  return Array.from(graphemes.segment(text), (each) => each.segment);
}

/** Clean text cut to `columns`, with the ellipsis where something is missing. */
export function fit(text: string, columns: number, ellipsis: string): string {
  if (columns <= 0) return "";
  if (widthOf(text) <= columns) return text;
  const room = columns - widthOf(ellipsis);
  return room < 0 ? cutTo(text, columns) : cutTo(text, room) + ellipsis;
}

function cutTo(text: string, columns: number): string {
  if (plainAscii.test(text)) return text.slice(0, columns);
  let out = "";
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const width = widthOf(segment);
    if (used + width > columns) break;
    out += segment;
    used += width;
  }
  return out;
}

export function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - widthOf(text)));
}

export function padStart(text: string, columns: number): string {
  return " ".repeat(Math.max(0, columns - widthOf(text))) + text;
}

/** Clean text broken at words into lines of at most `columns`; continued lines begin with `indent`. */
export function wrap(text: string, columns: number, indent = ""): string[] {
  const width = Math.max(1, columns);
  return text.split("\n").flatMap((line) => {
    if (widthOf(line) <= width) return [line];
    const room = Math.max(1, width - widthOf(indent));
    const [first = "", ...rest] = wrapWords(line, room);
    return [first, ...rest.map((each) => indent + each)];
  });
}

/** Clean text broken hard at the right edge, as a terminal does with output. */
export function wrapHard(text: string, columns: number): string[] {
  const width = Math.max(1, columns);
  if (widthOf(text) <= width) return [text];
  const lines: string[] = [];
  let line = "";
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const own = widthOf(segment);
    if (used + own > width && line !== "") {
      lines.push(line);
      line = "";
      used = 0;
    }
    line += segment;
    used += own;
  }
  return line === "" ? lines : [...lines, line];
}
