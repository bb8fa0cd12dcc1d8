import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { conversationName, readRecorded, usedUntil } from "./recorded.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "loopr-t-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const prompt = (text: string, begun_on: string | null = "abc") =>
  JSON.stringify({ role: "user", content: [{ type: "text", text }], begun_on });
const usage = { input: 10, output: 2, cache_read: 3, cache_write: 4 };
const turn = (text: string) =>
  JSON.stringify({
    role: "assistant",
    content: [
      { type: "thinking", text: "", opaque: { signature: "s" } },
      { type: "text", text },
      { type: "tool_use", id: "t1", name: "run_command", input: { command: "true" } },
    ],
    stop: "tool_use",
    usage,
    cost_usd: 0.5,
    retries: 1,
  });
const result = { type: "tool_result", tool_use_id: "t1", content: "ok", is_error: false } as const;
const answers = JSON.stringify({ role: "user", content: [result] });

function recorded(...lines: string[]) {
  writeFileSync(join(directory, conversationName), lines.map((line) => `${line}\n`).join(""));
}

test("no record: nothing to go on with, nothing used", () => {
  expect(readRecorded(directory)).toMatchObject({ last: null, usedBefore: { cost_usd: 0, tokens_in: 0 } });
});

test("turns and their answers; the last turn's were never written", () => {
  recorded(prompt("Do it"), turn("one"), answers, turn("two"));
  const { last, usedBefore } = readRecorded(directory);
  expect(last).toMatchObject({ prompt: "Do it", begunOn: "abc" });
  expect(last?.turns.map(({ turn, answers }) => [turn.content[1], answers])).toEqual([
    [{ type: "text", text: "one" }, [result]],
    [{ type: "text", text: "two" }, null],
  ]);
  // What the model thought goes back to it as it came.
  expect(last?.turns[0]?.turn.content[0]).toEqual({ type: "thinking", text: "", opaque: { signature: "s" } });
  expect(usedBefore.cost_usd).toBe(0);
});

test("a conversation that began again: the newest goes on, the others' use counts", () => {
  recorded(prompt("First"), turn("one"), answers, turn("two"), prompt("Second", null), turn("three"));
  const { last, usedBefore } = readRecorded(directory);
  expect(last).toMatchObject({ prompt: "Second", begunOn: null });
  expect(last?.turns).toHaveLength(1);
  expect(usedBefore).toMatchObject({ cost_usd: 1, tokens_in: 34, tokens_out: 4, model_retries: 2 });
});

test.each([
  ["cut off in the middle", turn("two").slice(0, 40)],
  ["whole, without its line's end", turn("two")],
  ["not JSON", "{]\n"],
  ["of another shape", '{"role":"assistant"}\n'],
])("a last line that is %s is taken away, and what follows is not joined to it", (_how, tail) => {
  recorded(prompt("Do it"), turn("one"), answers);
  const path = join(directory, conversationName);
  const before = readFileSync(path, "utf8");
  writeFileSync(path, before + tail);
  expect(readRecorded(directory).last?.turns).toHaveLength(1);
  expect(readFileSync(path, "utf8")).toBe(before);
});

test("what a person said after a turn stands with it", () => {
  const said = JSON.stringify({ role: "user", content: [{ type: "text", text: "hurry" }], said: true });
  recorded(prompt("Do it"), turn("one"), answers, said, turn("two"));
  const turns = readRecorded(directory).last?.turns ?? [];
  expect(turns.map(({ answers, said }) => [answers, said])).toEqual([
    [[result], ["hurry"]],
    [null, []],
  ]);
});

test("what an interrupted iteration has used up by then", () => {
  recorded(prompt("First"), turn("one"), prompt("Second"), turn("two"), answers, turn("three"));
  expect(usedUntil(directory)).toMatchObject({ turns: 2, tool_calls: 1, cost_usd: 1.5, tokens_out: 6 });
});

test("what was redacted is not what was said: it does not go on, and its use counts", () => {
  recorded(prompt("Do it"), turn("the key is [redacted]"));
  const { last, usedBefore } = readRecorded(directory);
  expect(last).toBe(null);
  expect(usedBefore.cost_usd).toBe(0.5);
});

test("an answer to no turn, a turn of no conversation: passed over", () => {
  recorded(answers, turn("one"), prompt("Do it"), answers);
  expect(readRecorded(directory).last).toMatchObject({ prompt: "Do it", turns: [] });
});
