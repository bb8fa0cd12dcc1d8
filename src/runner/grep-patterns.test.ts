// Regular expressions: our own search must agree with ripgrep on what matches, and on what is no pattern.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ask, same } from "../../test/support/grep.ts";
import { makeToolBench, type ToolBench } from "../../test/support/tools.ts";

let bench: ToolBench;
beforeEach(() => {
  bench = makeToolBench();
});
afterEach(() => bench.remove());

describe("patterns", () => {
  const lines = [
    "function main(args: string[]): void {",
    "  return foo(bar, baz) + 42; // TODO: x",
    "Grüße aus Köln — ΑΒΓ αβγ ЖЖ 日本語 ٣",
    "const re = /a+b*/; [x] {y} (z) $1 ^2 | 3 . \\",
    "",
    "   ",
    "tab\tend",
    "trailing space ",
    "aaa aab abb bbb aXb",
    "foo_bar foo-bar fooBar FOO",
    "carriage return\r",
    "😀 emoji e\u0301",
    "quotes \"a\" 'b' `c`",
    "https://example.com:8080/path?x=1&y=2#z",
    "1.5e10 0x1F 007",
  ];
  const patterns = [
    ...[
      "foo",
      "FOO",
      "(?i)foo",
      "(?i)GRÜSSE|grüße",
      "(?i:foo)Bar",
      "foo(?i)bar",
      "x|y|z",
      "^$",
      "^\\s*$",
      "^",
      "$",
    ],
    ...[
      "\\bfoo\\b",
      "\\Bbar",
      "\\bΑΒΓ\\b",
      "\\w+\\s\\w+",
      "^\\W",
      "\\d+",
      "\\D$",
      "\\S$",
      "[[:digit:]]{3}",
      "[^[:alpha:][:space:]]$",
    ],
    ...[
      "a{2}b",
      "a{2,}",
      "^a{1,2}b",
      "(ab|b)+$",
      "(a|b)*c",
      "a.b",
      "^.{5}$",
      "\\.$",
      "\\$1",
      "\\^2",
      "\\[x\\]",
      "\\{y\\}",
      "\\(z\\)",
      "\\|",
    ],
    ...[
      "[abc]{3}",
      "[^a-z ]+",
      "[a-c&&b-z]{3}",
      "[a-z--x-z]+$",
      "[\\]x]",
      "[]x]",
      "[-a]",
      "[a-]",
      "[\\d.]+e",
      "[\\w&&[^\\d]]",
    ],
    ...[
      "(?i)[^a]{4}",
      "(?i)[^[:lower:]]{3}",
      "(?i)\\P{Lu}{5}",
      "(?i)[a-c]{3}",
      "(?i)[^\\x41-\\x43 ]{5}",
      "(?i)\\p{Lu}{3}",
      "\\p{Greek}",
      "\\p{Cyrillic}{2}",
      "\\pL",
      "\\P{L}$",
      "\\p{Lu}\\p{Ll}",
      "[\\p{Han}]",
      "\\x41",
      "\\x{1F600}",
      "\\u00fc",
      "ü",
      "日本",
      "\\t",
      "😀",
    ],
    ...[
      "(?P<name>foo)_",
      "(?:foo|bar)_bar",
      "(?x) f o o # comment",
      "a+?b",
      "a*?",
      "x??y?",
      "(?s).",
      "(?m)^foo",
      "(?U)a+",
    ],
    ...[
      "TODO:",
      "//",
      "https?://[^/]+/",
      '"[^"]*"',
      "'",
      "`",
      "\\\\",
      "#z",
      "&y",
      "e\u0301",
      "\\s$",
      "\\r$",
      "return\\b",
      "}",
      "]",
      "(^foo|foo$)",
    ],
    // What both refuse.
    ...[
      "(",
      ")",
      "[",
      "a{",
      "{",
      "*",
      "+a",
      "?",
      "a{2",
      "a{x}",
      "a{3,1}",
      "(?=x)",
      "(?!x)",
      "(?<=x)",
      "(?<!x)",
      "(a)\\1",
      "\\q",
      "\\",
      "(?z)",
      "[z-a]",
    ],
    ...[
      "\\p{Nonsense}",
      "\\x{110000}",
      "\\x4",
      "a\nb",
      "a\\nb",
      "[a",
      "(?P<n",
      "x{5000}{5000}",
      "\\Z",
      "\\8",
    ],
  ];

  test.each(patterns)("%j", async (pattern) => {
    bench.write("lines.txt", `${lines.join("\n")}\n`);
    await same(bench, { pattern });
  });

  test("a pattern of pieces that go together any way", async () => {
    bench.write("lines.txt", `${lines.join("\n")}\n`);
    const atom = fc.constantFrom(
      "a",
      "b",
      "x",
      ".",
      "\\w",
      "\\d",
      "\\s",
      "[a-c]",
      "[^a]",
      "ö",
      "\\b",
      "o",
      "(?i)f",
      "\\.",
      " ",
    );
    const piece = fc.tuple(atom, fc.constantFrom("", "", "", "*", "+", "?", "{2}", "{0,2}", "+?"));
    const sequence = fc.array(piece, { minLength: 1, maxLength: 4 }).map((parts) => parts.flat().join(""));
    // Anchors at the ends only: ripgrep 13 misses empty lines for "($)+^".
    const anchored = fc
      .tuple(fc.constantFrom("", "^"), sequence, fc.constantFrom("", "$"))
      .map((parts) => parts.join(""));
    const pattern = fc.oneof(
      anchored,
      fc.tuple(sequence, sequence).map(([a, b]) => `${a}|${b}`),
      fc.tuple(sequence, sequence).map(([a, b]) => `(${a})+${b}`),
    );
    await fc.assert(
      fc.asyncProperty(pattern, async (each) => void (await same(bench, { pattern: each }))),
      { numRuns: 150 },
    );
  }, 60_000);

  test("takes no longer for a pattern that would explode", async () => {
    bench.write("a.txt", `${"a".repeat(50_000)}!\n`);
    expect(await bench.call("grep", { pattern: "(a+)+$" })).toContain("No match");
    expect(await bench.call("grep", { pattern: "(a|aa)+b" })).toContain("No match");
    expect(await bench.call("grep", { pattern: "(.*)(.*)(.*)(.*)(.*)x" })).toContain("No match");
    expect(await bench.call("grep", { pattern: "(a|b)*a(a|b){14}c" })).toContain("No match");
  });

  test("a failure says what to write instead", async () => {
    const answer = await ask(bench, { pattern: "foo(" });
    expect(answer).toHaveProperty("failed");
    expect(JSON.stringify(answer)).toContain("need a backslash");
    expect(JSON.stringify(await ask(bench, { pattern: "(?=x)" }))).toContain("look-around");
  });
});
