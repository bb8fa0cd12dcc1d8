// What test runners say of tests that failed. Code under test can end its process with the exit code that it
// likes; a runner that counted failures before contradicts that.
import { plainText } from "./plain-text.ts";

const some = "[1-9]\\d*";

/** Each expression matches a runner's own statement that something failed. */
const statements: readonly RegExp[] = [
  // pytest: `== 1 failed, 2 passed in 0.12s ==`, with -q without the frame.
  new RegExp(`^=* ?(?:\\d+ \\w+, )*${some} (?:failed|errors?)(?:, \\d+ \\w+)* in [\\d.]+s[^\\n]*$`, "m"),
  /^Ran \d+ tests? in [^\n]*\n\n?FAILED \([^\n]*\)$/m, // unittest
  new RegExp(`^[#ℹ] (?:fail|cancelled) ${some}$`, "m"), // node --test, tape
  new RegExp(`^Test(?:s| Suites): +${some} failed, [^\\n]*total$`, "m"), // jest
  new RegExp(`^ *(?:Tests|Test Files) +${some} failed [^\\n]*\\(\\d+\\)$`, "m"), // vitest
  new RegExp(`^ *Errors +${some} errors?$`, "m"), // vitest
  new RegExp(`^ *${some} failing$`, "m"), // mocha
  new RegExp(`^ *${some} fail$`, "m"), // bun test
  /^test result: FAILED\. /m, // cargo
  /^(?:FAIL\t\S+\t[^\n]*|--- FAIL: [^\n]*)$/m, // go test
  new RegExp(`^(?:\\[\\w+\\] )?Tests run: \\d+, (?:Failures: ${some}|Failures: 0, Errors: ${some}),`, "m"), // surefire
  new RegExp(`^\\d+ examples?, ${some} failures?\\b`, "m"), // rspec
  new RegExp(
    `^\\d+ (?:runs|tests), \\d+ assertions, (?:${some} failures, \\d+|0 failures, ${some}) errors,`,
    "m",
  ), // minitest
  /^(?:FAILURES|ERRORS)!\nTests: \d+, /m, // phpunit
  new RegExp(`Failed: +${some}, Passed: +\\d+, Skipped: +\\d+`), // dotnet test
  new RegExp(`^\\d+% tests passed, ${some} tests? failed out of \\d+$`, "m"), // ctest
  /^Result: FAIL$/m, // prove
  /^not ok \d+\b(?![^\n]*# ?(?:SKIP|TODO))[^\n]*$/im, // TAP
];

/** The statement, on one line; null where no known runner says that a test failed. */
export function reportedFailures(output: string): string | null {
  const text = plainText(output);
  const found = statements.map((statement) => statement.exec(text)?.[0]).find((match) => match !== undefined);
  return found === undefined ? null : found.trim().replace(/\s+/g, " ");
}

interface Ran {
  passed: boolean;
  output: string;
}

/**
 * What a check that exited 0 says against it; null where nothing does. A check that succeeds beside failures on
 * the code before as well lets them be: there its exit code is what the person wants.
 */
export function contradicts(now: Ran, onBase: Ran | null): string | null {
  if (!now.passed) return null;
  if (onBase?.passed === true && reportedFailures(onBase.output) !== null) return null;
  return reportedFailures(now.output);
}
