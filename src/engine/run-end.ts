// The end of a run, told: verified, merged, or in the way of what.
import type { Loop } from "../domain/loop.ts";
import type { CleanUp } from "./clean-up.ts";
import { commitArtifacts } from "./commit-artifacts.ts";
import { mergeOntoTarget, moveBranch, verifyOnTarget, type Verification } from "./finish.ts";
import { openWorkspace, loopOfMessage, type Parts } from "./parts.ts";
import type { TargetBlocked } from "./git-port.ts";
import { sendBack } from "./send-back.ts";
import type { Workspace } from "./workspace.ts";

/** Verifies a run whose loops are all done, and merges it where that is wanted. */
export async function endRun(
  parts: Parts,
  cleanUp: CleanUp,
  rootId: string,
  signal: AbortSignal,
): Promise<void> {
  const { ledger } = parts;
  const root = ledger.loop(rootId);
  const run = ledger.run(rootId);
  const workspace = await openWorkspace(parts, run);
  await commitArtifacts(parts, root, workspace, signal);
  const wanted = run.merge || run.merge_requested || run.config.git.auto_merge;
  if (!wanted) {
    const verification = await verifyOnTarget(parts, root, workspace, signal);
    if (verification.kind === "verified") await verified(parts, cleanUp, rootId, verification.commit);
    else await notMerged(parts, cleanUp, rootId, workspace, verification);
    return;
  }
  ledger.record({
    events: [{ event: "merge.started", loop_id: rootId, root_id: rootId, data: { id: rootId } }],
  });
  const merge = await mergeOntoTarget(parts, root, workspace, signal);
  if (merge.kind === "not_merged") {
    await notMerged(parts, cleanUp, rootId, workspace, merge.verification);
    return;
  }
  await cleanUp.of(ledger.loopsOf(rootId));
  const data = { id: rootId, commit: merge.commit, branch: run.target_branch };
  ledger.update(
    rootId,
    { progress: `merged onto ${run.target_branch}`, failure: null, waiting_for: null },
    {
      run: {
        verified_commit: merge.commit,
        merged_commit: merge.commit,
        merged_at: parts.clock.now(),
        merge_requested: false,
      },
      change: { events: [{ event: "merge.completed", loop_id: rootId, root_id: rootId, data }] },
    },
  );
}

async function verified(parts: Parts, cleanUp: CleanUp, rootId: string, commit: string): Promise<void> {
  const { ledger } = parts;
  await cleanUp.of(ledger.loopsOf(rootId));
  ledger.updateRun(
    rootId,
    { verified_commit: commit },
    { progress: "verified; not merged yet", failure: null, waiting_for: "merge" },
  );
}

async function notMerged(
  parts: Parts,
  cleanUp: CleanUp,
  rootId: string,
  workspace: Workspace,
  why: Verification | TargetBlocked,
): Promise<void> {
  const { ledger } = parts;
  if (why.kind === "verified") return;
  if (why.kind === "failed_on_target") {
    const last = lastIntegrated(ledger.loopsOf(rootId));
    const base = last === undefined ? why.tip : await withoutFailing(workspace, last.id, why);
    const feedback = `Meanwhile the target branch has moved on, and together with its new commits the work fails. Your worktree now holds both.\n\n${why.failed.feedback}`;
    // First: a crash in between then finds its commit on the branch that is still there, and comes by here again.
    if (last) await sendBack(parts, last.id, workspace, { feedback, base, checkpoint: why.tip });
    await moveBranch(parts, ledger.loop(rootId), workspace, base, why.target);
    ledger.updateRun(rootId, { verified_commit: null });
    return;
  }
  const failure =
    "code" in why
      ? { code: why.code, message: why.message, hint: why.hint }
      : {
          code: `merge_${why.reason}`,
          message: why.message,
          hint: `${why.command}, or loopr merge ${rootId} once that is mended`,
        };
  await cleanUp.of(ledger.loopsOf(rootId));
  const run = ledger.run(rootId);
  ledger.update(
    rootId,
    { progress: "verified; could not be merged", failure, waiting_for: "merge" },
    {
      run: { verified_commit: run.tip, merge_requested: false },
      change: {
        events: [
          {
            event: "merge.conflict",
            loop_id: rootId,
            root_id: rootId,
            data: { id: rootId, message: failure.message, hint: failure.hint },
          },
        ],
      },
    },
  );
}

/**
 * Where the work of the loop is to be put again: below its own commit, if that is the one that fails. It is then
 * squashed anew with what mends it, and no commit that has failed gets onto the target.
 */
async function withoutFailing(
  { repository }: Workspace,
  loopId: string,
  { failed, tip, target }: Extract<Verification, { kind: "failed_on_target" }>,
): Promise<string> {
  if (failed.commit !== tip) return tip;
  const [own, below] = await repository.log(target, tip);
  return own !== undefined && loopOfMessage(own.message) === loopId ? (below?.commit ?? target) : tip;
}

function lastIntegrated(loops: readonly Loop[]): Loop | undefined {
  return loops
    .filter((loop) => loop.loop_type === "code" && loop.status === "complete")
    .toSorted((a, b) => a.updated_at - b.updated_at)
    .at(-1);
}
