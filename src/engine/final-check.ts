// The check of a run's commits on top of a target that has moved: nothing there was checked as it is now.
import type { CheckResult, Evidence } from "../domain/evidence.ts";
import type { Loop } from "../domain/loop.ts";
import { commandsOf } from "../domain/run-commands.ts";
import { runCheck, runOptions } from "./check.ts";
import { loopsOfMessage, messageOfSeveral } from "./commit-message.ts";
import { openJournal, type Journal } from "./journal.ts";
import type { Parts } from "./parts.ts";
import { feedbackOf } from "./verdict.ts";
import type { Workspace } from "./workspace.ts";

export type FinalCheck =
  /** Every commit up to the tip has passed. It is another one where commits had to be squashed for that. */
  | { kind: "passed"; tip: string }
  | {
      kind: "failed";
      /** Of the tip. */
      feedback: string;
      /** The newest commit up to which all have passed, or the target's. */
      passed: string;
      /** The tip on top of it, and the messages of the commits in between, oldest first: the first of them fails. */
      tip: string;
      unpassed: string[];
    };

interface Step {
  commit: string;
  /** The one before it in the history. */
  below: string;
  message: string;
  commands: string[];
}

/**
 * Every commit that will reach the target is checked, the last one last: by the project's check, and by the command
 * of each type whose loops have contributed up to there. One that fails, while the last one passes, is squashed with
 * those that follow, up to the first that passes: the work is good, and only the cut through it is not.
 */
export async function checkAll(
  parts: Parts,
  root: Loop,
  workspace: Workspace,
  replayed: { onto: string; tip: string },
  signal: AbortSignal,
): Promise<FinalCheck> {
  if (workspace.run.config.validation.command === null) return { kind: "passed", tip: replayed.tip };
  using journal = openJournal(parts, workspace, { loopId: root.id, iteration: 0 });
  const steps = await stepsOf(parts, root.id, workspace, replayed);
  const isPassing = new Set<string>();
  const check = async (step: Step): Promise<string | null> => {
    const tree = await workspace.repository.treeOf(step.commit);
    const what = JSON.stringify([tree, step.commands]);
    if (isPassing.has(what)) return null;
    const feedback = await recordCheck(parts, root, workspace, journal, { ...step, tree }, signal);
    if (feedback === null) isPassing.add(what);
    return feedback;
  };
  let passed = replayed.onto;
  let failing: Step[] = [];
  for (const [at, step] of steps.entries()) {
    const candidate = await putOn(parts, root, workspace, passed, [...failing, step]);
    let feedback = await check({ ...step, commit: candidate });
    if (feedback === null) {
      passed = candidate;
      failing = [];
      continue;
    }
    failing.push(step);
    // Squashing mends nothing that fails at the end, too: so that is looked at before all that lies between.
    const last = steps.at(-1) ?? step;
    if (at < steps.length - 1) feedback = await check(last);
    if (feedback === null) continue;
    const rest = await workspace.repository.replay({
      base: failing[0]?.below ?? step.below,
      tip: last.commit,
      onto: passed,
    });
    if (rest.kind === "conflict") throw new Error("commits conflict on a tree that they were made on");
    const unpassed = [...failing, ...steps.slice(at + 1)].map(({ message }) => message);
    return { kind: "failed", feedback, passed, tip: rest.tip, unpassed };
  }
  return { kind: "passed", tip: passed };
}

/** The steps as one commit on top of another one, which holds the same tree as what they were made on. */
async function putOn(
  parts: Parts,
  root: Loop,
  { repository, run }: Workspace,
  onto: string,
  steps: readonly Step[],
): Promise<string> {
  const [first, ...others] = steps;
  const last = steps.at(-1);
  if (first === undefined || last === undefined) return onto;
  const made =
    others.length === 0
      ? await repository.replay({ base: first.below, tip: first.commit, onto })
      : await repository.squashOnto({
          tip: onto,
          base: first.below,
          work: last.commit,
          message: messageOfSeveral(steps.map(({ message }) => message)),
          author: run.author,
          date: parts.ledger.find(loopsOfMessage(last.message)[0] ?? "")?.created_at ?? root.created_at,
        });
  if (made.kind === "conflict") throw new Error("commits conflict on a tree that they were made on");
  return made.kind === "commit" ? made.commit : made.tip;
}

/** Runs the commands on a commit and records what came of it. Null: all passed; else the feedback. */
async function recordCheck(
  parts: Parts,
  root: Loop,
  workspace: Workspace,
  journal: Journal,
  step: Step & { tree: string },
  signal: AbortSignal,
): Promise<string | null> {
  parts.ledger.update(root.id, {
    progress: `the target has moved: running the check on ${step.commit.slice(0, 10)} on top of it`,
  });
  const checks = await checked(parts, root, workspace, journal, step, signal);
  const failed = checks.find(({ passed }) => !passed);
  const evidence: Evidence = {
    loop_id: root.id,
    iteration: root.iteration,
    stage: "final",
    verified: failed === undefined,
    checks,
    protected_changed: [],
    reused: false,
    at: parts.clock.now(),
  };
  parts.ledger.record({ evidence: [evidence] });
  return failed === undefined ? null : feedbackOf(failed, { logPath: `${journal.directory}/final.log` });
}

/** The commits, oldest first. What a type asks counts from the first commit of a loop of it. */
async function stepsOf(
  parts: Parts,
  rootId: string,
  { repository, run }: Workspace,
  { onto, tip }: { onto: string; tip: string },
): Promise<Step[]> {
  const loops = parts.ledger.loopsOf(rootId);
  const { target_commit, tip: before } = parts.ledger.run(rootId);
  const replayed = (await repository.log(onto, tip)).toReversed();
  const original = await repository.log(target_commit, before ?? target_commit);
  const named = new Set<string>();
  return replayed.map(({ commit, message }, at) => {
    for (const id of loopsOfMessage(message)) named.add(id);
    // A commit that the target has taken in already is left out of those replayed, and its loop counts all the same.
    const isLast = at === replayed.length - 1;
    if (isLast) for (const one of original) for (const id of loopsOfMessage(one.message)) named.add(id);
    const contributors = loops.filter(
      ({ id, context }) => named.has(id) || (isLast && context.integrated_commit !== null),
    );
    const below = replayed[at - 1]?.commit ?? onto;
    return { commit, below, message, commands: commandsOf(run, contributors) };
  });
}

/** The commands in their order, until one fails. */
async function checked(
  parts: Parts,
  root: Loop,
  workspace: Workspace,
  journal: Journal,
  { commit, tree, commands }: Step & { tree: string },
  signal: AbortSignal,
): Promise<CheckResult[]> {
  const checks: CheckResult[] = [];
  for (const command of commands) {
    const on = { treeish: commit, tree, variant: "candidate", signal, log: "final.log" } as const;
    const result = await runCheck(command, runOptions(parts, root, workspace, journal, on));
    checks.push(result);
    if (!result.passed) break;
  }
  return checks;
}
