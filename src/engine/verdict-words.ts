// What a verdict says: how a check ended, for the next iteration, and what the person is warned of.
import { shownPaths } from "../domain/shown-paths.ts";
import type { CheckResult } from "../domain/evidence.ts";

export function headline(result: CheckResult): string {
  switch (result.ending) {
    case "timeout":
      return `The check \`${result.command}\` did not end within its time limit and was stopped.`;
    case "killed":
      return `The check \`${result.command}\` was killed before it ended.`;
    case "setup_failed":
      return `The set-up \`${result.command}\` failed (exit code ${result.exit_code ?? "none"}).`;
    case "zero_tests":
      return `The check \`${result.command}\` exited 0 but executed no test; that proves nothing.`;
    case "fewer_tests":
      return `The check \`${result.command}\` exited 0, but fewer tests passed than were executed on the code before your change. Something ends the run of the tests early, or hides, skips or expects the failure of some; all of them have to run and pass.`;
    case "failures_reported":
      return `The check \`${result.command}\` exited 0, but its test runner says that tests failed. Something ends the run with another exit code than the runner's; that proves nothing.`;
    case "not_runnable":
    case "exited":
      return `The check \`${result.command}\` failed with exit code ${result.exit_code ?? "none"}.`;
  }
}

export function aboutTold(paths: readonly string[]): string {
  return (
    `the run changes ${shownPaths(paths)}, which a script of the check runs and which may as well be the product: ` +
    "nothing guards it; where it belongs to the check, name it in validation.protected"
  );
}
