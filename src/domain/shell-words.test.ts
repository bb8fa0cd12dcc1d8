import { describe, expect, test } from "bun:test";
import { statementsOf } from "./shell-words.ts";

const wordsOf = (text: string) => statementsOf(text).map(({ words }) => words);
const readOf = (text: string) =>
  statementsOf(text)
    .filter(({ isRead }) => isRead)
    .map(({ words }) => words[0]);

describe("words and statements", () => {
  const cases: [text: string, words: string[][]][] = [
    ["a b; c && d || e & f\ng", [["a", "b"], ["c"], ["d"], ["e"], ["f"], ["g"]]],
    ["a 'b c' \"d e\" f\\ g", [["a", "b c", "d e", "f g"]]],
    ["a b\\\nc # d\n# e\nf", [["a", "bc"], ["f"]]],
    ['a "\\$x \\\\ \\n"', [["a", "$x \\ \\n"]]],
    [
      '. "$(dirname "$0")/lib.sh"',
      [
        ["dirname", "$0"],
        [".", '$(dirname "$0")/lib.sh'],
      ],
    ],
    ["sh ${x:-`pwd`}/a$((1 + 2))", [["sh", "${x:-`pwd`}/a$((1 + 2))"]]],
    ["(cd a && ./b)", [["cd", "a"], ["./b"]]],
    ["a 2>&1 >/dev/null <in b", [["a", "b"]]],
    ["cat <<EOF <<-'X Y'\nsh no.sh\nEOF\n\tsh no2.sh\n\tX Y\nsh yes.sh", [["cat"], ["sh", "yes.sh"]]],
    ["cat <<<word\nb", [["cat"], ["b"]]],
    [
      "diff <(sh a.sh) b",
      [
        ["sh", "a.sh"],
        ["diff", "<()", "b"],
      ],
    ],
    ["a '", [["a", ""]]],
    ["a $(b", [["a", "$(b"]]],
    ["if ! a; then b; fi", [["if", "!", "a"], ["then", "b"], ["fi"]]],
    ["", []],
  ];
  test.each(cases)("%p", (text, words) => {
    expect(wordsOf(text)).toEqual(words);
  });
});

describe("whose output is read", () => {
  const cases: [text: string, read: string[]][] = [
    ["a | grep x", ["a"]],
    ["a | b | grep x", ["a", "b"]],
    ["a | tee log", []],
    ["a 2>&1 | tee log | cat", []],
    ["a | tee log | grep x", ["a", "tee"]],
    ["a > out; b", ["a"]],
    ["a > /dev/null 2>&1; b >&2; c 2> err", []],
    ["a &> out", ["a"]],
    ['[ "$(a)" = b ]', ["a"]],
    ["x=`a`", ["a"]],
    ["a || b", []],
  ];
  test.each(cases)("%p: %p", (text, read) => {
    expect(readOf(text).map(String)).toEqual(read);
  });

  test("what nobody has written ends all the same", () => {
    expect(statementsOf("$(".repeat(50_000)).length).toBeLessThan(100);
    expect(statementsOf('"$(`'.repeat(20_000)).length).toBeLessThan(100_000);
    expect(statementsOf("a;".repeat(200_000)).length).toBeLessThanOrEqual(131_072);
  }, 20_000);
});
