import { describe, expect, test } from "bun:test";
import { builtInPrompts } from "./built-in-prompts.ts";
import type { LoopType } from "./loop.ts";
import { loopTypes } from "./loop-states.ts";
import { fillIn, parseTemplate } from "./prompt-template.ts";

const none = { context: "", task: "", types: "", pass: "", check: "", feedback: "" };
const whole = "You work.\n---\n{{context}}\n\n{{task}}\n\n{{check}}\n\n{{feedback}}\n";

test.each([...loopTypes])("the built-in template of %s is right", (type) => {
  const { template, problems } = parseTemplate(builtInPrompts[type], type);
  expect(problems).toEqual([]);
  expect(template.system.length).toBeGreaterThan(100);
});

describe("what is not right is said with its line", () => {
  test.each<[string, string, LoopType, number, RegExp]>([
    ["no separator", "You work.\n{{task}}\n", "code", 1, /no line `---`/],
    [
      "an unknown placeholder",
      whole.replace("{{check}}", "{{chek}} {{check}}"),
      "code",
      7,
      /\{\{chek\}\}.*\{\{check\}\}/,
    ],
    ["a missing one", whole.replace("{{check}}\n", ""), "code", 2, /\{\{check\}\} is missing/],
    ["two missing", "S\n---\n{{task}} {{context}}", "plan", 2, /\{\{pass\}\}, \{\{feedback\}\} are missing/],
    ["one in the system part", `{{task}}\n${whole}`, "code", 1, /system part/],
    ["an empty system part", whole.replace("You work.", ""), "code", 1, /system part.*empty/],
    ["an empty file", "", "spec", 1, /---/],
  ])("%s", (_name, text, type, line, message) => {
    const [problem] = parseTemplate(text, type).problems;
    expect(problem?.line).toBe(line);
    expect(problem?.message).toMatch(message);
  });

  test("blanks inside the braces, and lines that end as on Windows, are fine", () => {
    expect(parseTemplate(whole.replaceAll("{{", "{{ ").replaceAll("\n", "\r\n"), "code").problems).toEqual(
      [],
    );
  });
});

describe("filling in", () => {
  test("what is filled in is not looked at again, whatever stands in it", () => {
    const task = "Keep {{check}} and $& and $1 and {{feedback}} as they are";
    expect(fillIn("{{task}}\n\n{{check}}", { ...none, task, check: "make" })).toBe(`${task}\n\nmake`);
  });

  test("a line of an empty placeholder goes with the blank line after it; the rest stays to the byte", () => {
    expect(fillIn("{{context}}\n\nA\n\n{{pass}}\n\n{{task}}\n\n\nB", { ...none, task: "T\n\n\nT" })).toBe(
      "A\n\nT\n\n\nT\n\n\nB",
    );
    expect(fillIn("x {{pass}} y", none)).toBe("x  y");
  });
});
