// The target moves under a running plan: noticed at the end of iterations and integrations and by a slow tick, told,
// and answered as `git.divergence` says.
import type { Failure, Loop } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";
import { checkAll } from "./final-check.ts";
import { openWorkspace, type Parts } from "./parts.ts";
import { moveBranch } from "./run-branch.ts";
import type { Workspace } from "./workspace.ts";

/** What came of it: `kept` goes on where it is, and meets the target at the end of the run. */
export type Followed = "unmoved" | "kept" | "rebased" | "pause";

/** Called by the run's queue, so that its branch is nobody else's meanwhile. May be repeated after a crash. */
export async function followTarget(parts: Parts, rootId: string, signal: AbortSignal): Promise<Followed> {
  const { ledger } = parts;
  const run = ledger.run(rootId);
  if (run.branch === null || !hasWorkLeft(ledger.loopsOf(rootId))) return "unmoved";
  const repository = await parts.git.reopen(run.project);
  const target = await repository.resolve(`refs/heads/${run.target_branch}`);
  const known = run.target_seen ?? run.target_commit;
  if (target === null || target === known || target === run.target_commit) return "unmoved";
  const { divergence } = run.config.git;
  const workspace = await openWorkspace(parts, run);
  const { outcome, message } =
    divergence === "rebase"
      ? await rebaseRun(parts, run, workspace, target, signal)
      : divergence === "pause"
        ? { outcome: "pause" as const, message: "the run is paused" }
        : { outcome: "kept" as const, message: "the run goes on, and is rebased at its end" };
  const data = { id: rootId, branch: run.target_branch, from: known, to: target, outcome, message };
  ledger.update(
    rootId,
    {},
    {
      run: { target_seen: target },
      change: { events: [{ event: "target.moved", loop_id: rootId, root_id: rootId, data }] },
    },
  );
  return outcome;
}

/** Why a run waits for the person (`git.divergence: pause`). */
export function targetMoved({ id, target_branch }: Run): Failure {
  return {
    code: "target_moved",
    message: `${target_branch} has moved on while the run was at work (git.divergence: pause)`,
    hint: `git log ${target_branch} shows it; loopr resume ${id} goes on, and is rebased at its end; loopr cancel ${id} ends the run`,
  };
}

/** Whether the person is asked before what is done goes onto such a target; once for each commit of it. */
export function asksAtEnd(run: Run, target: string): boolean {
  // What they have asked to be merged is merged.
  if (run.config.git.divergence !== "pause" || run.verified_commit !== null) return false;
  return target !== run.target_commit && target !== run.target_seen;
}

/** The run, all of whose loops are done, waits until it is resumed. */
export function pauseAtEnd({ ledger }: Pick<Parts, "ledger">, rootId: string, target: string): void {
  const run = ledger.run(rootId);
  const failure = targetMoved(run);
  const data = {
    id: rootId,
    branch: run.target_branch,
    from: run.target_seen ?? run.target_commit,
    to: target,
    outcome: "pause",
    message: "the run is paused",
  };
  ledger.update(
    rootId,
    { progress: "waiting: the target has moved", failure, waiting_for: "divergence" },
    {
      run: { target_seen: target, blocked: failure },
      change: { events: [{ event: "target.moved", loop_id: rootId, root_id: rootId, data }] },
    },
  );
}

/** When all loops are done, the end of the run meets the target itself. */
function hasWorkLeft(loops: readonly Loop[]): boolean {
  return loops.some(({ status }) => !["complete", "cancelled", "invalidated"].includes(status));
}

async function rebaseRun(
  parts: Parts,
  run: Run,
  workspace: Workspace,
  target: string,
  signal: AbortSignal,
): Promise<{ outcome: "kept" | "rebased"; message: string }> {
  const root = parts.ledger.loop(run.id);
  const tip = run.tip ?? run.target_commit;
  const replayed = await workspace.repository.replay({ base: run.target_commit, tip, onto: target });
  if (replayed.kind === "conflict") {
    const files = replayed.files.join(", ");
    return {
      outcome: "kept",
      message: `the run's work conflicts with it in ${files}, and stays where it is`,
    };
  }
  const checked = await checkAll(parts, root, workspace, { onto: target, tip: replayed.tip }, signal);
  if (checked.kind === "failed")
    return { outcome: "kept", message: "the run's work fails its check on top of it, and stays where it is" };
  await moveBranch(parts, root, workspace.repository, { tip: checked.tip, target, passed: true });
  return { outcome: "rebased", message: "the run's branch is rebased onto it" };
}
