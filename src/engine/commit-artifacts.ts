// git.commit_artifacts: the plan, specs and phases of a run as one commit on top of its work. It is checked like
// every other commit that reaches the target; a tree that holds them already needs none, so that it is made once
// whatever dies in between.
import type { Loop } from "../domain/loop.ts";
import { renderArtifact } from "./artifacts.ts";
import { runCheck, runOptions } from "./check.ts";
import { openJournal } from "./journal.ts";
import { trailers } from "./commit-message.ts";
import type { Parts } from "./parts.ts";
import { slugOf } from "./prepare-run.ts";
import { branchMoved, settleBranch } from "./run-branch.ts";
import { warnRun } from "./warn.ts";
import type { Workspace } from "./workspace.ts";

/** What is before the slug in the name of a run's branch, which stays the same when the plan gets another title. */
const branchPrefix = /^loopr[/-]/;
const plansDirectory = ".loopr/plans";

const artifactsTrailer = (rootId: string) => `Loopr-Artifacts: ${rootId}`;

/** Idempotent. What stands against it is told as a warning of the run, and the work goes on without. */
export async function commitArtifacts(
  parts: Parts,
  root: Loop,
  workspace: Workspace,
  signal: AbortSignal,
): Promise<void> {
  const { repository } = workspace;
  const run = parts.ledger.run(root.id);
  if (!run.config.git.commit_artifacts || run.branch === null) return;
  const files = artifactFiles(parts, root);
  if (files.size === 0) return;
  const tip = run.tip ?? run.target_commit;
  const actual = await repository.resolve(`refs/heads/${run.branch}`);
  if (actual !== tip) throw branchMoved(run, actual);
  const directory = `${plansDirectory}/${run.branch.replace(branchPrefix, "")}`;
  const against = await obstacle(workspace, root, tip, directory);
  if (against !== null) {
    leftOut(parts, root, directory, against);
    return;
  }
  const made = await repository.commitFiles({
    parent: tip,
    directory,
    files,
    message: `Plan of "${root.title}"\n\n${trailers(root.id, root.iteration)}\n${artifactsTrailer(root.id)}\n`,
    author: run.author,
    date: root.created_at,
  });
  if (!made.changed || run.artifacts_left_out === made.tree) return;
  const failed = await check(parts, root, workspace, made, signal);
  if (failed !== null) {
    // Told first: what is known as left out is not told again.
    leftOut(parts, root, directory, failed);
    parts.ledger.updateRun(root.id, { artifacts_left_out: made.tree });
    return;
  }
  parts.ledger.updateRun(root.id, { tip: made.commit, branch_from: tip });
  await settleBranch(parts, repository, root.id);
}

/** Path below the run's directory → markdown. Children are numbered, as in their ids. */
function artifactFiles(parts: Parts, root: Loop): Map<string, string> {
  const run = parts.ledger.run(root.id);
  const files = new Map<string, string>();
  const add = (loop: Loop, directory: string) => {
    if (loop.status !== "complete") return;
    const text = renderArtifact(parts, loop);
    if (text !== "") files.set(`${directory}${loop.loop_type}.md`, parts.redact(run, `${text.trimEnd()}\n`));
    for (const child of parts.ledger.childrenOf(loop.id)) {
      const number = child.id.slice(child.id.lastIndexOf("-") + 1);
      add(child, `${directory}${number}-${slugOf(child.title)}/`);
    }
  };
  add(root, "");
  return files;
}

/** Why nothing can be, or should be, committed below the directory; null where nothing stands against it. */
async function obstacle(
  workspace: Workspace,
  root: Loop,
  tip: string,
  directory: string,
): Promise<string | null> {
  const { repository } = workspace;
  const tracked = new Set(await repository.files(tip));
  const inTheWay = [".loopr", plansDirectory, directory].find((path) => tracked.has(path));
  if (inTheWay !== undefined) return `${inTheWay} is a file in this repository`;
  const checkout = workspace.checkDir(root.id);
  await repository.ensureWorktree(checkout, tip);
  await repository.checkoutClean(checkout, tip);
  const ignored = await repository.ignored(checkout, [`${directory}/plan.md`]);
  return ignored.length > 0 ? "git ignores it in this repository" : null;
}

/** Why the check does not accept the commit; null: it has passed, or validation was waived. */
async function check(
  parts: Parts,
  root: Loop,
  workspace: Workspace,
  made: { commit: string; tree: string },
  signal: AbortSignal,
): Promise<string | null> {
  const { command } = workspace.run.config.validation;
  if (command === null) return null;
  parts.ledger.update(root.id, { progress: "committing the plan: running the check with it" });
  using journal = openJournal(parts, workspace, { loopId: root.id, iteration: 0 });
  const { commit: treeish, tree } = made;
  const on = { treeish, tree, variant: "candidate", signal, log: "artifacts.log" } as const;
  const options = runOptions(parts, root, workspace, journal, on);
  const result = await runCheck(command, options);
  // A commit that is thrown away is no evidence for or against the work.
  if (!result.passed) return `with it the check \`${command}\` fails; ${options.logPath} has its output`;
  parts.ledger.record({
    evidence: [
      {
        loop_id: root.id,
        iteration: root.iteration,
        stage: "final",
        verified: true,
        checks: [result],
        protected_changed: [],
        reused: false,
        at: parts.clock.now(),
      },
    ],
  });
  return null;
}

function leftOut(parts: Parts, root: Loop, directory: string, why: string): void {
  warnRun(
    parts,
    root.id,
    `the plan was not committed to ${directory} (git.commit_artifacts): ${why}. The work is not affected`,
  );
}
