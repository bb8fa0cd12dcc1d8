import { expect, test } from "bun:test";
import { LooprError } from "../lib/errors.ts";
import { AttemptFailure } from "./failure.ts";
import { CallLimiter } from "./limiter.ts";
import { parseRetryAfter, retryBaseMs, withRetries } from "./retry.ts";

/** Runs against a list of failures (then success) with time that only sleeping moves. */
async function run(failures: AttemptFailure[], random = () => 0.5) {
  let now = 1_000_000;
  const slept: number[] = [];
  const time = {
    now: () => now,
    sleep: async (ms: number) => {
      slept.push(ms);
      now += ms;
    },
  };
  let attempts = 0;
  const attempt = async () => {
    const failure = failures[attempts++];
    if (failure) throw failure;
    return "answer";
  };
  const limiter = new CallLimiter(1, time);
  const signal = new AbortController().signal;
  const result: unknown = await withRetries(attempt, {
    limiter,
    provider: "p",
    baseMs: 1000,
    time,
    random,
    signal,
  }).catch((error: unknown) => error);
  return { result, slept, attempts };
}

const down = new AttemptFailure("unavailable", "down");
const times = (n: number, failure: AttemptFailure) => Array.from({ length: n }, () => failure);

test("pauses double, with jitter between half and the whole, and are bounded", async () => {
  expect((await run(times(5, down))).slept).toEqual([750, 1500, 3000, 6000, 12_000]);
  expect((await run(times(2, down), () => 0)).slept).toEqual([500, 1000]);
  expect((await run(times(2, down), () => 0.999)).slept).toEqual([1000, 1999]);
});

test("says how often it tried", async () => {
  expect((await run(times(3, down))).result).toEqual({ value: "answer", retries: 3 });
  const { result, attempts } = await run(times(9, down));
  expect(attempts).toBe(6);
  expect(result).toMatchObject({ code: "model_unreachable", message: "down (6 attempts)" });
});

test("waits exactly as long as the server asks", async () => {
  const limited = new AttemptFailure("rate_limited", "slow down", { retryAfterMs: 12_345 });
  expect(await run([limited])).toMatchObject({ slept: [12_345], result: { retries: 1 } });
  const busy = new AttemptFailure("unavailable", "busy", { retryAfterMs: 40_000 });
  expect((await run([busy])).slept).toEqual([40_000]);
});

test.each([
  ["auth", "model_auth"],
  ["rejected", "model_rejected"],
] as const)("%s is final at once", async (kind, code) => {
  const { result, slept, attempts } = await run(times(9, new AttemptFailure(kind, "no")));
  expect(result).toMatchObject({ code });
  expect([slept, attempts]).toEqual([[], 1]);
});

test("a time-out is tried twice, a wait beyond the bound not at all", async () => {
  const late = await run(times(9, new AttemptFailure("timeout", "late")));
  expect([late.attempts, late.result]).toMatchObject([2, { code: "model_timeout" }]);
  const hours = new AttemptFailure("rate_limited", "tomorrow", { retryAfterMs: 86_400_000 });
  const { attempts, slept, result } = await run(times(9, hours));
  expect([attempts, slept]).toEqual([1, []]);
  expect(result).toMatchObject({ code: "model_unreachable" });
});

test("what is no failed attempt is passed on", async () => {
  const bug = new TypeError("a mistake of ours");
  const signal = new AbortController().signal;
  const limiter = new CallLimiter(1);
  const time = { now: () => 0, sleep: async () => {} };
  const options = { limiter, provider: "p", baseMs: 1, time, random: () => 0, signal };
  const attempt = async () => {
    throw bug;
  };
  expect(await withRetries(attempt, options).catch((error: unknown) => error)).toBe(bug);
  const release = await limiter.acquire("p", signal);
  release();
});

test("cancelled while it pauses", async () => {
  const controller = new AbortController();
  const time = {
    now: () => 0,
    sleep: async () => {
      controller.abort();
      throw new LooprError("cancelled", "cancelled");
    },
  };
  const options = {
    limiter: new CallLimiter(1, time),
    provider: "p",
    baseMs: 1,
    time,
    random: () => 0,
    signal: controller.signal,
  };
  const attempt = async () => {
    throw down;
  };
  expect(await withRetries(attempt, options).catch((error: unknown) => error)).toMatchObject({
    code: "cancelled",
  });
});

const now = Date.UTC(2026, 0, 1);
test.each([
  ["7", 7000],
  ["0", 0],
  ["1.5", 1500],
  [" 30 ", 30_000],
  [new Date(now + 9000).toUTCString(), 9000],
  [new Date(now - 9000).toUTCString(), 0],
  ["", null],
  ["soon", null],
  ["-5", null],
  ["Mon, nonsense", null],
  [null, null],
])("retry-after %p is %p ms", (value, expected) => {
  expect(parseRetryAfter(value, now)).toBe(expected);
});

test.each([
  [undefined, 2000],
  ["", 2000],
  ["0", 2000],
  ["-1", 2000],
  ["soon", 2000],
  ["Infinity", 2000],
  ["20", 20],
])("LOOPR_MODEL_RETRY_MS=%p begins with %p ms", (value, expected) => {
  expect(retryBaseMs({ LOOPR_MODEL_RETRY_MS: value })).toBe(expected);
});
