// The check of a run's commits on top of a target that has moved: nothing there was checked as it is now.
import type { CheckResult, Evidence } from "../domain/evidence.ts";
import type { Loop } from "../domain/loop.ts";
import { commandsOf } from "../domain/run-commands.ts";
import { runCheck } from "./check.ts";
import { openJournal, type Journal } from "./journal.ts";
import { loopOfMessage, type Parts } from "./parts.ts";
import { feedbackOf } from "./verdict.ts";
import type { Workspace } from "./workspace.ts";

export interface FinalFailure {
  /** The first that fails. */
  commit: string;
  feedback: string;
}

interface Step {
  commit: string;
  commands: string[];
}

/**
 * Every commit that will reach the target is checked, the last one last: by the project's check, and by the command
 * of each type whose loops have contributed up to there. Null: all passed.
 */
export async function checkAll(
  parts: Parts,
  root: Loop,
  workspace: Workspace,
  replayed: { onto: string; tip: string },
  signal: AbortSignal,
): Promise<FinalFailure | null> {
  if (workspace.run.config.validation.command === null) return null;
  using journal = openJournal(parts, workspace, { loopId: root.id, iteration: 0 });
  for (const step of await stepsOf(parts, root.id, workspace, replayed)) {
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
    if (failed) {
      const feedback = feedbackOf(failed, { logPath: `${journal.directory}/final.log` });
      return { commit: step.commit, feedback };
    }
  }
  return null;
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
    named.add(loopOfMessage(message));
    // A commit that the target has taken in already is left out of those replayed, and its loop counts all the same.
    const isLast = at === replayed.length - 1;
    if (isLast) for (const one of original) named.add(loopOfMessage(one.message));
    const contributors = loops.filter(
      ({ id, context }) => named.has(id) || (isLast && context.integrated_commit !== null),
    );
    return { commit, commands: commandsOf(run, contributors) };
  });
}

/** The commands in their order, until one fails. */
async function checked(
  parts: Parts,
  root: Loop,
  workspace: Workspace,
  journal: Journal,
  { commit, commands }: Step,
  signal: AbortSignal,
): Promise<CheckResult[]> {
  const checks: CheckResult[] = [];
  for (const command of commands) {
    const result = await runCheck(command, {
      workspace,
      jobs: parts.jobs,
      loopId: root.id,
      iteration: root.iteration,
      checkDir: workspace.checkDir(root.id),
      treeish: commit,
      tree: await workspace.repository.treeOf(commit),
      variant: "candidate",
      signal,
      onOutput: (text) => {
        journal.output("check", text);
      },
      logPath: `${journal.directory}/final.log`,
    });
    checks.push(result);
    if (!result.passed) break;
  }
  return checks;
}
