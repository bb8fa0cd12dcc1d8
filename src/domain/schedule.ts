// Which pending loops may run now, and in what order. Pure.
import type { Loop, LoopType } from "./loop.ts";
import { isDone } from "./transition.ts";

export interface ScheduleLimits {
  loops: number;
  per_type: Readonly<Record<LoopType, number>>;
}

const baseByType: Readonly<Record<LoopType, number>> = { plan: 40, spec: 60, phase: 80, code: 100 };
const waitBonusMax = 50;
const depthBonus = 10;
const failurePenalty = 5;
const failurePenaltyMax = 30;
const msPerMinute = 60_000;

/** Base by type, +1 a minute of waiting up to 50, +10 a level of depth, −5 a failed iteration down to −30. */
export function priority(loop: Loop, nowMs: number): number {
  const waited = Math.floor(Math.max(0, nowMs - loop.updated_at) / msPerMinute);
  const depth = loop.id.split("-").length - 2;
  return (
    baseByType[loop.loop_type] +
    Math.min(waited, waitBonusMax) +
    depth * depthBonus -
    Math.min(loop.iteration * failurePenalty, failurePenaltyMax)
  );
}

/**
 * The loops to start, best first. A loop may run when it is pending, its parent is complete, and its
 * dependencies are done (complete with every descendant, and integrated). Ties go to the older id.
 */
export function schedule(loops: readonly Loop[], limits: ScheduleLimits, nowMs: number): Loop[] {
  const perType = new Map<LoopType, number>();
  const pending: Loop[] = [];
  let free = limits.loops;
  for (const loop of loops) {
    if (loop.status === "pending") pending.push(loop);
    if (loop.status !== "running" && loop.status !== "rebasing") continue;
    perType.set(loop.loop_type, (perType.get(loop.loop_type) ?? 0) + 1);
    free -= 1;
  }
  // It is asked at every event, and seldom can anything start: then there is nothing to be weighed.
  const open = pending.filter((loop) => (perType.get(loop.loop_type) ?? 0) < limits.per_type[loop.loop_type]);
  if (free <= 0 || open.length === 0) return [];

  const isReady = readiness(loops);
  const ready = open
    .filter(isReady)
    .map((loop) => ({ loop, rank: priority(loop, nowMs) }))
    .sort((a, b) => b.rank - a.rank || (a.loop.id < b.loop.id ? -1 : 1));
  const chosen: Loop[] = [];
  for (const { loop } of ready) {
    const used = perType.get(loop.loop_type) ?? 0;
    if (free <= 0) break;
    if (used >= limits.per_type[loop.loop_type]) continue;
    perType.set(loop.loop_type, used + 1);
    free -= 1;
    chosen.push(loop);
  }
  return chosen;
}

/** Whether a pending loop's parent and dependencies let it run. What that takes is looked up where it is needed. */
function readiness(loops: readonly Loop[]): (loop: Loop) => boolean {
  let known: { byId: Map<string, Loop>; children: Map<string, Loop[]> } | null = null;
  const family = () =>
    (known ??= {
      byId: new Map(loops.map((loop) => [loop.id, loop])),
      children: Map.groupBy(loops, (loop) => loop.parent_id ?? ""),
    });
  const childrenOf = (id: string) => family().children.get(id) ?? [];
  return ({ parent_id, depends_on }) =>
    (parent_id === null || family().byId.get(parent_id)?.status === "complete") &&
    depends_on.every((id) => {
      const dependency = family().byId.get(id);
      return dependency !== undefined && isDone(dependency, childrenOf);
    });
}
