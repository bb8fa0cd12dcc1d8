// Whether the daemon still answers: a process that hangs keeps its connection, and only asking tells.
import { deferred } from "../lib/deferred.ts";
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

/** A request that is unanswered for that long: the daemon is asked whether it is there, again and again. */
const attendAfterMs = 2_000;
/** No request delays a ping: a daemon that does not answer it for so long hangs. */
const attendPingMs = 8_000;

export interface AttendTimes {
  afterMs: number;
  pingMs: number;
}

/** The answer to a request, given up with the failure of `ping` where the daemon hangs meanwhile. */
export async function attended<T>(
  answer: Promise<T>,
  ping: (answerWithinMs: number) => Promise<unknown>,
  { afterMs, pingMs }: AttendTimes = { afterMs: attendAfterMs, pingMs: attendPingMs },
): Promise<T> {
  const hung = deferred<never>();
  let isOver = false;
  const look = async () => {
    try {
      await ping(pingMs);
      if (!isOver) timer = setTimeout(() => void look(), afterMs);
    } catch (error) {
      // Every other failure is the connection's, of which the request itself tells.
      if (error instanceof LooprError && error.code === "daemon_unresponsive") hung.reject(error);
    }
  };
  let timer = setTimeout(() => void look(), afterMs);
  try {
    return await Promise.race([answer, hung.promise]);
  } finally {
    isOver = true;
    clearTimeout(timer);
  }
}
