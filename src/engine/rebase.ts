// A loop at work is put on the run's branch as it is now, between two of its iterations, so that it goes on with
// what others have integrated meanwhile. A conflict is feedback, not a failure.
import { keep } from "./archive.ts";
import { conflictFeedback } from "./send-back.ts";
import { loopRef, type Parts } from "./parts.ts";
import type { Workspace } from "./workspace.ts";

/** Does what was asked for, if it was: a safe point of the loop. May be repeated after a crash. */
export async function rebaseIfAsked(parts: Parts, id: string, workspace: Workspace): Promise<void> {
  const { ledger } = parts;
  const { repository } = workspace;
  const loop = ledger.loop(id);
  if (loop.loop_type !== "code" || loop.context.rebase !== true) return;
  const run = ledger.run(loop.root_id);
  const onto = run.tip ?? run.target_commit;
  const base = loop.base_commit ?? run.target_commit;
  if (base === onto) {
    ledger.update(id, { context: { ...loop.context, rebase: false } });
    return;
  }
  // What the last iteration could not commit is for the next one to mend: then after that.
  if (await repository.isDirty(workspace.workDir(id))) return;
  ledger.apply(id, { kind: "rebase" }, { patch: { progress: `rebasing onto ${run.branch ?? onto}` } });
  const { checkpoint, feedback } = await replayed(id, workspace, { base, onto });
  await repository.resetWorktree(workspace.workDir(id), checkpoint);
  const { context, iteration } = ledger.loop(id);
  const entry = { iteration, layer: "integration", text: feedback ?? "" };
  ledger.apply(
    id,
    { kind: "rebased" },
    {
      patch: {
        base_commit: onto,
        progress: feedback === null ? "rebased" : "rebased; its work conflicts with what was integrated",
        context: {
          ...context,
          rebase: false,
          feedback: feedback === null ? context.feedback : [...context.feedback, entry],
        },
      },
    },
  );
}

/** Where the loop goes on, and with a conflict what it is told. */
async function replayed(
  id: string,
  { repository }: Workspace,
  { base, onto }: { base: string; onto: string },
): Promise<{ checkpoint: string; feedback: string | null }> {
  const work = await repository.resolve(loopRef(id));
  if (work === null) return { checkpoint: onto, feedback: null };
  const names = { ours: "already integrated", theirs: "this loop's work" };
  const result = await repository.replay({ base, tip: work, onto, names });
  if (result.kind === "commits") {
    await repository.updateRef(loopRef(id), result.tip, work);
    return { checkpoint: result.tip, feedback: null };
  }
  await keep(repository, id, work);
  const feedback = await conflictFeedback(repository, result, { base, work });
  await repository.updateRef(loopRef(id), onto, work);
  return { checkpoint: onto, feedback };
}
