// One iteration: prompt, conversation, commit, validation. The type of the loop decides by data which.
import { readFile, writeFile } from "node:fs/promises";
import { PlanArtifact, planProblems, versionHandedIn } from "../domain/artifacts.ts";
import type { Evidence, IterationRecord } from "../domain/evidence.ts";
import type { Loop } from "../domain/loop.ts";
import { LooprError } from "../lib/errors.ts";
import { inheritedContext } from "./artifacts.ts";
import { baselineOf } from "./baseline.ts";
import { manifestKey, runSetup } from "./check.ts";
import { converse, type Conversation } from "./conversation.ts";
import { openJournal, type Journal } from "./journal.ts";
import { loopRef, trailers, type Parts } from "./parts.ts";
import type { CommitResult, Model, TurnResult } from "./ports.ts";
import { systemPrompt, userPrompt } from "./prompts.ts";
import { judge } from "./verdict.ts";
import type { Workspace } from "./workspace.ts";

export interface IterationEnd {
  passed: boolean;
  layer: string;
  feedback: string;
  /** Protected files that a person is asked about. */
  asks?: string[];
  /** The model goes round in circles: another iteration would, too. */
  stuck?: string;
  record: Partial<IterationRecord>;
}

interface Context {
  signal: AbortSignal;
}

export async function iterate(
  parts: Parts,
  id: string,
  workspace: Workspace,
  model: Model,
  context: Context,
): Promise<IterationEnd> {
  const loop = parts.ledger.loop(id);
  const journal = openJournal(
    workspace.recordsDir(id, loop.iteration),
    (text) => parts.redact(workspace.run, text),
    (stream, text) => {
      parts.emit("loop.output", { id, stream, text });
    },
  );
  // A commit of this iteration that the store has missed: the daemon died between commit and verdict.
  const done = loop.loop_type === "code" ? await committedAlready(workspace, loop) : null;
  if (done) return validate(parts, id, workspace, journal, done, {}, context);

  if (loop.loop_type === "code") {
    const failed = await setUpWorktree(parts, loop, workspace, journal, context.signal);
    if (failed) throw failed;
  }
  const prompt = userPrompt(loop, workspace.run, inheritedContext(parts, loop));
  journal.prompt(`${systemPrompt(loop.loop_type)}\n\n---\n\n${prompt}`);
  const usage = { turns: 0, tool_calls: 0, model_retries: 0, tokens_in: 0, tokens_out: 0, cost_usd: 0 };
  const conversation = await converse({
    loop,
    workspace,
    model,
    jobs: parts.jobs,
    journal,
    system: systemPrompt(loop.loop_type),
    prompt,
    artifactProblems: (value) => {
      const plan = loop.loop_type === "plan" ? PlanArtifact.safeParse(value) : null;
      return plan?.success ? planProblems(plan.data) : [];
    },
    signal: context.signal,
    onTurn: (turn) => {
      addTurn(usage, turn);
    },
  });
  usage.turns = conversation.turns;
  usage.tool_calls = conversation.toolCalls;
  if (conversation.stuck !== null) {
    const feedback = `You were going round in circles: ${conversation.stuck}. Do it another way.`;
    return { passed: false, layer: "model", feedback, stuck: conversation.stuck, record: usage };
  }
  if (loop.loop_type !== "code") return handIn(parts, loop, conversation, usage);
  return commitAndValidate(parts, loop, workspace, journal, conversation, usage, context);
}

function addTurn(usage: Partial<IterationRecord>, turn: TurnResult): void {
  const tokensIn = turn.usage.input + turn.usage.cache_read + turn.usage.cache_write;
  usage.tokens_in = (usage.tokens_in ?? 0) + tokensIn;
  usage.tokens_out = (usage.tokens_out ?? 0) + turn.usage.output;
  usage.cost_usd = (usage.cost_usd ?? 0) + turn.cost_usd;
  usage.model_retries = (usage.model_retries ?? 0) + turn.retries;
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
    diffstat: await repository.diffstat(loop.base_commit, tip),
  };
}

/** Runs worktree.setup where it has not run for the manifests of the checkpoint. */
async function setUpWorktree(
  parts: Parts,
  loop: Loop,
  workspace: Workspace,
  journal: Journal,
  signal: AbortSignal,
): Promise<LooprError | null> {
  const { setup } = workspace.run.config.worktree;
  if (!setup) return null;
  const { repository } = workspace;
  const path = workspace.workDir(loop.id);
  const key = await manifestKey(repository, await repository.headOf(path), setup);
  const marker = `${path}.setup`;
  if ((await readFile(marker, "utf8").catch(() => "")) === key) return null;
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

/** Plan, spec and phase: the artifact is the work. */
function handIn(
  parts: Parts,
  loop: Loop,
  conversation: Conversation,
  usage: Partial<IterationRecord>,
): IterationEnd {
  if (conversation.artifact === null) {
    const feedback = `${endingText(conversation)} You ended without an accepted call of create_${loop.loop_type}. Call it exactly once, with all its parameters.`;
    return { passed: false, layer: "format", feedback, record: usage };
  }
  const version = versionHandedIn(parts.store.artifacts(loop.id).at(-1), loop.iteration);
  parts.ledger.record({
    artifacts: [
      {
        loop_id: loop.id,
        version,
        author: "model",
        iteration: loop.iteration,
        at: parts.clock.now(),
        value: conversation.artifact,
      },
    ],
    events: [
      {
        event: "loop.artifact",
        loop_id: loop.id,
        root_id: loop.root_id,
        data: { id: loop.id, path: `${loop.loop_type}.md` },
      },
    ],
  });
  parts.ledger.update(loop.id, { output_artifacts: [`${loop.loop_type}.md`] });
  return { passed: true, layer: "format", feedback: "", record: usage };
}

async function commitAndValidate(
  parts: Parts,
  loop: Loop,
  workspace: Workspace,
  journal: Journal,
  conversation: Conversation,
  usage: Partial<IterationRecord>,
  context: Context,
): Promise<IterationEnd> {
  const { repository, run } = workspace;
  const path = workspace.workDir(loop.id);
  if (conversation.ending === "refused") {
    return { passed: false, layer: "model", feedback: "The model refused to answer.", record: usage };
  }
  parts.ledger.update(loop.id, { progress: `iteration ${loop.iteration}: committing` });
  let commit: CommitResult;
  try {
    commit = await repository.commitAll(path, {
      parent: (await repository.resolve(loopRef(loop.id))) ?? loop.base_commit ?? run.target_commit,
      ref: loopRef(loop.id),
      message: `loopr: ${loop.title} (iteration ${loop.iteration})\n\n${trailers(loop.id, loop.iteration)}\n`,
      author: run.author,
      base: loop.base_commit ?? run.target_commit,
    });
  } catch (error) {
    if (!(error instanceof LooprError) || error.code !== "work_refused") throw error;
    return { passed: false, layer: "format", feedback: error.message, record: usage };
  }
  context.signal.throwIfAborted();
  return validate(parts, loop.id, workspace, journal, commit, usage, context);
}

async function validate(
  parts: Parts,
  id: string,
  workspace: Workspace,
  journal: Journal,
  commit: CommitResult,
  usage: Partial<IterationRecord>,
  context: Context,
): Promise<IterationEnd> {
  const { repository, run } = workspace;
  const loop = parts.ledger.update(id, {
    progress: `iteration ${parts.ledger.loop(id).iteration}: running the check`,
  });
  const base = loop.base_commit ?? run.target_commit;
  const verdict = await judge(
    workspace,
    {
      base,
      commit: commit.commit,
      tree: commit.tree,
      mayChange: loop.context.may_change,
      baseline: await baselineOf(parts, workspace, loop.root_id, base),
      ignored: commit.ignored ?? [],
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
    },
  );
  const evidence: Evidence = {
    loop_id: id,
    iteration: loop.iteration,
    stage: "iteration",
    verified: verdict.passed && verdict.checks.length > 0,
    checks: verdict.checks,
    protected_changed: verdict.protectedChanged,
    reused: false,
    at: parts.clock.now(),
  };
  parts.ledger.record({ evidence: [evidence] });
  return {
    passed: verdict.passed,
    layer: verdict.layer,
    feedback: verdict.feedback,
    asks: verdict.asks,
    record: {
      ...usage,
      commit: commit.commit,
      tree: commit.tree,
      diffstat: await repository.diffstat(base, commit.commit),
    },
  };
}

function endingText(conversation: Conversation): string {
  switch (conversation.ending) {
    case "turns_used_up":
      return `All ${conversation.turns} turns were used up.`;
    case "refused":
      return "The model refused to answer.";
    case "cut_off":
      return "The answer was cut off at the token limit.";
    case "stuck":
    case "done":
      return "";
  }
}
