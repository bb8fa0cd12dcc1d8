// What the stored events say of a run at an earlier moment. The oldest of them are removed in time: null where those
// that would tell are gone.
import * as z from "zod/mini";
import type { Loop } from "../domain/loop.ts";
import type { StoredEvent } from "../engine/ports.ts";

/** A loop as it is in `loop.created` and `loop.updated`. */
const Told = z.object({
  cost_usd: z.number(),
  run_state: z.nullable(z.string()),
  undone_commit: z.optional(z.nullable(z.string())),
});

function* told(
  events: readonly StoredEvent[],
): Generator<{ event: StoredEvent; loop: z.infer<typeof Told> }> {
  for (const event of events) {
    if (event.event !== "loop.created" && event.event !== "loop.updated") continue;
    const parsed = Told.safeParse(event.data);
    if (parsed.success) yield { event, loop: parsed.data };
  }
}

/** US dollars that the loops of a run had cost by then, to the last turn of a model that was answered. */
export function costAt(
  loops: readonly Pick<Loop, "id" | "created_at">[],
  events: readonly StoredEvent[],
  at: number,
): number | null {
  const costs = new Map<string, number>();
  for (const { event, loop } of told(events)) if (event.at <= at) costs.set(event.loop_id, loop.cost_usd);
  let sum = 0;
  for (const { id, created_at } of loops) {
    const cost = costs.get(id) ?? (created_at > at ? 0 : null);
    if (cost === null) return null;
    sum += cost;
  }
  return sum;
}

/** When the run came to the end that it is at: its record may have changed since, as by the clean-up. */
export function endedAt(
  root: Pick<Loop, "id" | "run_state" | "undone_commit">,
  events: readonly StoredEvent[],
): number | null {
  const keyOf = (loop: Pick<Loop, "undone_commit"> & { run_state: string | null }) =>
    JSON.stringify([loop.run_state, loop.undone_commit ?? null]);
  let last: string | null = null;
  let since: number | null = null;
  for (const { event, loop } of told(events)) {
    if (event.loop_id !== root.id) continue;
    const key = keyOf(loop);
    if (key !== last) since = last === null && event.event !== "loop.created" ? null : event.at;
    last = key;
  }
  return last === keyOf(root) ? since : null;
}
