import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { widthOf } from "./terminal.ts";
import { cleanDiffLine, cleanLine, cleanOutputLine, cleanText, fit, wrap, wrapHard } from "./text.ts";

const anything = fc.string({ unit: "binary", maxLength: 60 });
/** Pieces that terminals obey, between ordinary ones. */
const hostile = fc
  .array(
    fc.oneof(
      anything,
      fc.constantFrom(
        "\x1b[",
        "\x1b]0;",
        "\x07",
        "\x1b\\",
        "\x9b",
        "\r",
        "\t",
        "\u202e",
        "語",
        "👨‍👩‍👧",
        "é",
        "m",
        "1;31",
      ),
    ),
  )
  .map((parts) => parts.join(""));

const obeyed = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/;

describe("what others wrote is harmless", () => {
  const cases: [name: string, raw: string, clean: string][] = [
    ["colours", "\x1b[1;31mred\x1b[0m", "red"],
    ["a title set by OSC, ended by BEL", "a\x1b]0;owned\x07b", "ab"],
    ["a link by OSC 8, ended by ST", "\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\", "text"],
    ["clipboard writing", "\x1b]52;c;cm0gLXJm\x07ok", "ok"],
    ["a device control string", "\x1bP1$r0m\x1b\\ok", "ok"],
    ["8-bit CSI", "\x9b31mred", "red"],
    ["cursor movement and clearing", "\x1b[2J\x1b[Hhome", "home"],
    ["backspaces and bells", "a\b\b\x07b", "ab"],
    ["bidi overrides", "user\u202enimda", "usernimda"],
    ["invisible characters", "a\u200b\ufeff\u2060b\u{e0041}", "ab"],
    ["an emoji of several characters stays whole", "👨‍👩‍👧", "👨‍👩‍👧"],
    ["stacked marks are cut to what a language has", "e" + "\u0301".repeat(50), "e" + "\u0301".repeat(4)],
    ["half a surrogate pair", "a\ud800b", "a\ufffdb"],
    ["tabs go to columns", "a\tb", "a   b"],
  ];
  test.each(cases)("%s", (_name, raw, clean) => {
    expect(cleanLine(raw)).toBe(clean);
  });

  test("nothing that a terminal obeys is ever left", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        for (const clean of [cleanText(text), cleanLine(text), cleanOutputLine(text), cleanDiffLine(text)]) {
          expect(obeyed.test(clean)).toBe(false);
        }
      }),
    );
  });

  test("a progress bar shows its last state", () => {
    expect(cleanOutputLine("10%\r50%\r100%\r")).toBe("100%");
  });

  test("a diff shows what it would do instead of hiding it", () => {
    expect(cleanDiffLine("+\x1b[2Jgone")).toBe("+^[[2Jgone");
  });
});

describe("cutting and wrapping", () => {
  test.each([
    ["abc", 3, "abc"],
    ["abcd", 3, "ab…"],
    ["日本語", 5, "日本…"],
    ["日本語", 4, "日…"],
    ["abc", 1, "…"],
    ["abc", 0, ""],
    ["👨‍👩‍👧x", 2, "…"],
  ])("%s in %d columns", (text, columns, expected) => {
    expect(fit(text, columns, "…")).toBe(expected);
  });

  test("nothing is ever wider than asked for", () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 2, max: 40 }), (raw, columns) => {
        const text = cleanLine(raw);
        expect(widthOf(fit(text, columns, "…"))).toBeLessThanOrEqual(columns);
        for (const row of wrapHard(text, columns)) expect(widthOf(row)).toBeLessThanOrEqual(columns);
        for (const row of wrap(text, columns)) expect(widthOf(row)).toBeLessThanOrEqual(columns);
      }),
    );
  });

  test("hard wrapping loses nothing", () => {
    fc.assert(
      fc.property(hostile, fc.integer({ min: 2, max: 40 }), (raw, columns) => {
        const text = cleanLine(raw);
        expect(wrapHard(text, columns).join("")).toBe(text);
      }),
    );
  });

  test("continued lines of a list item are indented", () => {
    expect(wrap("- one two three", 9, "  ")).toEqual(["- one", "  two", "  three"]);
  });
});
