import { expect, test } from "bun:test";
import { fewerTests, testCounts } from "./test-counts.ts";

const counted: [output: string, passed: number, failed: number][] = [
  ["# tests 5\n# pass 3\n# fail 1\n# cancelled 0\n# skipped 1\n", 3, 1],
  ["ℹ tests 3\nℹ pass 3\nℹ fail 0\nℹ cancelled 0\nℹ todo 2\n", 3, 0],
  ["</testsuites>\n\t<!-- tests 5 -->\n\t<!-- pass 3 -->\n\t<!-- fail 1 -->\n\t<!-- cancelled 1 -->\n", 3, 2],
  ["# pass 1\n# fail 0\n\n# pass 2\n# fail 0\n", 3, 0],
  ["===== 1 failed, 2 passed, 3 skipped in 0.12s =====", 2, 1],
  ["3 passed in 0.01s", 3, 0],
  ["== 4 passed, 1 warning in 61.02s (0:01:01) ==", 4, 0],
  ["===== 3 skipped in 0.12s =====", 0, 0],
  ["1 passed, 2 xfailed, 1 xpassed in 0.1s", 2, 0],
  ["Ran 4 tests in 0.1s\n\nOK\n", 4, 0],
  ["Ran 4 tests in 0.1s\n\nOK (skipped=3)\n", 1, 0],
  ["Ran 4 tests in 0.1s\n\nOK (skipped=1, expected failures=2)\n", 1, 0],
  ["Ran 5 tests in 0.1s\n\nFAILED (failures=1, errors=1, skipped=1)\n", 2, 2],
  ["Ran 1 test in 0.1s\n\nFAILED (failures=3)\n", 0, 1],
  ["Tests:       1 failed, 1 skipped, 3 passed, 5 total\n", 3, 1],
  ["Tests:       2 todo, 3 passed, 5 total\n", 3, 0],
  [" Test Files  1 passed (1)\n      Tests  1 failed | 3 passed (4)\n", 3, 1],
  ["      Tests  2 passed | 1 skipped (3)\n", 2, 0],
  ["  7 passing (12ms)\n  3 pending\n  2 failing\n", 7, 2],
  [" 12 pass\n 1 skip\n 2 fail\n 30 expect() calls\n", 12, 2],
  ["test result: ok. 2 passed; 1 failed; 4 ignored\ntest result: ok. 3 passed; 0 failed; 0 ignored\n", 5, 1],
  ["Tests run: 5, Failures: 1, Errors: 0, Skipped: 2\n", 2, 1],
  ["10 examples, 1 failure, 2 pending\n", 7, 1],
  ["6 runs, 9 assertions, 0 failures, 1 errors, 1 skips\n", 4, 1],
  ["OK (3 tests, 5 assertions)\n", 3, 0],
  [
    "OK, but incomplete, skipped, or risky tests!\nTests: 5, Assertions: 5, Skipped: 1, Incomplete: 1.\n",
    3,
    0,
  ],
  ["FAILURES!\nTests: 3, Assertions: 3, Failures: 1.\n", 2, 1],
  ["Passed!  - Failed:     0, Passed:     3, Skipped:     1, Total:     4\n", 3, 0],
  ["100% tests passed, 0 tests failed out of 8\n", 8, 0],
  ["ok  \texample.com/a\t0.01s\nok  \texample.com/b\t(cached)\nFAIL\texample.com/c\t0.1s\n", 2, 1],
  ["--- FAIL: TestC (0.00s)\nFAIL\nFAIL\texample.com/c\t0.1s\nok  \texample.com/b\t(cached)\n", 1, 1],
  ["ok  \texample.com/a\t0.01s [no tests to run]\nok  \texample.com/b\t0.01s\n", 1, 0],
  [
    "--- PASS: TestA (0.00s)\n--- SKIP: TestC\n    --- FAIL: TestA/b (0.00s)\nok  \texample.com/a\t0.01s\n",
    1,
    1,
  ],
  ["1..4\nok 1 - a\nnot ok 2 - b\nok 3 - c # SKIP no\nnot ok 4 - d # TODO\n", 1, 1],
  ["\x1b[32m  7 passing\x1b[0m\r\n", 7, 0],
];
test.each(counted)("%j", (output, passed, failed) => {
  expect(testCounts(output)).toEqual({ passed, failed });
});

test.each(["", "ok\n", "all good", "3 files passed the linter", "compiled in 3.2s"])(
  "not known: %j",
  (output) => {
    expect(testCounts(output)).toBeNull();
  },
);

test("fewer than before is told; as many, more, or unknown before is not", () => {
  const red = { passed: false, output: "# pass 3\n# fail 2\n" };
  expect(fewerTests(red, "# pass 5\n# fail 0\n")).toBeNull();
  expect(fewerTests(red, "# pass 9\n# fail 0\n")).toBeNull();
  expect(fewerTests({ passed: false, output: "hello" }, "")).toBeNull();
  expect(fewerTests({ passed: false, output: "# pass 0\n# fail 0\n" }, "")).toBeNull();
  expect(fewerTests(red, "# pass 1\n# fail 0\n")).toEqual({ before: 5, now: 1 });
  // Ended before the runner could say anything.
  expect(fewerTests(red, "")).toEqual({ before: 5, now: 0 });
  expect(fewerTests(red, "x".repeat(60_000))).toBeNull();
});

test("what is skipped, or expected to fail, has not passed", () => {
  const red = { passed: false, output: "1 failed, 1 passed in 0.1s\n" };
  expect(fewerTests(red, "2 xfailed in 0.1s\n")).toEqual({ before: 2, now: 0 });
  expect(fewerTests(red, "1 passed, 1 skipped in 0.1s\n")).toEqual({ before: 2, now: 1 });
  expect(fewerTests(red, "2 passed, 1 xfailed in 0.1s\n")).toBeNull();
});

test("a check that succeeds beside failures goes by what passed", () => {
  const lets = { passed: true, output: "1 failed, 3 passed in 0.1s\n" };
  expect(fewerTests(lets, "1 failed, 3 passed in 0.1s\n")).toBeNull();
  expect(fewerTests(lets, "2 failed, 2 passed in 0.1s\n")).toEqual({ before: 3, now: 2 });
});
