import { expect, test } from "bun:test";
import { nextPass, passesOf, passSection, type Passes } from "./passes.ts";

const five = ["draft", "completeness", "feasibility", "order", "final"] as const;

test.each<[Passes, readonly string[]]>([
  [5, five],
  [1, ["draft"]],
  [3, ["draft", "completeness", "feasibility"]],
  [[], ["draft"]],
  [["draft"], ["draft"]],
  [["final"], ["draft", "final"]],
  [
    ["order", "completeness"],
    ["draft", "order", "completeness"],
  ],
])("passes: %p", (passes, expected) => {
  expect(passesOf(passes)).toEqual([...expected] as never);
});

test("one comes after the other, and after the last none", () => {
  expect([0, 1, 4, 5, 9].map((accepted) => nextPass(five, accepted))).toEqual([
    "draft",
    "completeness",
    "final",
    null,
    null,
  ]);
  expect(nextPass([], 0)).toBeNull();
});

test("the draft has no question; every other pass says which it is and how it ends", () => {
  expect(passSection(five, "draft")).toBe("");
  expect(passSection(five, null)).toBe("");
  for (const [at, name] of five.slice(1).entries()) {
    const section = passSection(five, name);
    expect(section).toContain(`<pass name="${name}" number="${at + 2}" of="5">`);
    expect(section).toContain("create_plan");
    expect(section).toContain("accept_plan");
  }
});
