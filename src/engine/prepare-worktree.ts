// A loop's worktree before its iterations: where they begin, or where one that was interrupted goes on.
import type { Loop } from "../domain/loop.ts";
import { interruptedRef, loopRef, type Parts } from "./parts.ts";
import type { Unfinished } from "./recorded.ts";
import { unfinishedTalk } from "./talk.ts";
import type { Workspace } from "./workspace.ts";

/**
 * The worktree at the loop's checkpoint, or as an interrupted iteration left it, with the conversation that can go on
 * there. Where none can, what is uncommitted is kept under a ref.
 */
export async function prepareWorktree(
  parts: Parts,
  id: string,
  workspace: Workspace,
): Promise<Unfinished | null> {
  const { ledger } = parts;
  const { repository, run } = workspace;
  let loop = ledger.loop(id);
  if (loop.base_commit === null || (loop.iteration === 0 && id !== loop.root_id)) {
    loop = ledger.update(id, { base_commit: run.tip ?? run.target_commit, branch: run.branch });
  }
  const base = loop.base_commit ?? run.target_commit;
  const path = workspace.workDir(id);
  const checkpoint = (await repository.resolve(loopRef(id))) ?? base;
  const isLost = !(await repository.isWorktree(path));
  await repository.ensureWorktree(path, checkpoint);
  const moved = (await repository.headOf(path)) !== checkpoint;
  const unfinished =
    isLost || moved || loop.loop_type !== "code" || !isInterrupted(parts, loop)
      ? null
      : unfinishedTalk(parts, loop, workspace, null);
  if (moved || (unfinished === null && (await repository.isDirty(path)))) {
    await repository.saveInterrupted(path, interruptedRef(id, loop.iteration), run.author);
    await repository.resetWorktree(path, checkpoint);
  }
  if (loop.worktree !== path) ledger.update(id, { worktree: path });
  return unfinished;
}

/** The loop's iteration has begun, and neither passed nor failed: it is the one to go on with. */
export function isInterrupted(parts: Parts, loop: Loop): boolean {
  const last = parts.store.iterations(loop.id).at(-1);
  return last?.iteration === loop.iteration && (last.outcome === null || last.outcome === "interrupted");
}
