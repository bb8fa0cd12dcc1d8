// How many model calls are under way at once, and which providers asked to be left alone for a while.
// One for the daemon, shared by every model.
import { cancelled } from "./failure.ts";
import { systemTime, type Time } from "./time.ts";

export class CallLimiter {
  /** `concurrency.model_calls`; a lower value takes effect as calls end. */
  callsMax: number;
  readonly #time: Time;
  readonly #heldUntil = new Map<string, number>();
  readonly #waiting: (() => void)[] = [];
  #active = 0;

  constructor(callsMax: number, time: Time = systemTime) {
    this.callsMax = callsMax;
    this.#time = time;
  }

  /**
   * Waits until the provider may be asked and a place is free, first come, first served. Returns what
   * frees the place (once; later calls do nothing). Throws `cancelled`.
   */
  async acquire(provider: string, signal: AbortSignal): Promise<() => void> {
    for (;;) {
      if (signal.aborted) throw cancelled();
      const heldMs = this.#heldFor(provider);
      if (heldMs > 0) {
        await this.#time.sleep(heldMs, signal);
        continue;
      }
      await this.#place(signal);
      // While this call waited for its place another one may have been told to hold back.
      if (this.#heldFor(provider) <= 0) return this.#releaseOnce();
      this.#release();
    }
  }

  /** No new call to the provider for so long, whoever makes it. The longest of several counts. */
  holdBack(provider: string, ms: number): void {
    const until = this.#time.now() + ms;
    if (until > (this.#heldUntil.get(provider) ?? 0)) this.#heldUntil.set(provider, until);
  }

  #heldFor(provider: string): number {
    return (this.#heldUntil.get(provider) ?? 0) - this.#time.now();
  }

  #place(signal: AbortSignal): Promise<void> {
    if (this.#active < this.callsMax && this.#waiting.length === 0) {
      this.#active += 1;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1);
        reject(cancelled());
      };
      const begin = () => {
        signal.removeEventListener("abort", stop);
        this.#active += 1;
        resolve();
      };
      this.#waiting.push(begin);
      signal.addEventListener("abort", stop, { once: true });
    });
  }

  #release(): void {
    this.#active -= 1;
    while (this.#active < this.callsMax && this.#waiting.length > 0) this.#waiting.shift()?.();
  }

  #releaseOnce(): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#release();
    };
  }
}
