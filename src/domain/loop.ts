// The loop: what is stored, and what goes over the wire. Field names are the wire's (snake_case).
import * as z from "zod/mini";
import { loopStatuses, loopTypes, runStates } from "./loop-states.ts";

export const LoopType = z.enum(loopTypes);
export type LoopType = z.infer<typeof LoopType>;

export const LoopStatus = z.enum(loopStatuses);
export type LoopStatus = z.infer<typeof LoopStatus>;

export const RunState = z.enum(runStates);
export type RunState = z.infer<typeof RunState>;

/** Why a loop or run is not going on. `code` is stable; the CLI chooses its exit code by it. */
export const Failure = z.object({ code: z.string(), message: z.string(), hint: z.string() });
export type Failure = z.infer<typeof Failure>;

/** What a loop may use up. Null: no bound of its own. */
export const Budget = z.object({
  iterations: z.number(),
  turns: z.number(),
  /** Running time only: never the gate, the queue or a pause. */
  minutes: z.number(),
  usd: z.nullable(z.number()),
  tokens: z.nullable(z.number()),
});
export type Budget = z.infer<typeof Budget>;

/** What the engine remembers of a loop between iterations. Open to readers; only the engine writes it. */
export const LoopContext = z.object({
  /** The task of this loop, in the words of the person or of the parent's artifact. */
  description: z.string(),
  /** Files that the approved plan lets this loop change although they are protected (globs). */
  may_change: z.array(z.string()),
  /** Existing tests that a plan, spec or phase lets it change which no person has approved (globs). */
  unread_may_change: z.optional(z.array(z.string())),
  /** Feedback for the next iteration, oldest first; bounded by the engine. */
  feedback: z.array(
    z.object({
      iteration: z.number(),
      layer: z.string(),
      text: z.string(),
      /** The protected files that it was refused for. */
      files: z.optional(z.array(z.string())),
    }),
  ),
  /** For a paused loop: the status that it goes back to. */
  paused_from: z.nullable(LoopStatus),
  /** The protected files whose change a person is asked about; null or absent where none is. */
  asked: z.optional(z.nullable(z.array(z.string()))),
  /** Set once the work is in the run's branch: the commit there. */
  integrated_commit: z.nullable(z.string()),
  /** How many times the integration queue sent this loop back. */
  sent_back: z.number(),
  /** Failure signature and tree of the last failed iterations, for stall detection. */
  failures: z.array(z.object({ signature: z.string(), tree: z.string() })),
  /** Running time used, in milliseconds. */
  running_ms: z.number(),
  /** Time in which anything below it was running, in milliseconds; absent where nothing was. */
  below_ms: z.optional(z.number()),
  /** Its commits are to be put on the run's branch as it is now, at the next safe point. */
  rebase: z.optional(z.boolean()),
  /** Of a replay: the loop and the iteration that it began before, and what that loop was told of its ancestors. */
  replay_of: z.optional(z.object({ id: z.string(), from: z.number() })),
  inherited: z.optional(z.array(z.object({ title: z.string(), markdown: z.string() }))),
  /** How many times its parent has started it afresh. */
  retries: z.optional(z.number()),
  /** The types of the loops below (the first is its children's); empty for code, and where a plan decides. */
  levels: z.array(z.string()),
});
export type LoopContext = z.infer<typeof LoopContext>;

export const Loop = z.object({
  id: z.string(),
  loop_type: LoopType,
  /** The type's own name where it is not built in: a variant of `loop_type`. */
  type_name: z.optional(z.string()),
  parent_id: z.nullable(z.string()),
  input_artifact: z.nullable(z.string()),
  output_artifacts: z.array(z.string()),
  prompt_path: z.string(),
  validation_command: z.string(),
  max_iterations: z.number(),
  worktree: z.string(),
  /** The iteration under way or last done, from 1; 0 before the first. */
  iteration: z.number(),
  status: LoopStatus,
  /** One line: what it is doing, or how the last iteration ended. */
  progress: z.string(),
  context: LoopContext,
  created_at: z.number(),
  updated_at: z.number(),
  root_id: z.string(),
  /** Roots only. */
  run_state: z.nullable(RunState),
  /** What it waits for, where it waits: `approval`, `credentials`, `dependencies`, `budget`, `merge`, … */
  waiting_for: z.nullable(z.string()),
  /** Roots only: the commit that took the merged run back. */
  undone_commit: z.optional(z.nullable(z.string())),
  failure: z.nullable(Failure),
  /** The repository's root directory, as the person knows it. */
  project: z.string(),
  title: z.string(),
  branch: z.nullable(z.string()),
  base_commit: z.nullable(z.string()),
  depends_on: z.array(z.string()),
  cost_usd: z.number(),
  tokens_in: z.number(),
  tokens_out: z.number(),
  budget: Budget,
  /** Grows by one at each store transaction that changes this loop. */
  version: z.number(),
});
export type Loop = z.infer<typeof Loop>;

/** Statuses from which nothing happens without a person. */
export function isTerminal(status: LoopStatus): boolean {
  return ["complete", "failed", "cancelled", "stalled", "invalidated"].includes(status);
}
