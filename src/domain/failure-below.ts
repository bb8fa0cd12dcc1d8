// A loop's status speaks of its own artifact. That what was built from it has failed for good is its failure: the
// work that it stands for is not in.
import type { Failure, Loop } from "./loop.ts";

const code = "child_failed";

/** Whether a loop that is complete is so in vain: views show it as failed. */
export function hasFailedBelow(loop: Pick<Loop, "status" | "failure">): boolean {
  return loop.status === "complete" && loop.failure?.code === code;
}

/** What is to be said of a complete loop because of its children; null: nothing, or nothing yet. */
export function failureBelow(children: readonly Loop[]): Failure | null {
  const failed = children.find(
    (child) => child.status === "failed" || child.status === "stalled" || hasFailedBelow(child),
  );
  if (failed === undefined) return null;
  // Of what is below in turn the cause is told, once.
  const { message, hint } = failed.failure ?? { message: "", hint: "" };
  if (hasFailedBelow(failed)) return { code, message, hint };
  const how = failed.status === "stalled" ? "has stalled" : "has failed";
  return {
    code,
    message: `${failed.loop_type} "${failed.title}" below it ${how}${message === "" ? "" : `: ${message}`}`,
    hint: hint || `loopr resume ${failed.id} lets it go on`,
  };
}

/** The loops above a changed one whose failure is to be told anew. Roots have their run's state for that. */
export function toldAbove(changed: Loop, family: ReadonlyMap<string, Loop>): Loop[] {
  const told = new Map<string, Loop>();
  const now = (id: string) => told.get(id) ?? family.get(id);
  for (let at = now(changed.parent_id ?? ""); at?.parent_id != null; at = now(at.parent_id)) {
    if (at.status !== "complete" || at.loop_type === "code") continue;
    const { id } = at;
    const children = [...family.keys()]
      .flatMap((one) => now(one) ?? [])
      .filter((one) => one.parent_id === id);
    const failure = failureBelow(children);
    if (failure?.message !== at.failure?.message) told.set(id, { ...at, failure });
  }
  return [...told.values()];
}
