// Which failed attempts are repeated, when, and how often.
import { AttemptFailure, cancelled, finalFailure } from "./failure.ts";
import type { CallLimiter } from "./limiter.ts";
import type { Time } from "./time.ts";

/** Attempts at one turn, the first included. */
const attemptsMax = 6;
/** A turn that takes too long once is asked again; the second time is final, since each costs its whole time-out. */
const timeoutsMax = 2;
/** The first pause; each later one is twice as long. */
const retryBaseMsDefault = 2_000;
const pauseMsMax = 60_000;
/** A provider that asks to wait longer than this is unreachable for now: the run pauses instead. */
const retryAfterMsMax = 10 * 60_000;

export interface RetryOptions {
  limiter: CallLimiter;
  /** What a 429 holds back: the provider at its base URL. */
  provider: string;
  baseMs: number;
  time: Time;
  /** 0 ≤ x < 1. */
  random: () => number;
  signal: AbortSignal;
}

/**
 * Runs `attempt` until it succeeds. It throws AttemptFailure for what this decides about; anything else is
 * passed on at once. Throws the errors of the Model port.
 */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  options: RetryOptions,
): Promise<{ value: T; retries: number }> {
  const { limiter, provider, signal } = options;
  let timeouts = 0;
  for (let attempts = 1; ; attempts++) {
    const release = await limiter.acquire(provider, signal);
    let failure: AttemptFailure;
    try {
      return { value: await attempt(), retries: attempts - 1 };
    } catch (error) {
      if (signal.aborted) throw cancelled();
      if (!(error instanceof AttemptFailure)) throw error;
      failure = error;
    } finally {
      release();
    }
    const pauseMs = failure.retryAfterMs ?? backOffMs(attempts, options.baseMs, options.random());
    // The others would only be told the same: they wait as well, also after the last attempt.
    if (failure.kind === "rate_limited") limiter.holdBack(provider, Math.min(pauseMs, retryAfterMsMax));
    if (failure.kind === "timeout") timeouts += 1;
    const last = attempts >= attemptsMax || timeouts >= timeoutsMax || pauseMs > retryAfterMsMax;
    if (!failure.retryable || last) throw finalFailure(failure, attempts);
    if (failure.kind !== "rate_limited") await options.time.sleep(pauseMs, signal);
  }
}

/** Exponential, and between half and the whole of it, so that many callers do not come back at once. */
function backOffMs(attempts: number, baseMs: number, random: number): number {
  const whole = Math.min(pauseMsMax, baseMs * 2 ** (attempts - 1));
  return Math.round(whole / 2 + (whole / 2) * random);
}

/** `retry-after` in seconds or as an HTTP date (RFC 9110, 10.2.3), in milliseconds; null for anything else. */
export function parseRetryAfter(value: string | null, nowMs: number): number | null {
  const text = value?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  if (!/^[A-Za-z]{3}, /.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}

/** `LOOPR_MODEL_RETRY_MS`: the first pause between attempts, for tests. Not a positive number: the default. */
export function retryBaseMs(env: Readonly<Record<string, string | undefined>>): number {
  const value = Number(env["LOOPR_MODEL_RETRY_MS"]);
  return value > 0 && Number.isFinite(value) ? value : retryBaseMsDefault;
}
