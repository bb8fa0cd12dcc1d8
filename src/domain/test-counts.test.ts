import { expect, test } from "bun:test";
import { executedTests, fewerTests } from "./test-counts.ts";

const counted: [string, number][] = [
  ["# tests 5\n# pass 3\n# fail 1\n# cancelled 0\n# skipped 1\n", 4],
  ["ℹ tests 3\nℹ pass 3\nℹ fail 0\nℹ cancelled 0\n", 3],
  ["# pass 1\n# fail 0\n\n# pass 2\n# fail 0\n", 3],
  ["===== 1 failed, 2 passed, 3 skipped in 0.12s =====", 3],
  ["3 passed in 0.01s", 3],
  ["== 4 passed, 1 warning in 61.02s (0:01:01) ==", 4],
  ["===== 3 skipped in 0.12s =====", 0],
  ["Ran 4 tests in 0.1s\n\nOK\n", 4],
  ["Ran 4 tests in 0.1s\n\nOK (skipped=3)\n", 1],
  ["Ran 4 tests in 0.1s\n\nFAILED (failures=1, skipped=1)\n", 3],
  ["Tests:       1 failed, 1 skipped, 3 passed, 5 total\n", 4],
  ["Tests:       3 passed, 3 total\n", 3],
  [" Test Files  1 passed (1)\n      Tests  1 failed | 3 passed (4)\n", 4],
  ["      Tests  2 passed | 1 skipped (3)\n", 2],
  ["  7 passing (12ms)\n  2 failing\n", 9],
  [" 12 pass\n 0 fail\n 30 expect() calls\n", 12],
  ["test result: ok. 2 passed; 1 failed; 0 ignored\ntest result: ok. 3 passed; 0 failed; 0 ignored\n", 6],
  ["Tests run: 5, Failures: 1, Errors: 0, Skipped: 2\n", 3],
  ["10 examples, 1 failure, 2 pending\n", 8],
  ["6 runs, 9 assertions, 0 failures, 0 errors, 1 skips\n", 5],
  ["OK (3 tests, 5 assertions)\n", 3],
  ["100% tests passed, 0 tests failed out of 8\n", 8],
  ["ok  \texample.com/a\t0.01s\nok  \texample.com/b\t(cached)\nFAIL\texample.com/c\t0.1s\n", 3],
  ["ok  \texample.com/a\t0.01s [no tests to run]\nok  \texample.com/b\t0.01s\n", 1],
  ["--- PASS: TestA (0.00s)\n    --- FAIL: TestA/b (0.00s)\nok  \texample.com/a\t0.01s\n", 2],
  ["1..3\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no\n", 2],
  ["\x1b[32m  7 passing\x1b[0m\r\n", 7],
];
test.each(counted)("%j", (output, count) => {
  expect(executedTests(output)).toBe(count);
});

test.each(["", "ok\n", "all good", "3 files passed the linter", "compiled in 3.2s"])(
  "not known: %j",
  (output) => {
    expect(executedTests(output)).toBeNull();
  },
);

test("fewer than before is told; as many, more, or unknown before is not", () => {
  expect(fewerTests("# pass 3\n# fail 2\n", "# pass 5\n# fail 0\n")).toBeNull();
  expect(fewerTests("# pass 3\n# fail 2\n", "# pass 9\n# fail 0\n")).toBeNull();
  expect(fewerTests("hello", "")).toBeNull();
  expect(fewerTests("# pass 0\n# fail 0\n", "")).toBeNull();
  expect(fewerTests("# pass 3\n# fail 2\n", "# pass 1\n# fail 0\n")).toEqual({ before: 5, now: 1 });
  // Ended before the runner could say anything.
  expect(fewerTests("# pass 3\n# fail 2\n", "")).toEqual({ before: 5, now: 0 });
  expect(fewerTests("# pass 3\n# fail 2\n", "x".repeat(60_000))).toBeNull();
});
