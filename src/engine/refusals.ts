// What a person may not ask of a run in the state that it is in, and what to do instead.
import { isTerminal, type Loop } from "../domain/loop.ts";
import { LooprError } from "../lib/errors.ts";

/** Throws `invalid_state` unless the loop is the root of a verified run. */
export function requireMergeable(root: Loop): void {
  requireRoot(root, "merged", "merge");
  if (root.run_state === "verified") return;
  throw new LooprError(
    "invalid_state",
    `run ${root.id} is ${root.run_state ?? root.status}; to merge it, it has to be verified`,
    `loopr status ${root.id} shows what it waits for`,
  );
}

/** Throws `invalid_state` unless nothing of the run can go on by itself. */
export function requireEnded(root: Loop, tree: readonly Loop[]): void {
  requireRoot(root, "deleted", "delete");
  const live = tree.find((loop) => !isTerminal(loop.status));
  if (live) {
    throw new LooprError(
      "invalid_state",
      `run ${root.id} is ${root.run_state ?? root.status}: ${live.id} is ${live.status}; to delete it, it has to be ended`,
      `loopr cancel ${root.id} ends it`,
    );
  }
  if (root.run_state === "executing" || root.run_state === "integrating") {
    throw new LooprError(
      "invalid_state",
      `run ${root.id} is ${root.run_state}; to delete it, it has to be ended`,
      `loopr watch ${root.id} follows it to its end`,
    );
  }
}

function requireRoot(loop: Loop, done: string, command: string): void {
  if (loop.parent_id === null) return;
  throw new LooprError(
    "invalid_state",
    `${loop.id} is a part of run ${loop.root_id}; only whole runs are ${done}`,
    `loopr ${command} ${loop.root_id}`,
  );
}
