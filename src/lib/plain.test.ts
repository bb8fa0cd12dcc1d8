import { describe, expect, test } from "bun:test";
import { cutColumns, plain, plainLine, visible } from "./plain.ts";

describe("plain", () => {
  const cases: [string, string, string][] = [
    ["colours", "\x1b[31mred\x1b[0m", "red"],
    ["cursor movement", "a\x1b[2J\x1b[1;1Hb", "ab"],
    ["a window title", "\x1b]0;owned\x07text", "text"],
    ["a link", "\x1b]8;;https://x.test\x1b\\link\x1b]8;;\x1b\\", "link"],
    ["an unfinished string hides nothing", "a\x1b]0;never\nends", "a0;never\nends"],
    ["a device control string", "\x1bP1$r0m\x1b\\x", "x"],
    ["C1 introducers", "a\x9b31mb\x85c", "abc"],
    ["an escape of two characters", "\x1bcreset", "reset"],
    ["a bare escape at the end", "a\x1b", "a"],
    ["carriage returns that overwrite", "safe\rEVIL", "safeEVIL"],
    ["Windows line ends", "a\r\nb", "a\nb"],
    ["bells, backspaces and NUL", "a\x07\x08\x00b", "ab"],
    ["bidirectional overrides", "a\u202eb\u2066c", "abc"],
    ["tabs and newlines stay", "a\tb\nc", "a\tb\nc"],
    ["umlauts and emoji stay", "größer 🚀 日本", "größer 🚀 日本"],
  ];
  for (const [name, input, output] of cases) test(name, () => expect(plain(input)).toBe(output));

  test("one line of several", () => expect(plainLine("  a\n\n b\t\x1b[1mc ")).toBe("a b c"));
});

describe("cutColumns", () => {
  test("keeps what fits", () => expect(cutColumns("abcdef", 6)).toBe("abcdef"));
  test("cuts with a mark", () => expect(cutColumns("abcdefg", 6)).toBe("abcde…"));
  test("counts wide characters twice", () => expect(cutColumns("日本語です", 6)).toBe("日本…"));
  test("counts combining marks not at all", () =>
    expect(cutColumns("a\u0301b\u0301c", 3)).toBe("a\u0301b\u0301c"));
  test("nothing fits into nothing", () => expect(cutColumns("abc", 0)).toBe(""));
});

test("visible writes out what a terminal would obey", () => {
  expect(visible("a\x1b[31m\x07\x7f\x9b\u202e\tb\n")).toBe("a^[[31m^G^?<U+009B><U+202E>\tb\n");
});
