// How often the tools ran in this daemon's life, and for how long: counted where their jobs are run.
import type { Jobs } from "../engine/ports.ts";

export interface ToolCount {
  count: number;
  /** How many of them ended otherwise than by success. */
  failed: number;
  total_ms: number;
  max_ms: number;
}

export interface CountedJobs extends Jobs {
  /** By the tool's name. */
  counts(): Record<string, ToolCount>;
}

export function countingJobs(jobs: Jobs): CountedJobs {
  const byName = new Map<string, ToolCount>();
  return {
    run: async (job, signal, onOutput) => {
      const outcome = await jobs.run(job, signal, onOutput);
      if (job.tool !== undefined) {
        const before = byName.get(job.tool) ?? { count: 0, failed: 0, total_ms: 0, max_ms: 0 };
        byName.set(job.tool, {
          count: before.count + 1,
          failed: before.failed + (outcome.status === "success" ? 0 : 1),
          total_ms: before.total_ms + outcome.duration_ms,
          max_ms: Math.max(before.max_ms, outcome.duration_ms),
        });
      }
      return outcome;
    },
    counts: () => Object.fromEntries(byName),
  };
}
