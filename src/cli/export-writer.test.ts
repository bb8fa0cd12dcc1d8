import { expect, test } from "bun:test";
import type { ExportEntry } from "../domain/export.ts";
import { ExportWriter } from "./export-writer.ts";

const file = (name: string, text: string, more: boolean): ExportEntry => ({
  section: "files",
  value: { loop_id: "a", iteration: 1, name, text, more },
});

function written(entries: readonly ExportEntry[]): unknown {
  let text = "";
  const writer = new ExportWriter({ loopr: "1.0.0", exported_at: 5 }, (piece) => (text += piece));
  for (const entry of entries) writer.entry(entry);
  writer.end();
  return JSON.parse(text);
}

test("an export without anything is whole, too", () => {
  expect(written([])).toEqual({
    format: "loopr-export",
    version: 1,
    loopr: "1.0.0",
    exported_at: 5,
    loops: [],
    artifacts: [],
    iterations: [],
    evidence: [],
    files: [],
    events: [],
  });
});

test("pieces of a file are joined; a conversation becomes its messages, a line cut off stays a text", () => {
  const event = { seq: 1, event: "e", loop_id: "a", at: 0, data: null };
  expect(
    written([
      file("conversation.jsonl", '{"n":1}\n{"n"', true),
      file("conversation.jsonl", ':"two"}\n{"n":', false),
      file("output.log", 'one "two"\n', true),
      file("output.log", "\u0000ü", false),
      file("prompt.md", "", false),
      { section: "events", value: event },
      { section: "events", value: { ...event, seq: 2 } },
    ]),
  ).toMatchObject({
    files: [
      { loop_id: "a", iteration: 1, name: "conversation.jsonl", messages: [{ n: 1 }, { n: "two" }, '{"n":'] },
      { name: "output.log", text: 'one "two"\n\u0000ü' },
      { name: "prompt.md", text: "" },
    ],
    events: [event, { ...event, seq: 2 }],
    loops: [],
  });
});
