// Whether the daemon still answers: a process that hangs keeps its connection, and only asking tells.
import { LooprError } from "../lib/errors.ts";

export interface LivenessOptions {
  /** Rejects with `daemon_unresponsive` where no answer comes in time. */
  ping: (answerWithinMs: number) => Promise<unknown>;
  /** When it was last heard, once it does not answer; null: it does again. May repeat itself. */
  onSilence: (since: number | null) => void;
  now: () => number;
  times: LivenessTimes;
}

export interface LivenessTimes {
  /** Heard nothing for that long: it is asked. */
  quietMs: number;
  answerWithinMs: number;
  /** While it does not answer, it is asked again after this long. */
  againMs: number;
}

export interface Liveness {
  /** Something came from the daemon. */
  heard(): void;
  stop(): void;
}

export function watchLiveness({ ping, onSilence, now, times }: LivenessOptions): Liveness {
  let heardAt = now();
  let isSilent = false;
  let isStopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    heardAt = now();
    if (!isSilent || isStopped) return;
    isSilent = false;
    onSilence(null);
  };
  const look = async () => {
    const askedAt = now();
    if (!isSilent && askedAt - heardAt < times.quietMs) return;
    try {
      await ping(times.answerWithinMs);
      heard();
    } catch (error) {
      // A lost connection is told by the connection itself, and what came meanwhile is an answer, too.
      const unanswered = error instanceof LooprError && error.code === "daemon_unresponsive";
      if (!unanswered || isStopped || heardAt > askedAt) return;
      isSilent = true;
      onSilence(heardAt);
    }
  };
  // Events only note the time: they may be many, and each would set a timer anew.
  const schedule = () => {
    if (isStopped) return;
    const waitMs = isSilent ? times.againMs : Math.max(times.againMs, heardAt + times.quietMs - now());
    timer = setTimeout(() => void look().then(schedule), waitMs);
  };
  schedule();
  return {
    heard,
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
