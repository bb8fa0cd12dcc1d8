import { expect, test } from "bun:test";
import fc from "fast-check";
import { edit, emptyField, fieldOf, type Edit, type Field } from "./field.ts";
import { graphemesOf } from "./text.ts";

/** `|` is the cursor. */
function field(text: string): Field {
  return { text: text.replace("|", ""), at: text.indexOf("|") };
}

function shown({ text, at }: Field): string {
  return `${text.slice(0, at)}|${text.slice(at)}`;
}

const cases: [before: string, change: Edit, after: string][] = [
  ["a|c", { edit: "insert", text: "b" }, "ab|c"],
  ["|", { edit: "insert", text: "two\r\nlines" }, "two\nlines|"],
  ["|", { edit: "insert", text: "\x1b[2Jx" }, "x|"],
  ["ab|c", { edit: "backspace" }, "a|c"],
  ["|abc", { edit: "backspace" }, "|abc"],
  ["a👨‍👩‍👧|", { edit: "backspace" }, "a|"],
  ["|日本", { edit: "delete" }, "|本"],
  ["abc|", { edit: "delete" }, "abc|"],
  ["a👨‍👩‍👧|b", { edit: "left" }, "a|👨‍👩‍👧b"],
  ["|é", { edit: "right" }, "é|"],
  ["one\ntw|o", { edit: "home" }, "one\n|two"],
  ["o|ne\ntwo", { edit: "end" }, "one|\ntwo"],
  ["one two|", { edit: "word_left" }, "one |two"],
  ["one| two", { edit: "word_right" }, "one two|"],
  ["one two |x", { edit: "kill_word" }, "one |x"],
  ["one\ntwo|x", { edit: "kill_before" }, "one\n|x"],
  ["o|ne\ntwo", { edit: "kill_after" }, "o|\ntwo"],
];
test.each(cases)("%s, %p", (before, change, after) => {
  expect(shown(edit(field(before), change))).toBe(after);
});

test("whatever is done, the cursor stands between two characters", () => {
  const change = fc.oneof(
    fc.record({ edit: fc.constant("insert" as const), text: fc.string({ unit: "grapheme", maxLength: 5 }) }),
    fc.record({
      edit: fc.constantFrom(
        "backspace",
        "delete",
        "left",
        "right",
        "home",
        "end",
        "word_left",
        "word_right",
        "kill_word",
        "kill_before",
        "kill_after",
      ),
    }),
  );
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      let now = emptyField;
      for (const each of changes) {
        now = edit(now, each);
        expect(now.at).toBeGreaterThanOrEqual(0);
        expect(now.at).toBeLessThanOrEqual(now.text.length);
        expect(now.text.isWellFormed()).toBe(true);
      }
    }),
  );
});

test("a text is taken up at its end", () => {
  expect(graphemesOf(edit(fieldOf("ab"), { edit: "insert", text: "c" }).text)).toEqual(["a", "b", "c"]);
});
