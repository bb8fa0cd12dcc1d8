// The end of a run: verified on top of the target's newest commit, then brought onto the target.
import type { Loop } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";
import { quote } from "../lib/shell.ts";
import { asksAtEnd } from "./divergence.ts";
import { checkAll, type FinalCheck } from "./final-check.ts";
import { keepEvidence } from "./keep-evidence.ts";
import { type Parts } from "./parts.ts";
import type { TargetBlocked } from "./git-port.ts";
import { moveBranch } from "./run-branch.ts";
import type { Workspace } from "./workspace.ts";

/** The target may move while the check runs; then it is rebased and checked again, this often. */
const rebaseAttemptsMax = 3;

export type Verification =
  | { kind: "verified"; commit: string; target: string }
  /** The target has moved there, and the person is asked first (`git.divergence: pause`). */
  | { kind: "asks"; target: string }
  | { kind: "failed_on_target"; failed: Extract<FinalCheck, { kind: "failed" }>; target: string }
  | { kind: "blocked"; code: string; message: string; hint: string };

/** Makes sure that all of the run's commits have passed on top of the target's present commit. */
export async function verifyOnTarget(
  parts: Parts,
  root: Loop,
  workspace: Workspace,
  signal: AbortSignal,
): Promise<Verification> {
  const { repository } = workspace;
  const run = parts.ledger.run(root.id);
  const tip = run.tip ?? run.target_commit;
  const target = await repository.resolve(`refs/heads/${run.target_branch}`);
  if (target === null) {
    return {
      kind: "blocked",
      code: "target_gone",
      message: `the target branch ${run.target_branch} no longer exists`,
      hint: `make it again, then loopr merge ${root.id}; the work is on ${run.branch ?? tip}`,
    };
  }
  if (target === run.target_commit && !run.branch_unpassed) return { kind: "verified", commit: tip, target };
  // A crash between the merge and its record: the target holds the work already.
  if (await repository.isAncestor(tip, target)) return { kind: "verified", commit: tip, target };
  if (asksAtEnd(run, target)) return { kind: "asks", target };

  // Moved on, or rewound: only the run's own commits go on top of what is there now.
  const replayed = await repository.replay({ base: run.target_commit, tip, onto: target });
  if (replayed.kind === "conflict") {
    return {
      kind: "blocked",
      code: "merge_conflict",
      message: `${run.target_branch} has moved on and conflicts with the work in ${replayed.files.join(", ")}`,
      hint: `${mergeByHand(run, tip)}, resolve and commit; then loopr merge ${root.id} sees that it is merged`,
    };
  }
  const checked = await checkAll(parts, root, workspace, { onto: target, tip: replayed.tip }, signal);
  if (checked.kind === "failed") return { kind: "failed_on_target", failed: checked, target };
  await moveBranch(parts, root, repository, { tip: checked.tip, target, passed: true });
  return { kind: "verified", commit: checked.tip, target };
}

function mergeByHand(run: Run, tip: string): string {
  const git = `git -C ${quote(run.project.root)}`;
  return `${git} checkout ${quote(run.target_branch)} && ${git} merge ${quote(run.branch ?? tip)}`;
}

export type Merge =
  { kind: "merged"; commit: string } | { kind: "not_merged"; verification: Verification | TargetBlocked };

/** Verifies and fast-forwards, again where the target moved in between. */
export async function mergeOntoTarget(
  parts: Parts,
  root: Loop,
  workspace: Workspace,
  signal: AbortSignal,
): Promise<Merge> {
  const { repository, run } = workspace;
  let last: Verification | TargetBlocked | null = null;
  for (let attempt = 0; attempt < rebaseAttemptsMax; attempt++) {
    const verification = await verifyOnTarget(parts, root, workspace, signal);
    if (verification.kind !== "verified") return { kind: "not_merged", verification };
    signal.throwIfAborted();
    const moved = await repository.fastForward(run.target_branch, verification.commit);
    if (moved.kind === "done") {
      await keepEvidence(parts, root, workspace, verification.commit);
      return { kind: "merged", commit: verification.commit };
    }
    last = moved;
    if (moved.reason !== "moved") break;
  }
  return {
    kind: "not_merged",
    verification: last ?? {
      kind: "blocked",
      code: "merge_blocked",
      message: `${run.target_branch} kept moving`,
      hint: `loopr merge ${root.id}`,
    },
  };
}
