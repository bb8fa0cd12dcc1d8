import { expect, test } from "bun:test";
import { executedNoTest } from "./zero-tests.ts";

const none = [
  "# tests 0\n# pass 0\n",
  "ℹ tests 0\nℹ pass 0\n",
  "\t<!-- tests 0 -->\n",
  "===== no tests ran in 0.01s =====",
  "Ran 0 tests in 0.000s\n\nOK",
  "No tests found, exiting with code 0",
  "  0 passing (1ms)\n",
  "?   \texample.com/x\t[no test files]\n",
  "running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored\n",
];
const some = [
  "# tests 3\n# pass 3\n",
  "\t<!-- tests 3 -->\n",
  "===== 2 passed in 0.01s =====",
  "Ran 4 tests in 0.1s\n\nOK",
  "ok  \texample.com/a\t0.01s\n?   \texample.com/x\t[no test files]\n",
  "running 2 tests\ntest result: ok. 2 passed; 0 failed\n\nrunning 0 tests\ntest result: ok. 0 passed; 0 failed\n",
  "all good\n",
  "",
];
test.each(none)("no test executed: %j", (output) => {
  expect(executedNoTest(output)).toBe(true);
});
test.each(some)("tests executed, or no runner known: %j", (output) => {
  expect(executedNoTest(output)).toBe(false);
});
