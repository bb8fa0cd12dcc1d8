// Time for retries: an argument, so that tests need not wait.
import { systemClock, type Clock } from "../lib/clock.ts";
import { cancelled } from "./failure.ts";

export interface Time extends Clock {
  /** Throws `cancelled` as soon as the signal says so. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemTime: Time = {
  now: () => systemClock.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(cancelled());
      if (ms <= 0) return resolve();
      const stop = () => {
        clearTimeout(timer);
        reject(cancelled());
      };
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", stop);
        resolve();
      }, ms);
      signal.addEventListener("abort", stop, { once: true });
    }),
};
