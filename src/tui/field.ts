// A text field: what a person is typing, and where the cursor stands. Pure.
import { cleanText, graphemesOf } from "./text.ts";

export interface Field {
  text: string;
  /** UTF-16 units before the cursor; always on a border between characters. */
  at: number;
}

export type Edit =
  | { edit: "insert"; text: string }
  | { edit: "backspace" | "delete" | "left" | "right" | "home" | "end" }
  | { edit: "word_left" | "word_right" | "kill_word" | "kill_before" | "kill_after" };

/** More than anybody types; a paste beyond it is cut. UTF-16 units. */
const fieldUnitsMax = 20_000;

export const emptyField: Field = { text: "", at: 0 };

export function fieldOf(text: string): Field {
  return { text, at: text.length };
}

export function edit(field: Field, change: Edit): Field {
  const before = field.text.slice(0, field.at);
  const after = field.text.slice(field.at);
  switch (change.edit) {
    case "insert": {
      const room = Math.max(0, fieldUnitsMax - field.text.length);
      const added = cleanText(change.text).slice(0, room).toWellFormed();
      return { text: before + added + after, at: field.at + added.length };
    }
    case "backspace":
      return { text: dropLast(before) + after, at: dropLast(before).length };
    case "delete":
      return { text: before + dropFirst(after), at: field.at };
    case "left":
      return { text: field.text, at: dropLast(before).length };
    case "right":
      return { text: field.text, at: field.text.length - dropFirst(after).length };
    case "home":
      return { text: field.text, at: before.lastIndexOf("\n") + 1 };
    case "end":
      return { text: field.text, at: endOfLine(field) };
    case "word_left":
      return { text: field.text, at: wordStart(before) };
    case "word_right":
      return { text: field.text, at: field.at + (/^\s*\S+/.exec(after)?.[0].length ?? after.length) };
    case "kill_word":
      return { text: before.slice(0, wordStart(before)) + after, at: wordStart(before) };
    case "kill_before": {
      const start = before.lastIndexOf("\n") + 1;
      return { text: before.slice(0, start) + after, at: start };
    }
    case "kill_after":
      return { text: before + field.text.slice(endOfLine(field)), at: field.at };
  }
}

function dropLast(text: string): string {
  const last = graphemesOf(text).at(-1) ?? "";
  return text.slice(0, text.length - last.length);
}

function dropFirst(text: string): string {
  const [first = ""] = graphemesOf(text);
  return text.slice(first.length);
}

function endOfLine(field: Field): number {
  const end = field.text.indexOf("\n", field.at);
  return end < 0 ? field.text.length : end;
}

function wordStart(before: string): number {
  return before.length - (/\S+\s*$/.exec(before)?.[0].length ?? before.length);
}
