// The validation of a code loop's work: format, protected files, the check itself. Every layer answers
// with a pass or with feedback; what ran is evidence either way.
import type { CheckResult } from "../domain/evidence.ts";
import { runCheck, type CheckOptions } from "./check.ts";
import { classifyWork } from "./protection.ts";
import type { Workspace } from "./workspace.ts";

export interface Verdict {
  passed: boolean;
  /** The layer that spoke last. */
  layer: "format" | "protected" | "check";
  feedback: string;
  checks: CheckResult[];
  protectedChanged: string[];
}

export interface Work {
  base: string;
  commit: string;
  tree: string;
  /** Globs of protected files that this loop may change. */
  mayChange: readonly string[];
  /** The baseline's result on this base: a second run without tests is only no verdict where it had none either. */
  baselineHadNoTests: boolean;
}

type Checks = Omit<CheckOptions, "treeish" | "tree" | "variant">;

export async function judge(workspace: Workspace, work: Work, checks: Checks): Promise<Verdict> {
  const { repository, run } = workspace;
  const result: Verdict = { passed: false, layer: "format", feedback: "", checks: [], protectedChanged: [] };
  const changes = await repository.changes(work.base, work.commit);
  if (changes.length === 0) {
    return { ...result, feedback: "Nothing was changed: the worktree is as it was. Do the task, then stop." };
  }
  const command = run.config.validation.command;
  const classes = await classifyWork({ ...work, repository, run, changes });
  const { forbidden } = classes;
  if (forbidden.length > 0) {
    return {
      ...result,
      layer: "protected",
      feedback:
        `These files decide whether the work is right and must not be changed by it: ${forbidden.join(", ")}. ` +
        "Put them back as they were and solve the task in other files.",
    };
  }
  const candidate =
    command === null
      ? null
      : await runCheck(command, { ...checks, treeish: work.commit, tree: work.tree, variant: "candidate" });
  if (candidate) result.checks.push(candidate);
  if (candidate && !candidate.passed)
    return { ...result, layer: "check", feedback: feedbackOf(candidate, checks) };

  result.protectedChanged = [...classes.needSecondRun, ...classes.allowed].sort();
  if (command !== null && classes.needSecondRun.length > 0) {
    const second = await checkWithProtectedAtBase(command, workspace, work, classes.needSecondRun, checks);
    result.checks.push(second);
    const noVerdict = second.ending === "zero_tests" && work.baselineHadNoTests;
    if (!second.passed && !noVerdict && run.config.protected.on_change === "refuse") {
      return {
        ...result,
        layer: "protected",
        feedback:
          `The check passes only with your changes to existing tests or their configuration (${classes.needSecondRun.join(", ")}). ` +
          "With these files as they were before, it fails, so this does not count. Put them back as they were and make " +
          `the code pass them; new test files are welcome.\n\n${outputOf(second, checks)}`,
      };
    }
  }
  return { ...result, passed: true, layer: "check" };
}

async function checkWithProtectedAtBase(
  command: string,
  workspace: Workspace,
  work: Work,
  paths: string[],
  checks: Checks,
): Promise<CheckResult> {
  const tree = await workspace.repository.treeWithPathsFrom(work.commit, work.base, paths);
  return runCheck(command, { ...checks, treeish: tree, tree, variant: "protected_at_base" });
}

/** What a failed check says to the next iteration. */
export function feedbackOf(result: CheckResult, checks: Pick<CheckOptions, "logPath">): string {
  return `${headline(result)}\n\n${outputOf(result, checks)}`;
}

function headline(result: CheckResult): string {
  switch (result.ending) {
    case "timeout":
      return `The check \`${result.command}\` did not end within its time limit and was stopped.`;
    case "killed":
      return `The check \`${result.command}\` was killed before it ended.`;
    case "setup_failed":
      return `The set-up \`${result.command}\` failed (exit code ${result.exit_code ?? "none"}).`;
    case "zero_tests":
      return `The check \`${result.command}\` exited 0 but executed no test; that proves nothing.`;
    case "not_runnable":
    case "exited":
      return `The check \`${result.command}\` failed with exit code ${result.exit_code ?? "none"}.`;
  }
}

function outputOf(result: CheckResult, checks: Pick<CheckOptions, "logPath">): string {
  return result.output.trim() === ""
    ? "It printed nothing."
    : `Its output (whole: ${checks.logPath}):\n${result.output}`;
}
