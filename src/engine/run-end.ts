// The end of a run, told: verified, merged, or in the way of what.
import type { Loop } from "../domain/loop.ts";
import type { CleanUp } from "./clean-up.ts";
import { commitArtifacts } from "./commit-artifacts.ts";
import { pauseAtEnd } from "./divergence.ts";
import { mergeOntoTarget, verifyOnTarget, type Verification } from "./finish.ts";
import { loopsOfMessage } from "./commit-message.ts";
import { openWorkspace, type Parts } from "./parts.ts";
import type { TargetBlocked } from "./git-port.ts";
import { leavingFor, settleBranch } from "./run-branch.ts";
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
  if (why.kind === "asks") {
    pauseAtEnd(parts, rootId, why.target);
    return;
  }
  if (why.kind === "failed_on_target") {
    const { passed, tip, unpassed, feedback } = why.failed;
    const loop = toMend(ledger.loopsOf(rootId), unpassed);
    // Its own commits alone are squashed anew with what mends them; those of others are kept apart as long as they can
    // be: the check at the end of the run squashes what does not pass by itself.
    const isAlone = unpassed.flatMap(loopsOfMessage).every((id) => id === loop?.id);
    const base = loop !== undefined && isAlone ? passed : tip;
    const words = `Meanwhile the target branch has moved on, and together with its new commits the work fails. Your worktree now holds both.\n\n${feedback}`;
    const { repository } = workspace;
    const move = { tip: base, target: why.target, passed: base === passed };
    const change = { ...(await leavingFor(parts, repository, rootId, move)), verified_commit: null };
    // At once: the loop begins on a commit that only the moved branch has.
    if (loop) await sendBack(parts, loop.id, workspace, { feedback: words, base, checkpoint: tip }, change);
    else ledger.updateRun(rootId, change);
    await settleBranch(parts, repository, rootId);
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

/** The loop whose commit is the first that fails; where that is nobody's, the one that has come in last. */
function toMend(loops: readonly Loop[], unpassed: readonly string[]): Loop | undefined {
  const integrated = loops
    .filter((loop) => loop.loop_type === "code" && loop.status === "complete")
    .toSorted((a, b) => a.updated_at - b.updated_at);
  const ids = loopsOfMessage(unpassed[0] ?? "");
  return integrated.findLast(({ id }) => ids.includes(id)) ?? integrated.at(-1);
}
