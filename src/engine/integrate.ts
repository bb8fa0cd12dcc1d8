// The integration queue's step for one complete code loop: squashed into one commit on the tip of the run's
// branch, validated there, and the branch moved forward. Every commit on that branch has passed.
import type { Evidence } from "../domain/evidence.ts";
import type { Loop } from "../domain/loop.ts";
import { contributorsOf, typeCommandsOf } from "../domain/run-commands.ts";
import { LooprError } from "../lib/errors.ts";
import { plainLine } from "../lib/plain.ts";
import { baselineOf } from "./baseline.ts";
import { openJournal } from "./journal.ts";
import { trailers } from "./commit-message.ts";
import { archiveRef, loopRef, type Parts } from "./parts.ts";
import { branchMoved } from "./run-branch.ts";
import { conflictFeedback } from "./send-back.ts";
import { verdictOn, type Verdict } from "./verdict.ts";
import type { Workspace } from "./workspace.ts";

export type Integration =
  /** `nothingLeft`: others had brought in the same already, and `commit` is theirs. */
  | { kind: "integrated"; commit: string; nothingLeft?: boolean }
  /** `base` and `checkpoint`: where the loop starts its next iteration. */
  | { kind: "sent_back"; feedback: string; base: string; checkpoint: string };

export async function integrate(
  parts: Parts,
  loop: Loop,
  workspace: Workspace,
  signal: AbortSignal,
): Promise<Integration> {
  const { repository } = workspace;
  const run = parts.ledger.run(loop.root_id);
  const tip = run.tip ?? run.target_commit;
  const branchRef = `refs/heads/${run.branch ?? ""}`;
  const actual = await repository.resolve(branchRef);
  const missed = await integratedAlready(workspace, loop, tip, actual);
  if (missed) return { kind: "integrated", commit: missed };
  if (actual !== tip) throw branchMoved(run, actual);
  const work = await repository.resolve(loopRef(loop.id));
  const base = loop.base_commit ?? run.target_commit;
  if (work === null) {
    throw new LooprError(
      "work_missing",
      `the commits of ${loop.id} are gone from ${loopRef(loop.id)}`,
      `loopr resume ${loop.id}`,
    );
  }
  const squashed = await repository.squashOnto({
    tip,
    base,
    work,
    message: `${plainLine(loop.title)}\n\n${trailers(loop.id, loop.iteration)}\n`,
    author: run.author,
    date: loop.created_at,
  });
  if (squashed.kind === "conflict") {
    await repository.updateRef(archiveRef(loop.id, loop.context.sent_back + 1), work, null);
    const feedback = await conflictFeedback(repository, squashed, { base, work });
    return { kind: "sent_back", base: tip, checkpoint: tip, feedback };
  }
  if (squashed.tree === (await repository.treeOf(tip)))
    return integrateNothing(parts, loop, workspace, tip, signal);
  const verdict = await validate(parts, loop, workspace, { tip, ...squashed }, signal);
  if (!verdict.passed) {
    return {
      kind: "sent_back",
      base: tip,
      checkpoint: squashed.commit,
      feedback: `Your work passed alone, but fails together with what was integrated meanwhile. Your worktree now holds both.\n\n${verdict.feedback}`,
    };
  }
  if (!(await repository.updateRef(branchRef, squashed.commit, tip))) {
    throw new LooprError(
      "branch_moved",
      `the run's branch ${run.branch ?? ""} moved while work was integrated`,
      `loopr resume ${loop.root_id}`,
    );
  }
  return { kind: "integrated", commit: squashed.commit };
}

/**
 * The same as the loop did is on the branch already: it is done where the branch passes what this loop has to pass,
 * and no commit is made that would hold nothing.
 */
async function integrateNothing(
  parts: Parts,
  loop: Loop,
  workspace: Workspace,
  tip: string,
  signal: AbortSignal,
): Promise<Integration> {
  const tree = await workspace.repository.treeOf(tip);
  const verdict = await validate(parts, loop, workspace, { tip, commit: tip, tree }, signal);
  if (verdict.passed) return { kind: "integrated", commit: tip, nothingLeft: true };
  return {
    kind: "sent_back",
    base: tip,
    checkpoint: tip,
    feedback: `Your changes are in already, by what was integrated meanwhile, but that does not pass. Your worktree now holds it.\n\n${verdict.feedback}`,
  };
}

/** The daemon died between moving the branch and storing it: the trailers on the branch tell. */
async function integratedAlready(
  workspace: Workspace,
  loop: Loop,
  tip: string,
  actual: string | null,
): Promise<string | null> {
  if (actual === null || actual === tip) return null;
  const [newest, ...older] = await workspace.repository.log(tip, actual);
  if (!newest || older.length > 0) return null;
  return newest.message.includes(trailers(loop.id, loop.iteration)) ? newest.commit : null;
}

async function validate(
  parts: Parts,
  loop: Loop,
  workspace: Workspace,
  squashed: { tip: string; commit: string; tree: string },
  signal: AbortSignal,
): Promise<Verdict> {
  // The very tree that the loop's own verdict accepted, on the same base, needs no second run.
  const accepted = parts.store
    .evidence(loop.id)
    .findLast((one) => one.stage === "iteration" && one.iteration === loop.iteration);
  const sameTree = accepted?.checks.find((check) => check.variant === "candidate")?.tree === squashed.tree;
  // The branch has to go on passing what the types of those ask that are in it.
  const typeCommands = typeCommandsOf(workspace.run, [
    ...contributorsOf(parts.ledger.loopsOf(loop.root_id)),
    loop,
  ]);
  const hasRun = (command: string) =>
    accepted?.checks.some((check) => check.command === command && check.variant === "candidate") === true;
  const isCovered = sameTree && typeCommands.every(hasRun);
  const reused = accepted !== undefined && isCovered && loop.base_commit === squashed.tip;
  let verdict: Verdict;
  if (reused) {
    verdict = {
      passed: true,
      layer: "check",
      feedback: "",
      checks: accepted.checks,
      protectedChanged: accepted.protected_changed,
      permitted: accepted.permitted ?? [],
      unread: accepted.unread ?? [],
      refused: [],
      asks: [],
    };
  } else {
    parts.ledger.update(loop.id, { progress: "integrating: running the check on the run's branch" });
    verdict = await runChecks(parts, loop, workspace, { ...squashed, typeCommands }, signal);
  }
  const evidence: Evidence = {
    loop_id: loop.id,
    iteration: loop.iteration,
    stage: "integration",
    verified: verdict.passed && verdict.checks.length > 0,
    checks: verdict.checks,
    protected_changed: verdict.protectedChanged,
    ...(verdict.permitted.length > 0 && { permitted: verdict.permitted }),
    ...(verdict.unread.length > 0 && { unread: verdict.unread }),
    reused,
    at: parts.clock.now(),
  };
  parts.ledger.record({ evidence: [evidence] });
  return verdict;
}

async function runChecks(
  parts: Parts,
  loop: Loop,
  workspace: Workspace,
  squashed: { tip: string; commit: string; tree: string; typeCommands: readonly string[] },
  signal: AbortSignal,
): Promise<Verdict> {
  using journal = openJournal(parts, workspace, { loopId: loop.id, iteration: loop.iteration });
  return await verdictOn(
    workspace,
    {
      base: squashed.tip,
      commit: squashed.commit,
      tree: squashed.tree,
      mayChange: loop.context.may_change,
      unreadMayChange: loop.context.unread_may_change ?? [],
      typeCommands: squashed.typeCommands,
      baseline: await baselineOf(parts, workspace, loop.root_id, squashed.tip),
      inAlready: squashed.commit === squashed.tip ? "yes" : "no",
    },
    {
      workspace,
      jobs: parts.jobs,
      loopId: loop.id,
      iteration: loop.iteration,
      checkDir: workspace.checkDir(loop.root_id),
      signal,
      onOutput: (text) => {
        journal.output("check", text);
      },
      logPath: `${journal.directory}/integration.log`,
    },
  );
}
