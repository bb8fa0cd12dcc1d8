// Every event that a daemon sends to subscribers, with the shape of its data.
import * as z from "zod/mini";
import { Loop } from "../domain/loop.ts";
import { PlanSpec } from "../domain/artifacts.ts";

const id = z.object({ id: z.string() });

export const events = {
  "loop.created": Loop,
  "loop.updated": Loop,
  "loop.deleted": Loop,
  "loop.iteration": z.object({
    id: z.string(),
    iteration: z.number(),
    passed: z.boolean(),
    layer: z.optional(z.string()),
    feedback: z.optional(z.string()),
    /** Of a plan: the pass of the Rule of Five that it was. */
    pass: z.optional(z.string()),
  }),
  "loop.output": z.object({ id: z.string(), stream: z.string(), text: z.string() }),
  "loop.artifact": z.object({ id: z.string(), path: z.string() }),
  "loop.recovered": z.object({ id: z.string(), from_status: z.string(), to_status: z.string() }),
  "plan.awaiting_approval": z.object({ id: z.string(), content: z.string(), specs: z.array(PlanSpec) }),
  "records.pruned": z.object({ id: z.string(), bytes: z.number(), iterations: z.number() }),
  "plan.edited": z.object({ id: z.string(), version: z.number() }),
  "plan.approved": z.object({ id: z.string(), specs_spawned: z.number() }),
  "plan.rejected": z.object({ id: z.string(), reason: z.string() }),
  "loop.retried": z.object({ id: z.string(), retry: z.number(), reason: z.string() }),
  "target.moved": z.object({
    id: z.string(),
    branch: z.string(),
    from: z.string(),
    to: z.string(),
    outcome: z.string(),
    message: z.string(),
  }),
  "merge.started": id,
  "merge.completed": z.object({ id: z.string(), commit: z.string(), branch: z.string() }),
  "merge.conflict": z.object({ id: z.string(), message: z.string(), hint: z.string() }),
  "undo.completed": z.object({ id: z.string(), commit: z.string(), branch: z.string() }),
  "undo.blocked": z.object({ id: z.string(), message: z.string(), hint: z.string() }),
  "run.warning": z.object({ id: z.string(), message: z.string() }),
  "daemon.stopping": z.object({}),
  "stream.heartbeat": z.object({ seq: z.number() }),
  "stream.gap": z.object({ dropped: z.number() }),
  error: z.object({ message: z.string(), code: z.string(), context: z.unknown() }),
} as const;

export type EventName = keyof typeof events;
export type EventData<N extends EventName> = z.infer<(typeof events)[N]>;
/**
 * Sent as they happen and never stored: no sequence number, lost to who is not there.
 * @public docs/protocol.md says so.
 */
export const ephemeralEvents: ReadonlySet<EventName> = new Set([
  "loop.output",
  "daemon.stopping",
  "stream.heartbeat",
  "stream.gap",
  "error",
]);
