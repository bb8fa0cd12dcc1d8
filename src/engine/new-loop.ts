import type { Loop } from "../domain/loop.ts";
import { typesOf } from "../domain/loop-types.ts";
import type { Run } from "../domain/run.ts";
import { LooprError } from "../lib/errors.ts";

/** A new pending loop's record, bounded as its type says. */
export function newLoop(
  run: Run,
  options: {
    id: string;
    /** Name of its type. */
    type: string;
    parent: Loop | null;
    title: string;
    description: string;
    levels: string[];
    dependsOn: string[];
    mayChange: string[];
    /** Of tests alone: what nobody has approved. */
    unreadMayChange?: string[];
    now: number;
  },
): Loop {
  const definition = typesOf(run)[options.type];
  if (!definition) throw new LooprError("bad_levels", `the run ${run.id} has no type ${options.type}`);
  const { loop_type, limits } = definition;
  // Passes that are accepted do not use up what is there for mending.
  const iterations = limits.iterations + Math.max(0, definition.passes.length - 1);
  return {
    id: options.id,
    loop_type,
    ...(definition.extends !== null && { type_name: definition.name }),
    parent_id: options.parent?.id ?? null,
    input_artifact: options.parent ? `${options.parent.loop_type}.md` : null,
    output_artifacts: [],
    prompt_path: "",
    validation_command: run.config.validation.command ?? "",
    max_iterations: iterations,
    worktree: "",
    iteration: 0,
    status: "pending",
    progress: "",
    context: {
      description: options.description,
      may_change: options.mayChange,
      ...(options.unreadMayChange?.length && { unread_may_change: options.unreadMayChange }),
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
    run_state: options.parent ? null : loop_type === "code" ? "executing" : "planning",
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
    budget: { ...limits, iterations },
    version: 1,
  };
}
