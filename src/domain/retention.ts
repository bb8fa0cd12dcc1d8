// Which runs' records are removed: by age and by size. Pure.
import type { Config } from "./config.ts";

/** A run that nothing can go on in by itself, with what its iteration records take on the disk. */
export interface EndedRun {
  id: string;
  ended_at: number;
  bytes: number;
}

const msPerDay = 86_400_000;
const bytesPerMegabyte = 1024 * 1024;

/**
 * The runs whose records go, the one that ended longest ago first. The newest `keep_runs` stay whatever they
 * take. `othersBytes`: what the records of runs that have not ended take, which counts and stays.
 */
export function recordsToPrune(
  ended: readonly EndedRun[],
  othersBytes: number,
  limits: Config["records"],
  nowMs: number,
): EndedRun[] {
  const oldestFirst = ended.toSorted((a, b) => a.ended_at - b.ended_at || (a.id < b.id ? -1 : 1));
  const mayGo = oldestFirst.slice(0, Math.max(0, oldestFirst.length - limits.keep_runs));
  const tooOld = nowMs - limits.keep_days * msPerDay;
  let total = othersBytes + ended.reduce((sum, { bytes }) => sum + bytes, 0);
  const pruned: EndedRun[] = [];
  for (const run of mayGo) {
    if (run.bytes === 0) continue;
    if (run.ended_at >= tooOld && total <= limits.max_mb * bytesPerMegabyte) continue;
    pruned.push(run);
    total -= run.bytes;
  }
  return pruned;
}
