// git makes and removes the registrations of worktrees (`worktrees/<id>/`) file by file, and fails on one that
// another git is just making: "failed to read …/commondir". So ours come one after another, per repository.
import { setTimeout as wait } from "node:timers/promises";
import { LooprError } from "../lib/errors.ts";

const queues = new Map<string, Promise<unknown>>();
/** A person's git, or another daemon's, may be at it as well: then once more, a little later. */
const attemptsMax = 4;
const pauseMs = 50;

/** Runs `work` when all earlier work on the worktrees of this repository has ended. */
export function serialized<T>(commonDir: string, work: () => Promise<T>): Promise<T> {
  const before = queues.get(commonDir) ?? Promise.resolve();
  const next = before.then(work, work);
  queues.set(commonDir, next);
  const forget = () => {
    if (queues.get(commonDir) === next) queues.delete(commonDir);
  };
  next.then(forget, forget);
  return next;
}

/** Repeats work that git refused, a few times. */
export async function persistently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LooprError) || error.code !== "git_failed" || attempt >= attemptsMax)
        throw error;
      await wait(pauseMs * attempt);
    }
  }
}
