// What a person may not ask of a run in the state that it is in, and what to do instead.
import type { ArtifactVersion } from "../domain/artifacts.ts";
import type { Loop, RunState } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";
import { LooprError } from "../lib/errors.ts";
import type { Parts } from "./parts.ts";

/** Throws `invalid_state` unless the loop is the root of a verified run. */
export function requireMergeable(root: Loop): void {
  requireRoot(root, "merged", "merge");
  if (root.run_state === "verified") return;
  if (root.run_state === "merged") {
    throw new LooprError(
      "invalid_state",
      `run ${root.id} is merged already`,
      `loopr status ${root.id} shows its commit`,
    );
  }
  throw new LooprError(
    "invalid_state",
    `run ${root.id} is ${root.run_state ?? root.status}; to merge it, it has to be verified`,
    `loopr status ${root.id} shows how it stands`,
  );
}

/** States in which a run goes on by itself, or waits to. */
const live: ReadonlySet<RunState> = new Set([
  "planning",
  "awaiting_approval",
  "executing",
  "integrating",
  "paused",
]);

/** Throws `invalid_state` unless nothing of the run can go on by itself. */
export function requireEnded(root: Loop, tree: readonly Loop[], run: Run): void {
  requireRoot(root, "deleted", "delete");
  const running = tree.find((loop) => loop.status === "running" || loop.status === "rebasing");
  // Without its repository nothing of it can go on, or come to an end.
  const isLive =
    root.run_state !== null && live.has(root.run_state) && run.blocked?.code !== "repository_gone";
  if (!running && !isLive) return;
  throw new LooprError(
    "invalid_state",
    `run ${root.id} is ${root.run_state ?? root.status}${running ? `: ${running.id} is ${running.status}` : ""}; to delete it, it has to be ended`,
    `loopr cancel ${root.id} ends it`,
  );
}

/** Throws `invalid_state` where nothing of the loop can ever go on, so that more to spend is of no use to it. */
export function requireNotOver(loop: Loop, root: Loop): void {
  const isOver = root.run_state === "merged" || root.run_state === "cancelled";
  if (!isOver && loop.status !== "cancelled" && loop.status !== "invalidated") return;
  throw new LooprError(
    "invalid_state",
    isOver
      ? `run ${root.id} is ${root.run_state}: its bounds cannot be raised any more`
      : `${loop.loop_type} ${loop.id} is ${loop.status}: its bounds cannot be raised any more`,
    `loopr status ${loop.id} shows it; loopr run starts another run`,
  );
}

/** Throws `invalid_state` unless the loop is a plan that waits for approval. */
export function requireEditable(loop: Loop): void {
  const { id, loop_type, status } = loop;
  if (loop_type === "plan" && status === "awaiting_approval") return;
  const can = "a plan can be edited while it waits for approval";
  throw new LooprError(
    "invalid_state",
    loop_type === "plan"
      ? `plan ${id} is ${status.replaceAll("_", " ")}; ${can}`
      : `${id} is a ${loop_type} loop; ${can}`,
    status === "paused" ? `loopr resume ${id}` : `loopr status ${id} shows how it stands`,
  );
}

/** Throws `plan_changed` where `version` is not the newest of the plan. */
export function requireNewest(parts: Pick<Parts, "store">, loop: Loop, version: number): ArtifactVersion {
  const newest = parts.store.artifacts(loop.id).at(-1);
  if (newest?.version === version) return newest;
  const by = newest?.author === "person" ? "by a person" : "by another iteration";
  throw new LooprError(
    "plan_changed",
    `plan ${loop.id} was changed meanwhile, ${by}: version ${newest?.version ?? "none"} is the newest, not ${version}`,
    `loopr status ${loop.id} shows it`,
  );
}

/** For a command on a whole tree in which no loop is in a state that it fits. */
export function nothingToDo(tree: readonly Loop[], verb: string): LooprError {
  const [top] = tree;
  const whole = top?.parent_id === null;
  const state = whole ? (top.run_state ?? top.status) : (top?.status ?? "gone");
  return new LooprError(
    "invalid_state",
    `${whole ? "run" : "loop"} ${top?.id ?? ""} is ${state}: nothing in it is left to ${verb}`,
    `loopr status ${top?.id ?? ""} shows it`,
  );
}

/** Throws `invalid_state` for a part of a run. */
export function requireRoot(loop: Loop, done: string, command: string): void {
  if (loop.parent_id === null) return;
  throw new LooprError(
    "invalid_state",
    `${loop.id} is a part of run ${loop.root_id}; only whole runs are ${done}`,
    `loopr ${command} ${loop.root_id}`,
  );
}
