// Before a run's first model call: its branch exists, and its check has really run on the base commit.
import type { CheckResult } from "../domain/evidence.ts";
import type { Failure, Loop } from "../domain/loop.ts";
import { hexPart } from "../lib/ids.ts";
import { LooprError } from "../lib/errors.ts";
import { runCheck, type CheckOptions } from "./check.ts";
import { openJournal } from "./journal.ts";
import type { Parts } from "./parts.ts";
import type { Workspace } from "./workspace.ts";

/** The run's branch, at the target's commit where it does not exist yet. */
export async function ensureBranch(parts: Parts, root: Loop, workspace: Workspace): Promise<void> {
  const run = parts.ledger.run(root.id);
  if (run.branch !== null) return;
  const hex = hexPart(root.id).slice(0, 8);
  const branch = await workspace.repository.createRunBranch(slugOf(root.title), hex, run.target_commit);
  parts.ledger.updateRun(
    root.id,
    { branch, tip: run.target_commit },
    { branch, base_commit: run.target_commit },
  );
}

/** The check on the base commit. Idempotent. Returns why the run cannot start, or null. */
export async function prepareRun(
  parts: Parts,
  root: Loop,
  workspace: Workspace,
  signal: AbortSignal,
): Promise<Failure | null> {
  const { ledger, store } = parts;
  const run = ledger.run(root.id);
  const command = run.config.validation.command;
  const known = store.evidence(root.id).some((evidence) => evidence.stage === "baseline");
  if (command === null || known) return null;

  ledger.update(root.id, { progress: "running the check on the base commit" });
  using journal = openJournal(parts, workspace, { loopId: root.id, iteration: 0 });
  const result = await baselineCheck(command, {
    workspace,
    jobs: parts.jobs,
    loopId: root.id,
    iteration: 0,
    checkDir: workspace.checkDir(root.id),
    treeish: run.target_commit,
    tree: await workspace.repository.treeOf(run.target_commit),
    variant: "baseline",
    signal,
    onOutput: (text) => {
      journal.output("check", text);
    },
    logPath: journal.validationLog,
  });
  if ("code" in result) return result;
  ledger.record({
    evidence: [
      {
        loop_id: root.id,
        iteration: 0,
        stage: "baseline",
        verified: result.passed,
        checks: [result],
        protected_changed: [],
        reused: false,
        at: parts.clock.now(),
      },
    ],
  });
  return failureOf(result.ending, result.command, result.exit_code, result.output);
}

/** A check that cannot even be started is a failure of the run's set-up, told before any money is spent. */
async function baselineCheck(command: string, options: CheckOptions): Promise<CheckResult | Failure> {
  try {
    return await runCheck(command, options);
  } catch (error) {
    if (!(error instanceof LooprError) || error.code !== "runner_failed") throw error;
    return { code: "check_not_runnable", message: error.message, hint: "loopr doctor looks for the cause" };
  }
}

function failureOf(ending: string, command: string, exitCode: number | null, output: string): Failure | null {
  const said = lastLines(output);
  if (ending === "not_runnable") {
    return {
      code: "check_not_runnable",
      message: `the check \`${command}\` cannot be run here: exit code ${exitCode ?? "none"}${said}`,
      hint: "set validation.command in .loopr.yml, or give --check with a command that runs in a clean checkout",
    };
  }
  if (ending === "setup_failed") {
    return {
      code: "setup_failed",
      message: `worktree.setup \`${command}\` failed with exit code ${exitCode ?? "none"}${said}`,
      hint: "mend worktree.setup in .loopr.yml; it runs in a clean checkout, sandboxed, with the network that sandbox.net allows",
    };
  }
  return null;
}

function lastLines(output: string): string {
  const lines = output.trim().split("\n").slice(-3).join("\n    ");
  return lines ? `\n    ${lines}` : "";
}

/** A branch name's part from a title: lower-case ASCII words. */
export function slugOf(title: string): string {
  const slug = title
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40)
    .replace(/-+$/, "");
  return slug || "run";
}
