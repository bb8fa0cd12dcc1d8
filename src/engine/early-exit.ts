// A check that exited 0 although tests did not run: their process ended early, or something hides them.
import type { CheckResult } from "../domain/evidence.ts";
import {
  filesFailedAsWhole,
  filesPassedAsWhole,
  goPackagesWithoutEnd,
  hasNodeTests,
  mayExitInGo,
  mayHaveNodeTests,
  nodeRunnersEnded,
  withGoTestsNamed,
} from "../domain/early-exit.ts";
import { shownPaths } from "../domain/shown-paths.ts";
import { idleMake } from "../domain/make-idle.ts";
import { contradicts } from "../domain/reported-failures.ts";
import { fewerTests } from "../domain/test-counts.ts";
import { joinPath } from "../domain/tree-paths.ts";
import { runCheck, type CheckOptions } from "./check.ts";
import type { FileChange, Repository } from "./git-port.ts";

export interface Counting {
  repository: Pick<Repository, "files" | "read">;
  base: string;
  /** The check on the very tree that the work is based on; null where it has not run on that. */
  onBase: CheckResult | null;
  /** Changed files: where these may, too, only those of the others count in which no test is executed any more. */
  mayHaveFewer?: readonly string[];
}

/**
 * The result, as one that has not passed where the exit code is 0 and what ran says otherwise: a test runner counted
 * failures, or make did nothing.
 */
export function uncontradicted(result: CheckResult, onBase: CheckResult | null): CheckResult {
  const idle = idleMake(result, onBase?.output ?? null);
  if (idle.length > 0)
    return notPassed(
      result,
      "zero_tests",
      `make did nothing for ${shownPaths(idle)}: a file of that name lets it take the target as made already`,
    );
  const statement = contradicts(result, onBase);
  if (statement === null) return result;
  const note = `the exit code was 0, and the test runner says: ${statement}`;
  return notPassed(result, "failures_reported", note);
}

/** The result, as one that has not passed where fewer tests passed than were executed on the code before. */
export async function counted(result: CheckResult, counting: Counting): Promise<CheckResult> {
  if (!result.passed) return result;
  const { onBase, mayHaveFewer } = counting;
  const fewer = onBase === null || mayHaveFewer !== undefined ? null : fewerTests(onBase, result.output);
  if (fewer !== null)
    return endedEarly(
      result,
      `${fewer.now} tests passed; on the code before the change ${fewer.before} were executed`,
    );
  const files = await emptiedFiles(result, counting);
  return files.length === 0
    ? result
    : endedEarly(result, `in ${shownPaths(files)} no test was executed: the file's process ended before`);
}

function endedEarly(result: CheckResult, note: string): CheckResult {
  return notPassed(result, "fewer_tests", note);
}

function notPassed(result: CheckResult, ending: CheckResult["ending"], note: string): CheckResult {
  return { ...result, ending, passed: false, output: `${result.output}\n[loopr: ${note}]\n` };
}

/** Files with tests of Node's runner that it took for one test each, as it did not before. */
async function emptiedFiles(
  result: CheckResult,
  { repository, base, onBase, mayHaveFewer = [] }: Counting,
): Promise<string[]> {
  const output = onBase?.output ?? "";
  const before = new Set(filesPassedAsWhole(output).map(lastParts));
  const named = filesPassedAsWhole(result.output).filter((path) => !before.has(lastParts(path)));
  if (named.length === 0) return [];
  const tracked = await repository.files(base);
  const failed = new Set(filesFailedAsWhole(output).map(lastParts));
  const found = new Set<string>();
  const ended = nodeRunnersEnded(output);
  // Each runner that ran now had come to its end before, and what it said is whole.
  const sawAll = ended >= nodeRunnersEnded(result.output) && !cutOutput.test(output);
  for (const name of named) {
    const below = joinPath(result.cwd, name);
    const file = tracked.find((path) => path === below || `/${below}`.endsWith(`/${path}`));
    if (file === undefined || mayHaveFewer.includes(file)) continue;
    const content = (await repository.read(base, file)) ?? "";
    // The runner named its tests before, wherever it has them from.
    const wasMore = ended > 0 && !failed.has(lastParts(name)) && (sawAll || mayHaveNodeTests(content));
    if (hasNodeTests(content) || wasMore) found.add(file);
  }
  return [...found];
}

const cutOutput = /\[… \d+ bytes of output cut here …\]/;

/** Of a path that may be absolute, in one checkout or another: what is the same in both. */
function lastParts(path: string): string {
  return path.split("/").slice(-3).join("/");
}

/**
 * Runs the check once more with each test named, where `go test` has not shown whether its tests came to their
 * end and the work holds code that could end the process. Null where there is no need.
 */
export async function withTestsNamed(
  command: string,
  candidate: CheckResult,
  changes: readonly FileChange[],
  options: Omit<CheckOptions, "variant"> & Pick<Counting, "repository">,
): Promise<CheckResult | null> {
  if (goPackagesWithoutEnd(candidate.output).length === 0) return null;
  const { repository, ...checks } = options;
  let mayExit = false;
  for (const { path } of changes)
    mayExit ||= path.endsWith(".go") && mayExitInGo((await repository.read(options.treeish, path)) ?? "");
  if (!mayExit) return null;
  const result = await runCheck(withGoTestsNamed(command), { ...checks, variant: "tests_named" });
  const early = result.passed ? goPackagesWithoutEnd(result.output) : [];
  return early.length === 0
    ? result
    : endedEarly(result, `the test process of ${shownPaths(early)} ended before its tests did`);
}
