import { expect, test } from "bun:test";
import { cut } from "./iteration-view.ts";

const lines = (n: number) => Array.from({ length: n }, (_, i) => `line ${i + 1}`).join("\n");

test("a text that is not long is shown whole", () => {
  expect(cut(lines(41), "> ", "/f")).toHaveLength(41);
  expect(cut("one\x1b[2J\n", "> ", "/f")).toEqual(["> one"]);
});

test("a long one keeps beginning and end, and says how much is left out and where the whole is", () => {
  const shown = cut(lines(250), "> ", "/records/conversation.jsonl");
  expect(shown).toHaveLength(41);
  expect(shown[0]).toBe("> line 1");
  expect(shown[30]).toBe(
    "> … 210 of 250 lines are left out here; the whole is in /records/conversation.jsonl",
  );
  expect(shown.at(-1)).toBe("> line 250");
});

test("so does a long line", () => {
  const [line] = cut("x".repeat(1000), "", "/f");
  expect(line).toEndWith("x … 600 characters are left out here; the whole is in /f");
});
