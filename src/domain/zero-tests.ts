// Recognises, from a test runner's own closing lines, that it executed no test: such a run proves nothing.

/** Each pattern matches a runner's statement that zero tests ran. */
const zeroPatterns: readonly RegExp[] = [
  /^# tests 0$/m, // node --test (TAP)
  /^ℹ tests 0$/m, // node --test (spec)
  /^\s*<!-- tests 0 -->$/m, // node --test (junit)
  /\bno tests ran\b/i, // pytest
  /^collected 0 items$/m, // pytest
  /^Ran 0 tests in /m, // unittest
  /^No tests? (?:files? )?found/im, // jest, vitest
  /^\s*0 passing\b/m, // mocha
  /^No tests to run/im, // ctest, maven
  /^Tests run: 0, Failures: 0/m, // surefire
  /^\s*0 pass$/m, // bun test
];
/** Each pattern matches a statement that some test ran, which outweighs the above (several packages, one empty). */
const somePatterns: readonly RegExp[] = [
  /^[#ℹ] tests [1-9]/m,
  /^\s*<!-- tests [1-9]/m,
  /\b[1-9]\d* passed\b/,
  /^Ran [1-9]\d* tests? in /m,
  /^\s*[1-9]\d* passing\b/m,
  /^ok\s+\S+\s+[\d.(]/m, // go test of a package with tests
  /^test result: \w+\. [1-9]\d* passed/m, // cargo
  /^Tests run: [1-9]/m,
  /^\s*[1-9]\d* pass$/m,
];

export function executedNoTest(output: string): boolean {
  if (somePatterns.some((pattern) => pattern.test(output))) return false;
  if (zeroPatterns.some((pattern) => pattern.test(output))) return true;
  // go: every package says that it has no test files; cargo: every suite is empty.
  const go = output.match(/^\?\s+\S+\s+\[no test files\]$/gm);
  const cargo = output.match(/^running 0 tests$/gm);
  return Boolean(go?.length) || Boolean(cargo?.length && !/^running [1-9]/m.test(output));
}
