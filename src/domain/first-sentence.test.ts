import { expect, test } from "bun:test";
import { firstSentence } from "./first-sentence.ts";

test.each([
  ["", ""],
  ["\n \n  one line\nanother", "one line"],
  ["The check `a.b` failed with exit code 1.\n\nIts output: …", "The check `a.b` failed with exit code 1."],
  ["First. Second.", "First."],
  ["Version 1.2 is wrong! Mend it.", "Version 1.2 is wrong!"],
  ["The check `! test -e f.txt` failed. It printed nothing.", "The check `! test -e f.txt` failed."],
  ["The check `set -e\n  sh a.sh. b` failed.\nIts output", "The check `set -e sh a.sh. b` failed."],
  ['Spec "Do it! Now." depends on itself. Mend it.', 'Spec "Do it! Now." depends on itself.'],
  ["an `open quote. Then more", "an `open quote."],
  ["ends with a colon:", "ends with a colon:"],
  ["word ".repeat(100), `${"word ".repeat(39)}word …`],
  ["x".repeat(300), `${"x".repeat(100)} …`],
])("the first sentence of %j", (text, expected) => {
  expect(firstSentence(text)).toBe(expected);
});
