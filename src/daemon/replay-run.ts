// loop.replay: a new run that begins where a loop was before one of its iterations. The original stays as it is.
import type { Loop } from "../domain/loop.ts";
import { typesOf } from "../domain/loop-types.ts";
import type { Run } from "../domain/run.ts";
import { describeBounds } from "../engine/bounds.ts";
import type { Engine } from "../engine/engine.ts";
import { newLoop } from "../engine/new-loop.ts";
import { loopRef } from "../engine/parts.ts";
import { stateBefore, type StateBefore } from "../engine/replay.ts";
import { newLoopId } from "../lib/ids.ts";
import type { Params, Result } from "../protocol/methods.ts";
import { requireModel, requireSandbox, type CreateRunNeeds } from "./create-run.ts";
import type { Caller } from "./handlers.ts";

export async function replayRun(
  params: Params<"loop.replay">,
  caller: Caller,
  needs: CreateRunNeeds & { engine: Engine },
): Promise<Result<"loop.replay">> {
  const { engine } = needs;
  const original = engine.ledger.loop(params.id);
  const state = await stateBefore(engine.parts, original, params.from);
  const run = await runOf(params, original, state, caller, needs);
  const root = rootOf(run, original, state, params.from);
  if (state.start !== state.base) {
    const repository = await needs.git.reopen(run.project);
    await repository.updateRef(loopRef(run.id), state.start, null);
  }
  engine.create(run, root, {
    iterations: state.records.map((record) => ({
      ...record,
      loop_id: run.id,
      copied_from: record.copied_from ?? original.id,
    })),
    artifacts: state.artifact ? [{ loop_id: run.id, ...state.artifact }] : [],
  });
  return { id: run.id, status: "created", warnings: run.warnings, bounds: describeBounds(root, run) };
}

/** The original's settings, at the commit that its loop was compared with; it is not merged by itself. */
async function runOf(
  { model, approve }: Params<"loop.replay">,
  original: Loop,
  { base }: StateBefore,
  caller: Caller,
  needs: CreateRunNeeds & { engine: Engine },
): Promise<Run> {
  const before = needs.engine.ledger.run(original.root_id);
  const now = needs.now();
  const { llm, git } = before.config;
  const config = {
    ...before.config,
    // What has come onto the target since is no part of the state that is replayed.
    git: { ...git, auto_merge: false, divergence: "continue" as const },
    llm: model ? { ...llm, model } : llm,
  };
  const types = Object.fromEntries(
    Object.entries(typesOf(before)).map(([name, type]) => [name, model ? { ...type, model } : type]),
  );
  const sandboxed = await requireSandbox(config.sandbox.mode, needs);
  const name = original.type_name ?? original.loop_type;
  return {
    id: newLoopId(now),
    project: before.project,
    subdir: before.subdir,
    target_branch: before.target_branch,
    target_commit: base,
    branch: null,
    levels: before.levels === "auto" && name === "plan" ? "auto" : [name, ...original.context.levels],
    config,
    types,
    env: before.env,
    check_cwd: before.check_cwd,
    may_change: before.may_change,
    approve: approve === true,
    merge: false,
    credentials: requireModel(config, caller, needs),
    sandboxed,
    author: before.author,
    warnings: sandboxed ? [] : ["unsandboxed: tools and the check run with all of your rights"],
    tip: null,
    verified_commit: null,
    merged_commit: null,
    blocked: null,
    merge_requested: false,
    cost_usd: 0,
    budget_usd: config.limits.run_usd,
    budget_tokens: config.limits.run_tokens,
    budget_minutes: config.limits.run_minutes,
    created_at: now,
  };
}

function rootOf(run: Run, original: Loop, state: StateBefore, from: number): Loop {
  const root = newLoop(run, {
    id: run.id,
    type: original.type_name ?? original.loop_type,
    parent: null,
    title: original.title,
    description: original.context.description,
    levels: original.context.levels,
    dependsOn: [],
    mayChange: original.context.may_change,
    unreadMayChange: original.context.unread_may_change ?? [],
    now: run.created_at,
  });
  return {
    ...root,
    iteration: from - 1,
    max_iterations: Math.max(root.max_iterations, from),
    base_commit: state.base,
    context: {
      ...root.context,
      feedback: state.feedback,
      inherited: state.inherited,
      replay_of: { id: original.id, from },
    },
  };
}
