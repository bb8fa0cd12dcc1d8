// A run's branch and what the store says of it. No transaction holds both, so the store is first: it says where the
// branch belongs and where it may still be, and whatever dies in between, the next step of the run brings it there.
import type { Loop } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";
import { LooprError } from "../lib/errors.ts";
import { keep } from "./archive.ts";
import type { Repository } from "./git-port.ts";
import type { Parts } from "./parts.ts";

type Told = Pick<Parts, "ledger">;

export interface BranchMove {
  tip: string;
  /** The target's commit below it. */
  target: string;
  /** Whether every commit up to there has passed on that target; otherwise none of them counts before it has. */
  passed: boolean;
}

/**
 * What the store has to say before the run's branch moves to a tip, for a transaction that others' changes may belong
 * to; `settleBranch` moves it then. The old tip stays under a ref.
 */
export async function leavingFor(
  { ledger }: Told,
  repository: Repository,
  rootId: string,
  { tip, target, passed }: BranchMove,
): Promise<Partial<Run>> {
  const run = ledger.run(rootId);
  const old = run.tip ?? run.target_commit;
  if (tip !== old) await keep(repository, rootId, old);
  const branch_from = run.branch === null ? undefined : await repository.resolve(refOf(run));
  return { tip, target_commit: target, branch_unpassed: !passed, branch_from };
}

/** Moves the run's branch, in the store and then in the repository. */
export async function moveBranch(
  parts: Told,
  root: Loop,
  repository: Repository,
  move: BranchMove,
): Promise<void> {
  parts.ledger.updateRun(root.id, await leavingFor(parts, repository, root.id, move));
  await settleBranch(parts, repository, root.id);
}

/**
 * Brings the run's branch to where the store says that it belongs, if it is on its way there. Idempotent.
 * Throws LooprError `branch_moved` where somebody else has moved it meanwhile.
 */
export async function settleBranch({ ledger }: Told, repository: Repository, rootId: string): Promise<void> {
  const run = ledger.run(rootId);
  if (run.branch_from === undefined) return;
  const tip = run.tip ?? run.target_commit;
  const actual = await repository.resolve(refOf(run));
  const isThere = actual === tip || (await repository.updateRef(refOf(run), tip, run.branch_from));
  if (!isThere) throw branchMoved(run, actual);
  ledger.updateRun(rootId, { branch_from: undefined });
}

/** Somebody else has moved the run's branch: to where it is now, or nowhere. */
export function branchMoved(run: Run, actual: string | null): LooprError {
  const branch = run.branch ?? "";
  const tip = run.tip ?? run.target_commit;
  return new LooprError(
    "branch_moved",
    `the run's branch ${branch} is at ${actual ?? "nothing"}, but Loopr left it at ${tip}`,
    `put it back (git branch -f ${branch} ${tip}), then loopr resume ${run.id}`,
  );
}

function refOf(run: Run): string {
  return `refs/heads/${run.branch ?? ""}`;
}
