// Finished work that the integration queue could not take goes back to its loop, with the reason as feedback.
import type { Run } from "../domain/run.ts";
import { loopRef, type Parts } from "./parts.ts";
import type { Conflict, Repository } from "./git-port.ts";
import type { Workspace } from "./workspace.ts";

/** `run`: what changes of the run with it, in the same transaction. */
export async function sendBack(
  parts: Parts,
  loopId: string,
  workspace: Workspace,
  to: { feedback: string; base: string; checkpoint: string },
  run: Partial<Run> = {},
): Promise<void> {
  const { ledger } = parts;
  const loop = ledger.loop(loopId);
  await workspace.repository.updateRef(
    loopRef(loopId),
    to.checkpoint,
    await workspace.repository.resolve(loopRef(loopId)),
  );
  const entry = { iteration: loop.iteration, layer: "integration", text: to.feedback };
  ledger.apply(
    loopId,
    { kind: "send_back" },
    {
      patch: {
        base_commit: to.base,
        progress: "sent back by the integration queue",
        context: { ...loop.context, integrated_commit: null, feedback: [...loop.context.feedback, entry] },
      },
      run,
    },
  );
}

/** Bytes of its own changes that a loop is shown again. */
const ownDiffBytesMax = 32 * 1024;

/** What a loop is told whose work conflicts with what others have integrated: the hunks, and its own changes. */
export async function conflictFeedback(
  repository: Repository,
  conflict: Conflict,
  { base, work }: { base: string; work: string },
): Promise<string> {
  const { diff } = await repository.diff(base, work, ownDiffBytesMax);
  return (
    `Meanwhile other work was integrated that conflicts with yours in: ${conflict.files.join(", ")}. Your worktree is now at ` +
    `the newest state, without your changes. Make them again so that both are in.\n\nThe conflict:\n${conflict.text}\n\n` +
    `Your changes were:\n${diff}`
  );
}
