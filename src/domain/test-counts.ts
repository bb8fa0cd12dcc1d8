// How many tests a check executed, from what test runners say at their end. Compared with the same check on
// the code before, it shows a test run that was ended early, emptied, or skipped.
import { plainText } from "./plain-text.ts";

/** Each expression's groups are numbers to add; a group named `minus` is taken off. */
const summaries: readonly RegExp[] = [
  /^[#ℹ] (?:pass|fail|cancelled) (\d+)$/gm, // node --test
  /^Ran (\d+) tests? in .*\n\n?(?:OK|FAILED)(?: \([^)\n]*skipped=(?<minus>\d+)[^)\n]*\))?/gm, // unittest
  /^Tests: +(?:(\d+) failed, )?(?:\d+ (?:skipped|todo), )*(?:(\d+) passed, )?\d+ total$/gm, // jest
  /^ *Tests +(?:(\d+) failed)?(?: \| )?(?:(\d+) passed)?[^\n]*\(\d+\)$/gm, // vitest
  /^ *(\d+) (?:passing|failing)\b/gm, // mocha
  /^ *(\d+) (?:pass|fail)$/gm, // bun test
  /^test result: \w+\. (\d+) passed; (\d+) failed;/gm, // cargo
  /^Tests run: (\d+), Failures: \d+, Errors: \d+, Skipped: (?<minus>\d+)$/gm, // surefire
  /^(\d+) examples?, \d+ failures?(?:, (?<minus>\d+) pending)?/gm, // rspec
  /^(\d+) (?:runs|tests), \d+ assertions, \d+ failures, \d+ errors, (?<minus>\d+) skips/gm, // minitest
  /^OK \((\d+) tests?, \d+ assertions?\)/gm, // phpunit
  /Failed: +(\d+), Passed: +(\d+), Skipped: +\d+/g, // dotnet test
  /^\d+% tests passed, \d+ tests? failed out of (\d+)$/gm, // ctest
];
/** pytest: `== 1 failed, 2 passed, 1 skipped in 0.12s ==`, with -q without the frame. */
const pytestLine = /^=* ?((?:\d+ \w+(?:, )?)+) in [\d.]+s[^\n]*$/gm;
const pytestCounts = /(\d+) (?:passed|failed|xpassed|xfailed)\b/g;

/** One line a test or package; not to be trusted where the middle of a long output was cut. */
const lineCounts: readonly RegExp[] = [
  /^ *--- (?:PASS|FAIL): /gm, // go test -v
  /^(?:ok *|FAIL)\t\S+\t(?:[\d.]+s|\(cached\))(?!.*\[no tests to run\])/gm, // go test
  /^(?:not )?ok \d+\b(?!.*# ?SKIP)/gim, // TAP
];
const wholeCharsMax = 50_000;

/** Null where no known test runner said how many. */
export function executedTests(output: string): number | null {
  const text = plainText(output);
  const sums = summaries.map((pattern) => sumOf(text, pattern));
  const pytest = [...text.matchAll(pytestLine)].map(([, counts = ""]) => sumOf(counts, pytestCounts) ?? 0);
  if (pytest.length > 0) sums.push(pytest.reduce((sum, each) => sum + each, 0));
  const known = sums.filter((sum) => sum !== null);
  if (known.length > 0) return known.reduce((sum, each) => sum + each, 0);
  if (text.length > wholeCharsMax) return null;
  for (const pattern of lineCounts) {
    const lines = text.match(pattern);
    if (lines) return lines.length;
  }
  return null;
}

function sumOf(text: string, pattern: RegExp): number | null {
  let sum: number | null = null;
  for (const match of text.matchAll(pattern)) {
    const minus = Number(match.groups?.["minus"] ?? 0);
    const all = match.slice(1).reduce((total, group) => total + Number(group ?? 0), 0);
    // The group to take off is among all of them.
    sum = (sum ?? 0) + all - 2 * minus;
  }
  return sum;
}

/**
 * Whether a check that exited 0 executed fewer tests than the same check on the code before, by the runner's
 * own words; null where it did not, or where nothing can be said.
 */
export function fewerTests(before: string, now: string): { before: number; now: number } | null {
  const counts = { before: executedTests(before), now: executedTests(now) };
  if (counts.before === null || counts.before === 0) return null;
  if (now.length > wholeCharsMax && counts.now === null) return null;
  return (counts.now ?? 0) < counts.before ? { before: counts.before, now: counts.now ?? 0 } : null;
}
