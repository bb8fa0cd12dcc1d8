// The evidence of a run as git notes on its commits, and on the one that took it back.
import { checkRecords, protectedChanged, renderNote } from "../domain/evidence-note.ts";
import type { Loop } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";
import { messageOf } from "../lib/errors.ts";
import type { Parts } from "./parts.ts";
import type { Workspace } from "./workspace.ts";

/**
 * A note for every commit of the run: each of them has passed. The work is on the target by now: what cannot be
 * written is told, and changes nothing of that.
 */
export async function keepEvidence(
  parts: Parts,
  root: Loop,
  workspace: Workspace,
  tip: string,
): Promise<void> {
  const { repository } = workspace;
  const run = parts.ledger.run(root.id);
  try {
    for (const { commit } of await repository.log(run.target_commit, tip)) {
      await repository.addNote(commit, noteOf(parts, root, run, { commit, base: run.target_commit }));
    }
  } catch (error) {
    parts.log.warn("the evidence could not be kept as a git note", { run: root.id, error: messageOf(error) });
  }
}

/** A note for the commit that took the run back from `base`, where its check has run: as told above. */
export async function keepUndoEvidence(
  parts: Parts,
  root: Loop,
  { repository, run }: Workspace,
  { commit, base }: { commit: string; base: string },
): Promise<void> {
  try {
    const tree = await repository.treeOf(commit);
    const ran = parts.store
      .evidence(root.id)
      .findLast(({ stage, checks }) => stage === "undo" && checks.some((check) => check.tree === tree));
    // Whoever took it back by hand has made a commit that nothing here was checked as.
    if (ran === undefined && run.config.validation.command !== null) return;
    const verified = ran?.verified ?? false;
    await repository.addNote(commit, noteOf(parts, root, run, { commit, base, verified }));
  } catch (error) {
    parts.log.warn("the evidence could not be kept as a git note", { run: root.id, error: messageOf(error) });
  }
}

interface Noted {
  commit: string;
  /** The commit that it was made on. */
  base: string;
  /** Whether it has passed; absent: as the run, where it has a check. */
  verified?: boolean;
}

/** The evidence, kept with the commit: what ran, on which tree, with what result. */
function noteOf(
  parts: Parts,
  root: Loop,
  run: Run,
  { commit, base, verified = run.config.validation.command !== null }: Noted,
): string {
  const evidence = parts.ledger.loopsOf(root.id).flatMap((loop) => parts.store.evidence(loop.id));
  const { validation, worktree } = run.config;
  return renderNote({
    format: 1,
    run: root.id,
    title: root.title,
    target: run.target_branch,
    base_commit: base,
    commit,
    sandboxed: run.sandboxed,
    verified,
    check:
      validation.command === null
        ? null
        : {
            command: validation.command,
            cwd: run.check_cwd,
            timeout: validation.timeout,
            setup: worktree.setup,
          },
    checks: checkRecords(evidence),
    checks_left_out: 0,
    protected_changed: protectedChanged(evidence),
  });
}
