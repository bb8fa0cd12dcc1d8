// One iteration: prompt, conversation, commit, validation. The type of the loop decides by data which.
import { readFile, writeFile } from "node:fs/promises";
import type { Evidence, IterationRecord } from "../domain/evidence.ts";
import type { Loop } from "../domain/loop.ts";
import { typeCommandsOf } from "../domain/run-commands.ts";
import { LooprError } from "../lib/errors.ts";
import { plainLine } from "../lib/plain.ts";
import { together } from "../lib/together.ts";
import { baselineOf } from "./baseline.ts";
import { hasDependencies, manifestKey, runSetup } from "./check.ts";
import type { Conversation } from "./conversation.ts";
import { iterateArtifact } from "./hand-in.ts";
import { inAlready } from "./in-already.ts";
import type { IterationContext, IterationEnd } from "./iteration-end.ts";
import { openJournal, type Journal } from "./journal.ts";
import { trailers } from "./commit-message.ts";
import { loopRef, type Parts } from "./parts.ts";
import type { Model } from "./ports.ts";
import type { CommitResult } from "./git-port.ts";
import { talk } from "./talk.ts";
import { verdictOn } from "./verdict.ts";
import type { Workspace } from "./workspace.ts";
import { offerCopies } from "./worktree-copy.ts";

export async function iterate(
  parts: Parts,
  id: string,
  workspace: Workspace,
  model: Model,
  context: IterationContext,
): Promise<IterationEnd> {
  const loop = parts.ledger.loop(id);
  using journal = openJournal(parts, workspace, { loopId: id, iteration: loop.iteration });
  if (loop.loop_type !== "code")
    return await iterateArtifact(parts, loop, workspace, journal, model, context);
  // A commit of this iteration that the store has missed: the daemon died between commit and verdict. One that
  // begins in the life of this daemon, after another, has none.
  const done = context.afterAnother ? null : await committedAlready(workspace, loop);
  if (done)
    return await validate(parts, id, workspace, journal, { commit: done, wrote: false, usage: {} }, context);

  const failed = await setUpWorktree(parts, loop, workspace, journal, context.signal);
  if (failed) throw failed;
  const [{ conversation, usage, stuck }, tip] = await together(
    talk(parts, {
      loop,
      workspace,
      journal,
      model,
      context,
      pass: null,
      planSoFar: null,
      artifactProblems: () => [],
    }),
    workspace.repository.resolve(loopRef(id)),
  );
  return (
    stuck ?? (await commitAndValidate(parts, loop, workspace, journal, conversation, { usage, tip }, context))
  );
}

async function committedAlready(workspace: Workspace, loop: Loop): Promise<CommitResult | null> {
  const { repository } = workspace;
  const tip = await repository.resolve(loopRef(loop.id));
  if (tip === null || loop.base_commit === null) return null;
  const newest = (await repository.log(loop.base_commit, tip))[0];
  if (!newest?.message.includes(trailers(loop.id, loop.iteration))) return null;
  return {
    commit: tip,
    tree: await repository.treeOf(tip),
    changed: true,
  };
}

/** Does what worktree.copy and worktree.setup say, where that has not run for the manifests of the checkpoint. */
async function setUpWorktree(
  parts: Parts,
  loop: Loop,
  workspace: Workspace,
  journal: Journal,
  signal: AbortSignal,
): Promise<LooprError | null> {
  const { config } = workspace.run;
  const { setup } = config.worktree;
  if (!hasDependencies(config)) return null;
  const { repository } = workspace;
  const path = workspace.workDir(loop.id);
  const key = await manifestKey(repository, await repository.headOf(path), config);
  const marker = `${path}.setup`;
  if ((await readFile(marker, "utf8").catch(() => "")) === key) return null;
  await offerCopies(workspace, path);
  if (!setup) {
    await writeFile(marker, key);
    return null;
  }
  parts.ledger.update(loop.id, { progress: `iteration ${loop.iteration}: worktree.setup` });
  const outcome = await runSetup(parts.jobs, workspace, {
    directory: path,
    purpose: "work",
    loopId: loop.id,
    iteration: loop.iteration,
    signal,
    onOutput: (text) => {
      journal.output("tool", text);
    },
  });
  if (outcome.status === "success") {
    await writeFile(marker, key);
    return null;
  }
  return new LooprError(
    "setup_failed",
    `worktree.setup \`${setup}\` ended with ${outcome.status}, exit code ${outcome.exit_code ?? "none"}`,
    `loopr logs ${loop.id} shows what it printed; mend it, then loopr resume ${loop.id}`,
  );
}

async function commitAndValidate(
  parts: Parts,
  loop: Loop,
  workspace: Workspace,
  journal: Journal,
  conversation: Conversation,
  { usage, tip }: { usage: Partial<IterationRecord>; tip: string | null },
  context: IterationContext,
): Promise<IterationEnd> {
  const { repository, run } = workspace;
  const path = workspace.workDir(loop.id);
  if (conversation.ending === "refused") {
    return { passed: false, layer: "model", feedback: "The model refused to answer.", record: usage };
  }
  parts.ledger.update(
    loop.id,
    { progress: `iteration ${loop.iteration}: committing` },
    { change: { synced: false } },
  );
  const base = loop.base_commit ?? run.target_commit;
  const parent = tip ?? base;
  Object.assign(usage, { base_commit: base, start_commit: parent });
  let commit: CommitResult;
  try {
    commit = await repository.commitAll(path, {
      parent,
      ref: loopRef(loop.id),
      message: `loopr: ${plainLine(loop.title)} (iteration ${loop.iteration})\n\n${trailers(loop.id, loop.iteration)}\n`,
      author: run.author,
      base,
    });
  } catch (error) {
    if (!(error instanceof LooprError) || error.code !== "work_refused") throw error;
    return { passed: false, layer: "format", feedback: error.message, record: usage };
  }
  context.signal.throwIfAborted();
  return validate(parts, loop.id, workspace, journal, { commit, wrote: conversation.wrote, usage }, context);
}

async function validate(
  parts: Parts,
  id: string,
  workspace: Workspace,
  journal: Journal,
  { commit, wrote, usage }: { commit: CommitResult; wrote: boolean; usage: Partial<IterationRecord> },
  context: IterationContext,
): Promise<IterationEnd> {
  const { repository, run } = workspace;
  const progress = `iteration ${parts.ledger.loop(id).iteration}: running the check`;
  const loop = parts.ledger.update(id, { progress }, { change: { synced: false } });
  const base = loop.base_commit ?? run.target_commit;
  // While the check runs there is time for it.
  const diffstat = once(() => repository.diffstat(base, commit.commit));
  const verdict = await verdictOn(
    workspace,
    {
      base,
      typeCommands: typeCommandsOf(run, [loop]),
      commit: commit.commit,
      tree: commit.tree,
      // The run's as it is now: a person may have allowed more since this loop began.
      mayChange: [...loop.context.may_change, ...parts.ledger.run(loop.root_id).may_change],
      unreadMayChange: loop.context.unread_may_change ?? [],
      baseline: await baselineOf(parts, workspace, loop.root_id, base),
      ignored: commit.ignored ?? [],
      inAlready: await inAlready(parts, loop, workspace, { base, commit, wrote }),
    },
    {
      workspace,
      jobs: parts.jobs,
      loopId: id,
      iteration: loop.iteration,
      checkDir: workspace.checkDir(id),
      signal: context.signal,
      onOutput: (text) => {
        journal.output("check", text);
      },
      logPath: journal.validationLog,
      onRunning: diffstat.start,
    },
  ).finally(diffstat.ended);
  const evidence: Evidence = {
    loop_id: id,
    iteration: loop.iteration,
    stage: "iteration",
    verified: verdict.passed && verdict.checks.length > 0,
    checks: verdict.checks,
    protected_changed: verdict.protectedChanged,
    ...(verdict.permitted.length > 0 && { permitted: verdict.permitted }),
    ...(verdict.unread.length > 0 && { unread: verdict.unread }),
    reused: false,
    at: parts.clock.now(),
  };
  return {
    passed: verdict.passed,
    evidence: [evidence],
    layer: verdict.layer,
    feedback: verdict.feedback,
    asks: verdict.asks,
    refused: verdict.refused,
    record: {
      ...usage,
      commit: commit.commit,
      tree: commit.tree,
      diffstat: await diffstat.result(),
    },
  };
}

/** Work that may be begun before its result is asked for; it is done once. */
function once<T>(work: () => Promise<T>) {
  let begun: Promise<T> | null = null;
  const result = () => (begun ??= work());
  return {
    result,
    start: () => {
      // Whoever asks for the result hears of the failure.
      result().catch(() => undefined);
    },
    /** Until nothing of it goes on. */
    ended: () => Promise.allSettled([begun]),
  };
}
