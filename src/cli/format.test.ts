import { describe, expect, test } from "bun:test";
import { loopStatuses, runStates } from "../domain/loop-states.ts";
import {
  age,
  duration,
  fit,
  head,
  icon,
  indent,
  money,
  paint,
  stateText,
  styleOf,
  type Style,
} from "./format.ts";

const bare: Style = { colour: false, unicode: true, columns: null };

test("durations", () => {
  const cases: [number, string][] = [
    [-5, "0 ms"],
    [0, "0 ms"],
    [999, "999 ms"],
    [1500, "1.5 s"],
    [12_400, "12 s"],
    [185_000, "3 min 5 s"],
    [7_800_000, "2 h 10 min"],
  ];
  for (const [ms, text] of cases) expect(duration(ms)).toBe(text);
});

test("ages", () => {
  const cases: [number, string][] = [
    [-1, "0s"],
    [59_999, "59s"],
    [60_000, "1m"],
    [3_600_000, "1h"],
    [90_000_000, "1d"],
  ];
  for (const [ms, text] of cases) expect(age(ms)).toBe(text);
});

test("money", () => {
  expect([money(0), money(0.004), money(0.01), money(12.345)]).toEqual([
    "$0.00",
    "<$0.01",
    "$0.01",
    "$12.35",
  ]);
});

describe("icons", () => {
  test("every state has one, of one column, in both character sets", () => {
    for (const state of [...loopStatuses, ...runStates]) {
      expect([...icon(bare, state)]).toHaveLength(1);
      expect(icon({ ...bare, unicode: false }, state)).toMatch(/^[\x21-\x7e]$/);
    }
  });

  test("differ in shape where the loop stands differently", () => {
    const ascii = { ...bare, unicode: false };
    const shapes = [
      "pending",
      "running",
      "awaiting_approval",
      "paused",
      "complete",
      "failed",
      "stalled",
    ] as const;
    expect(new Set(shapes.map((state) => icon(ascii, state))).size).toBe(shapes.length);
  });
});

test("colours only where they are wanted", () => {
  expect(paint(bare, "red", "x")).toBe("x");
  expect(paint({ ...bare, colour: true }, "red", "x")).toBe("\x1b[31mx\x1b[0m");
  expect(stateText(bare, "awaiting_approval", 20)).toBe("awaiting approval   ");
});

test("the character set follows the locale", () => {
  const unicode = (env: Record<string, string>) => styleOf({ colour: false }, env).unicode;
  expect(unicode({ LANG: "en_US.UTF-8" })).toBe(true);
  expect(unicode({ LANG: "de_DE.utf8" })).toBe(true);
  expect(unicode({ LC_ALL: "C", LANG: "en_US.UTF-8" })).toBe(false);
  expect(unicode({})).toBe(false);
});

test("text is cut only on a terminal", () => {
  expect(fit(bare, "abcdef")).toBe("abcdef");
  expect(fit({ ...bare, columns: 5 }, "abcdef", 1)).toBe("abc…");
  expect(fit({ ...bare, columns: 5 }, "abcdef", 9)).toBe("");
});

test("blocks of text", () => {
  expect(indent("a\n\nb\n", "  ")).toBe("  a\n\n  b");
  expect(head("a\nb\nc\n", 2)).toBe("a\nb\n… 1 more lines");
  expect(head("a\nb", 2)).toBe("a\nb");
});
