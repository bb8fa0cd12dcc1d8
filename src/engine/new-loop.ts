import type { Loop, LoopType } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";

/** A new pending loop's record, bounded as the run's configuration says for its type. */
export function newLoop(
  run: Run,
  options: {
    id: string;
    type: LoopType;
    parent: Loop | null;
    title: string;
    description: string;
    levels: LoopType[];
    dependsOn: string[];
    mayChange: string[];
    now: number;
  },
): Loop {
  const { limits, validation } = run.config;
  const iterations = limits.iterations[options.type];
  return {
    id: options.id,
    loop_type: options.type,
    parent_id: options.parent?.id ?? null,
    input_artifact: options.parent ? `${options.parent.loop_type}.md` : null,
    output_artifacts: [],
    prompt_path: "",
    validation_command: validation.command ?? "",
    max_iterations: iterations,
    worktree: "",
    iteration: 0,
    status: "pending",
    progress: "",
    context: {
      description: options.description,
      may_change: options.mayChange,
      feedback: [],
      paused_from: null,
      integrated_commit: null,
      sent_back: 0,
      failures: [],
      running_ms: 0,
      levels: options.levels,
    },
    created_at: options.now,
    updated_at: options.now,
    root_id: run.id,
    run_state: options.parent ? null : options.type === "code" ? "executing" : "planning",
    waiting_for: null,
    failure: null,
    project: run.project.root,
    title: options.title,
    branch: run.branch,
    base_commit: null,
    depends_on: options.dependsOn,
    cost_usd: 0,
    tokens_in: 0,
    tokens_out: 0,
    budget: {
      iterations,
      turns: limits.turns,
      minutes: limits.minutes,
      usd: limits.usd,
      tokens: limits.tokens,
    },
    version: 1,
  };
}
