// How many tests a check executed, from what test runners say at their end. Compared with the same check on
// the code before, it shows a test run that was ended early, emptied, or skipped.
import { plainText } from "./plain-text.ts";

export interface TestCounts {
  passed: number;
  failed: number;
}

/**
 * Groups: `passed` and `failed`, or `total`, of which what failed and what is left out (skipped, pending, expected
 * to fail) is taken off; `rest` holds such numbers by name.
 */
const summaries: readonly RegExp[] = [
  /^[#ℹ] pass (?<passed>\d+)$/gm, // node --test
  /^[#ℹ] (?:fail|cancelled) (?<failed>\d+)$/gm,
  /^\s*<!-- pass (?<passed>\d+) -->$/gm, // the same, as JUnit's XML
  /^\s*<!-- (?:fail|cancelled) (?<failed>\d+) -->$/gm,
  /^Ran (?<total>\d+) tests? in .*\n\n?(?:OK|FAILED)(?: \((?<rest>[^)\n]*)\))?/gm, // unittest
  /^Tests: +(?:(?<failed>\d+) failed, )?(?:\d+ (?:skipped|todo), )*(?:(?<passed>\d+) passed, )?\d+ total$/gm, // jest
  /^ *Tests +(?:(?<failed>\d+) failed)?(?: \| )?(?:(?<passed>\d+) passed)?[^\n]*\(\d+\)$/gm, // vitest
  /^ *(?<passed>\d+) passing\b/gm, // mocha
  /^ *(?<failed>\d+) failing\b/gm,
  /^ *(?<passed>\d+) pass$/gm, // bun test
  /^ *(?<failed>\d+) fail$/gm,
  /^test result: \w+\. (?<passed>\d+) passed; (?<failed>\d+) failed;/gm, // cargo
  /^Tests run: (?<total>\d+), Failures: (?<failed>\d+), Errors: (?<errors>\d+), Skipped: (?<left>\d+)$/gm, // surefire
  /^(?<total>\d+) examples?, (?<failed>\d+) failures?(?:, (?<left>\d+) pending)?/gm, // rspec
  /^(?<total>\d+) (?:runs|tests), \d+ assertions, (?<failed>\d+) failures, (?<errors>\d+) errors, (?<left>\d+) skips/gm, // minitest
  /^OK \((?<total>\d+) tests?, \d+ assertions?\)/gm, // phpunit
  /^Tests: (?<total>\d+), Assertions: \d+(?<rest>(?:, [\w ]+: \d+)*)\.$/gm,
  /Failed: +(?<failed>\d+), Passed: +(?<passed>\d+), Skipped: +\d+/g, // dotnet test
  /^\d+% tests passed, (?<failed>\d+) tests? failed out of (?<total>\d+)$/gm, // ctest
];
/** In `rest`: `failures=1, skipped=2, expected failures=1` and `Failures: 1, Incomplete: 1`. */
const restFailed = /(?<!expected )(?:failures|errors|unexpected successes)(?:=|: )(\d+)/gi;
const restLeft = /(?:skipped|expected failures|incomplete|risky)(?:=|: )(\d+)/gi;

/** pytest: `== 1 failed, 2 passed, 1 skipped in 0.12s ==`, with -q without the frame. */
const pytestLine = /^=* ?((?:\d+ \w+(?:, )?)+) in [\d.]+s[^\n]*$/gm;
// What is expected to fail (`xfailed`) has not passed: code under test can call for that itself.
const pytestPassed = /(\d+) (?:passed|xpassed)\b/g;
const pytestFailed = /(\d+) failed\b/g;

/** One line a test or package; not to be trusted where the middle of a long output was cut. */
const lineCounts: readonly (readonly [passed: RegExp, failed: RegExp])[] = [
  [/^ *--- PASS: /gm, /^ *--- FAIL: /gm], // go test -v; without, it names what failed alone
  [/^ok *\t\S+\t(?:[\d.]+s|\(cached\))(?!.*\[no tests to run\])/gm, /^FAIL\t\S+\t[\d.]+s/gm], // go test
  [/^ok \d+\b(?!.*# ?(?:SKIP|TODO))/gim, /^not ok \d+\b(?!.*# ?(?:SKIP|TODO))/gim], // TAP
];
const wholeCharsMax = 50_000;

/** Null where no known test runner said how many. What was skipped is in neither number. */
export function testCounts(output: string): TestCounts | null {
  const text = plainText(output);
  const found = [...summaries.flatMap((pattern) => [...text.matchAll(pattern)].map(countsOf))];
  for (const [, line = ""] of text.matchAll(pytestLine))
    found.push({ passed: sumOf(line, pytestPassed), failed: sumOf(line, pytestFailed) });
  if (found.length > 0)
    return {
      passed: found.reduce((sum, { passed }) => sum + passed, 0),
      failed: found.reduce((sum, { failed }) => sum + failed, 0),
    };
  if (text.length > wholeCharsMax) return null;
  // Packages are what `go test` counts where it does not name the tests that passed.
  const kinds = /^ *--- PASS: |^=== RUN /m.test(text) ? lineCounts : lineCounts.slice(1);
  for (const [passed, failed] of kinds) {
    const counts = { passed: text.match(passed)?.length ?? 0, failed: text.match(failed)?.length ?? 0 };
    if (counts.passed + counts.failed > 0) return counts;
  }
  return null;
}

function countsOf({ groups = {} }: RegExpMatchArray): TestCounts {
  const { rest = "" } = groups;
  const number = (name: string) => Number(groups[name] ?? 0);
  const failed = number("failed") + number("errors") + sumOf(rest, restFailed);
  if (groups["total"] === undefined) return { passed: number("passed"), failed };
  const executed = Math.max(0, number("total") - number("left") - sumOf(rest, restLeft));
  // A test may fail more than once (subtests).
  return { passed: Math.max(0, executed - failed), failed: Math.min(executed, failed) };
}

function sumOf(text: string, pattern: RegExp): number {
  return [...text.matchAll(pattern)].reduce((sum, [, number]) => sum + Number(number), 0);
}

interface Ran {
  passed: boolean;
  output: string;
}

/**
 * Whether in a check that exited 0 fewer tests passed than the same check executed on the code before, by the
 * runner's own words; null where it did not, or where nothing can be said.
 */
export function fewerTests(before: Ran, nowOutput: string): { before: number; now: number } | null {
  const old = testCounts(before.output);
  const now = testCounts(nowOutput);
  // Where the check succeeded beside failures, it lets them be.
  const wanted = old === null ? 0 : before.passed ? old.passed : old.passed + old.failed;
  if (wanted === 0) return null;
  if (nowOutput.length > wholeCharsMax && now === null) return null;
  const passed = now?.passed ?? 0;
  return passed < wanted ? { before: wanted, now: passed } : null;
}
