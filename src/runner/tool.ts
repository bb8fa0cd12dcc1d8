// What every tool is given, and how it says that it could not do what was asked.
import type { Job } from "../protocol/runner.ts";
import type { FileReads } from "./reads.ts";

/** An expected failure. Its message goes to the model, which is to mend its call by it. */
export class ToolFailure extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ToolFailure";
  }
}

export interface ToolContext {
  job: Job;
  /** Aborted at the job's time limit, at its cancellation and at the runner's end. */
  signal: AbortSignal;
  /** What a tool that pages should keep its answer below. */
  bytesMax: number;
  reads: FileReads;
  /** ripgrep, outside of every worktree; null where it is not installed. */
  ripgrep: string | null;
}

const yieldAfterMs = 8;

/**
 * Lets other jobs and the heartbeat have a turn in a long stretch of work, and ends it once it is aborted.
 * Returns a function to be awaited in every round; it is free while there is no need.
 */
export function breather(signal: AbortSignal): () => Promise<void> | void {
  let last = performance.now();
  return () => {
    if (performance.now() - last < yieldAfterMs) return;
    return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      signal.throwIfAborted();
      last = performance.now();
    });
  };
}

/** A file name as one line: names may hold line breaks, and must not pass for two. */
export function shownName(name: string): string {
  return /[\u0000-\u001f\u007f]/.test(name) ? JSON.stringify(name) : name;
}
