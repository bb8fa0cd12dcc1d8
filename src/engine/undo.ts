// loopr undo: a commit that takes a merged run back, made on the target's newest commit and checked before the
// target moves to it. What was asked for is stored first, so that a daemon that dies does it when it is back;
// a trailer on the commit says that it was done, so that it is never done twice.
import type { CheckResult } from "../domain/evidence.ts";
import type { Failure, Loop } from "../domain/loop.ts";
import type { Run, Undo } from "../domain/run.ts";
import { commandsOf, contributorsOf } from "../domain/run-commands.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { plainLine } from "../lib/plain.ts";
import { runCheck, runOptions } from "./check.ts";
import { openJournal } from "./journal.ts";
import { keepUndoEvidence } from "./keep-evidence.ts";
import type { Parts } from "./parts.ts";
import { requireRoot } from "./refusals.ts";
import type { Workspace } from "./workspace.ts";

/** The target may move while the check runs; then the commit is made anew, this often. */
const attemptsMax = 3;

const undoTrailer = (rootId: string) => `Loopr-Undo: ${rootId}`;
const undoRef = (rootId: string) => `refs/loopr/undo/${rootId}`;

/** Throws `invalid_state` or `already_undone` unless the run is merged and was not undone. */
export function requireUndoable(root: Loop, run: Run): void {
  requireRoot(root, "undone", "undo");
  if (run.undo?.state === "done") {
    throw new LooprError(
      "already_undone",
      `run ${root.id} was undone already, by commit ${(run.undo.commit ?? "").slice(0, 10)}`,
      "git revert takes that commit back",
    );
  }
  if (run.merged_commit !== null) return;
  throw new LooprError(
    "invalid_state",
    `run ${root.id} is ${root.run_state ?? root.status}; to undo it, it has to be merged`,
    `loopr status ${root.id} shows how it stands`,
  );
}

/** Does what was asked for. Throws only what the signal's abort throws: every other end is in the result. */
export async function undo(
  parts: Parts,
  root: Loop,
  workspace: Workspace,
  signal: AbortSignal,
): Promise<Undo> {
  try {
    return await takeBack(parts, root, workspace, signal);
  } catch (error) {
    signal.throwIfAborted();
    const known = error instanceof LooprError ? error : null;
    return blocked({
      code: known?.code ?? "internal",
      message: messageOf(error),
      hint: known?.hint || `loopr undo ${root.id} tries again`,
    });
  }
}

function blocked(failure: Failure): Undo {
  return { state: "blocked", commit: null, failure };
}

async function takeBack(parts: Parts, root: Loop, workspace: Workspace, signal: AbortSignal): Promise<Undo> {
  const { repository, run } = workspace;
  const merged = run.merged_commit ?? "";
  const branch = run.target_branch;
  let last: Failure | null = null;
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const target = await repository.resolve(`refs/heads/${branch}`);
    if (target === null || !(await repository.isAncestor(merged, target))) {
      return blocked({
        code: "undo_not_on_target",
        message: `the run was merged as ${merged.slice(0, 10)}, which is not on ${branch} any more`,
        hint: `git log ${branch}`,
      });
    }
    // Made by a daemon that died before it could say so, or by the person with the command they were told.
    const done = (await repository.log(merged, target)).find(({ message }) =>
      message.split("\n").includes(undoTrailer(root.id)),
    );
    if (done) return await noted(parts, root, workspace, done.commit);

    const made = await revertOn(parts, root, workspace, target);
    if (typeof made !== "string") return made;
    const refused = await checkUndo(parts, root, workspace, made, signal);
    if (refused) return blocked(refused);
    signal.throwIfAborted();
    // Named, so that git keeps it for whoever moves the target by hand.
    await repository.updateRef(undoRef(root.id), made, await repository.resolve(undoRef(root.id)));
    const moved = await repository.fastForward(branch, made);
    if (moved.kind === "done") return await noted(parts, root, workspace, made);
    last = {
      code: `undo_${moved.reason}`,
      message: moved.message,
      hint: `${moved.command}, or loopr undo ${root.id} once that is mended`,
    };
    if (moved.reason !== "moved") break;
  }
  return blocked(
    last ?? { code: "undo_moved", message: `${branch} kept moving`, hint: `loopr undo ${root.id}` },
  );
}

/** Done, with the evidence of its check kept on the commit. */
async function noted(parts: Parts, root: Loop, workspace: Workspace, commit: string): Promise<Undo> {
  const base = await workspace.repository.resolve(`${commit}^`);
  if (base !== null) await keepUndoEvidence(parts, root, workspace, { commit, base });
  return { state: "done", commit, failure: null };
}

/** The commit that takes the run's changes back from `target`; a refusal where there is none to make. */
async function revertOn(
  parts: Parts,
  root: Loop,
  workspace: Workspace,
  target: string,
): Promise<string | Undo> {
  const { repository, run } = workspace;
  const merged = run.merged_commit ?? "";
  const range = `${run.target_commit.slice(0, 12)}..${merged.slice(0, 12)}`;
  const reverted = await repository.squashOnto({
    tip: target,
    base: merged,
    work: run.target_commit,
    message: `Revert "${plainLine(root.title)}"\n\nThis takes back what was merged as ${merged}.\n\n${undoTrailer(root.id)}\n`,
    author: run.author,
    date: parts.clock.now(),
  });
  if (reverted.kind === "conflict") {
    return blocked({
      code: "undo_conflict",
      message: `${run.target_branch} has changed since in ${reverted.files.join(", ")}, where the run's changes are`,
      hint: `git revert ${range}, and resolve the conflicts`,
    });
  }
  if (reverted.tree === (await repository.treeOf(target))) {
    return blocked({
      code: "undo_empty",
      message: `none of the run's changes are in ${run.target_branch} any more`,
      hint: `git log ${range} shows them`,
    });
  }
  return reverted.commit;
}

/**
 * Runs what the run's work had to pass, on the commit without it: the check, and the commands of its types. Where one
 * failed before the run too, failing now is no reason against it: a type may ask for what only its own work has.
 */
async function checkUndo(
  parts: Parts,
  root: Loop,
  workspace: Workspace,
  commit: string,
  signal: AbortSignal,
): Promise<Failure | null> {
  const { repository, run } = workspace;
  const commands = commandsOf(run, contributorsOf(parts.ledger.loopsOf(root.id)));
  if (commands.length === 0) return null;
  parts.ledger.update(root.id, { progress: `undoing: running the check on ${commit.slice(0, 10)}` });
  using journal = openJournal(parts, workspace, { loopId: root.id, iteration: 0 });
  const checks: CheckResult[] = [];
  const check = async (command: string, treeish: string, variant: "candidate" | "baseline") => {
    const on = { treeish, tree: await repository.treeOf(treeish), variant, signal, log: "undo.log" };
    const result = await runCheck(command, runOptions(parts, root, workspace, journal, on));
    checks.push(result);
    return result;
  };
  let refused: Failure | null = null;
  for (const command of commands) {
    const result = await check(command, commit, "candidate");
    const passedBefore =
      command === run.config.validation.command
        ? !failedBefore(parts, root)
        : !result.passed && (await check(command, run.target_commit, "baseline")).passed;
    if (result.passed || !passedBefore) continue;
    refused = checkFailed(result, workspace, journal.directory);
    break;
  }
  parts.ledger.record({
    evidence: [
      {
        loop_id: root.id,
        iteration: root.iteration,
        stage: "undo",
        verified: checks.every(({ variant, passed }) => variant === "baseline" || passed),
        checks,
        protected_changed: [],
        reused: false,
        at: parts.clock.now(),
      },
    ],
  });
  return refused;
}

function failedBefore(parts: Parts, root: Loop): boolean {
  const baseline = parts.store.evidence(root.id).find(({ stage }) => stage === "baseline");
  return baseline !== undefined && !baseline.verified;
}

function checkFailed(result: CheckResult, { run }: Workspace, directory: string): Failure {
  return {
    code: "undo_check_failed",
    message: `without the run's changes the check \`${result.command}\` fails on ${run.target_branch} (exit code ${result.exit_code ?? "none"}): what came later needs them`,
    hint: `${directory}/undo.log has its output; git revert ${run.target_commit.slice(0, 12)}..${(run.merged_commit ?? "").slice(0, 12)} takes them back all the same`,
  };
}
