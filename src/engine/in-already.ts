// An iteration that changed nothing, where other loops of the run may have brought in the same before.
import type { Loop } from "../domain/loop.ts";
import { loopsOfMessage } from "./commit-message.ts";
import type { Parts } from "./parts.ts";
import type { CommitResult } from "./git-port.ts";
import type { Workspace } from "./workspace.ts";

/** What is known of the run's loops. */
interface Known {
  store: Pick<Parts["store"], "iterations">;
  ledger: Pick<Parts["ledger"], "loopsOf">;
}

/** `perhaps`: other loops' work is there, but nothing shows that it is what this loop would do. */
export type InAlready = "yes" | "perhaps" | "no";

/**
 * The word of the model counts for nothing: either work of this loop that has passed is in the base as a whole, or
 * it wrote in this iteration on top of other loops' work, and what it wrote was there already.
 */
export async function inAlready(
  parts: Known,
  loop: Loop,
  workspace: Pick<Workspace, "repository" | "run">,
  { base, commit, wrote }: { base: string; commit: CommitResult; wrote: boolean },
): Promise<InAlready> {
  const { repository, run } = workspace;
  const tree = await repository.treeOf(base);
  if (commit.tree !== tree) return "no";
  if (await passedWorkIsIn(parts, loop, workspace, { base, tree })) return "yes";
  const others = new Set(parts.ledger.loopsOf(loop.root_id).map(({ id }) => id));
  others.delete(loop.id);
  const below = await repository.log(run.target_commit, base);
  if (!below.some(({ message }) => loopsOfMessage(message).some((id) => others.has(id)))) return "no";
  return wrote && !commit.changed ? "yes" : "perhaps";
}

async function passedWorkIsIn(
  parts: Known,
  loop: Loop,
  { repository, run }: Pick<Workspace, "repository" | "run">,
  { base, tree }: { base: string; tree: string },
): Promise<boolean> {
  const passed = parts.store
    .iterations(loop.id)
    .findLast(({ iteration, outcome }) => iteration < loop.iteration && outcome === "passed");
  if (!passed?.commit || !passed.base_commit) return false;
  const work = await repository.resolve(passed.commit);
  const from = await repository.resolve(passed.base_commit);
  if (work === null || from === null) return false; // removed by git's own gc: nothing is known of it
  if ((await repository.treeOf(work)) === (await repository.treeOf(from))) return false;
  const again = await repository.squashOnto({
    tip: base,
    base: from,
    work,
    message: loop.title,
    author: run.author,
    date: loop.created_at,
  });
  return again.kind === "commit" && again.tree === tree;
}
