import { expect, test } from "bun:test";
import { contradicts, reportedFailures } from "./reported-failures.ts";

const failed: [name: string, output: string][] = [
  ["pytest", "F.\n===== 1 failed, 2 passed, 3 skipped in 0.12s ====="],
  ["pytest -q", "FF\n2 failed in 0.16s\n"],
  ["pytest, what it could not load", "1 passed, 2 errors in 0.10s\n"],
  ["unittest", "Ran 4 tests in 0.1s\n\nFAILED (failures=1, skipped=1)\n"],
  ["node --test, TAP", "# tests 2\n# pass 1\n# fail 1\n"],
  ["node --test, spec", "ℹ pass 1\nℹ fail 0\nℹ cancelled 1\n"],
  ["jest", "Tests:       1 failed, 3 passed, 4 total\n"],
  ["jest, a file", "Test Suites: 1 failed, 1 passed, 2 total\n"],
  ["vitest", " Test Files  1 failed (1)\n      Tests  1 failed | 3 passed (4)\n"],
  ["vitest, outside of the tests", "      Tests  3 passed (3)\n     Errors  1 error\n"],
  ["mocha", "  7 passing (12ms)\n  2 failing\n"],
  ["bun", " 12 pass\n 1 fail\n"],
  ["cargo", "test result: FAILED. 2 passed; 1 failed; 0 ignored\n"],
  ["go", "ok  \tx/a\t0.01s\nFAIL\tx/b\t0.1s\n"],
  ["go -v", "--- FAIL: TestA (0.00s)\nok  \tx/a\t0.01s\n"],
  ["surefire", "Tests run: 5, Failures: 0, Errors: 1, Skipped: 2\n"],
  ["rspec", "10 examples, 1 failure, 2 pending\n"],
  ["minitest", "6 runs, 9 assertions, 0 failures, 2 errors, 1 skips\n"],
  ["phpunit", "FAILURES!\nTests: 3, Assertions: 5, Failures: 1.\n"],
  ["dotnet", "Failed!  - Failed:     1, Passed:     3, Skipped:     0, Total:     4\n"],
  ["ctest", "90% tests passed, 1 tests failed out of 8\n"],
  ["prove", "Result: FAIL\n"],
  ["TAP", "1..2\nok 1 - a\nnot ok 2 - b\n"],
  ["in colours", "\x1b[31m  2 failing\x1b[0m\r\n"],
];
test.each(failed)("%s says that something failed", (_name, output) => {
  expect(reportedFailures(output)).not.toBeNull();
});

const passed: string[] = [
  "===== 2 passed, 1 xfailed, 1 warning in 0.12s =====",
  "Ran 4 tests in 0.1s\n\nOK (skipped=1, expected failures=1)\n",
  "# pass 3\n# fail 0\n# cancelled 0\n# todo 1\n",
  "Tests:       1 skipped, 3 passed, 4 total\nTest Suites: 2 passed, 2 total\n",
  "  7 passing (12ms)\n  2 pending\n",
  " 12 pass\n 0 fail\n",
  "test result: ok. 2 passed; 0 failed; 0 ignored\n",
  "ok  \tx/a\t0.01s\n",
  "Tests run: 5, Failures: 0, Errors: 0, Skipped: 2\n",
  "10 examples, 0 failures\n6 runs, 9 assertions, 0 failures, 0 errors, 1 skips\n",
  "100% tests passed, 0 tests failed out of 8\n",
  "ok 1 - a\nnot ok 2 - b # TODO later\nnot ok 3 - c # SKIP no\n",
  "    not ok 1 - of a test that runs another\nok 1 - all\n",
  "retried after 2 failed attempts\nthe case of a failing server\n",
  "FAILED logins are counted\n",
  "",
];
test.each(passed)("nothing failed: %j", (output) => {
  expect(reportedFailures(output)).toBeNull();
});

test("an exit code of 0 beside it is contradicted, unless the code before did the same", () => {
  const now = { passed: true, output: "2 failed in 0.16s\n" };
  expect(contradicts(now, null)).toBe("2 failed in 0.16s");
  expect(contradicts(now, { passed: false, output: "2 failed in 0.16s\n" })).toBe("2 failed in 0.16s");
  expect(contradicts(now, { passed: true, output: "2 passed in 0.16s\n" })).toBe("2 failed in 0.16s");
  // A check that lets tests fail, as it did before: its exit code counts.
  expect(contradicts(now, { passed: true, output: "1 failed in 0.16s\n" })).toBeNull();
  expect(contradicts({ passed: false, output: now.output }, null)).toBeNull();
  expect(contradicts({ passed: true, output: "2 passed in 0.16s\n" }, null)).toBeNull();
});
