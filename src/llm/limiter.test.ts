import { expect, test } from "bun:test";
import { CallLimiter } from "./limiter.ts";
import { systemTime } from "./time.ts";

const never = new AbortController().signal;
/** Lets everything that can go on go on. */
const settle = async () => {
  for (let n = 0; n < 20; n++) await Promise.resolve();
};

test("first come, first served, as places become free", async () => {
  const limiter = new CallLimiter(2);
  const order: number[] = [];
  const releases: (() => void)[] = [];
  for (let n = 0; n < 5; n++) {
    void limiter.acquire("p", never).then((release) => {
      order.push(n);
      releases.push(release);
    });
  }
  await settle();
  expect(order).toEqual([0, 1]);
  releases[0]?.();
  releases[0]?.(); // Freeing a place twice frees one.
  await settle();
  expect(order).toEqual([0, 1, 2]);
  releases[1]?.();
  releases[2]?.();
  await settle();
  expect(order).toEqual([0, 1, 2, 3, 4]);
});

test("cancelled while it waits: it leaves the queue, the others move up", async () => {
  const limiter = new CallLimiter(1);
  const release = await limiter.acquire("p", never);
  const controller = new AbortController();
  const codes: unknown[] = [];
  void limiter.acquire("p", controller.signal).catch((error: { code: string }) => codes.push(error.code));
  let served = false;
  void limiter.acquire("p", never).then(() => (served = true));
  await settle();
  controller.abort();
  await settle();
  expect(codes).toEqual(["cancelled"]);
  release();
  await settle();
  expect(served).toBe(true);
});

test("a provider that is held back is not asked, also by who was already in the queue; others are", async () => {
  let now = 0;
  const sleeping: { until: number; wake: () => void }[] = [];
  const time = {
    now: () => now,
    sleep: (ms: number) => new Promise<void>((resolve) => sleeping.push({ until: now + ms, wake: resolve })),
  };
  const limiter = new CallLimiter(1, time);
  const first = await limiter.acquire("a", never);
  const served: string[] = [];
  const ask = (provider: string) =>
    void limiter.acquire(provider, never).then((release) => {
      served.push(provider);
      release();
    });
  ask("a");
  ask("b");
  await settle();
  limiter.holdBack("a", 1000);
  limiter.holdBack("a", 10); // The longest counts.
  first();
  ask("a");
  await settle();
  expect(served).toEqual(["b"]);
  expect(sleeping.map(({ until }) => until)).toEqual([1000, 1000]);
  now = 1000;
  for (const { wake } of sleeping) wake();
  await settle();
  expect(served).toEqual(["b", "a", "a"]);
});

test("a lower limit takes effect as calls end", async () => {
  const limiter = new CallLimiter(3);
  const releases = await Promise.all([1, 2, 3].map(() => limiter.acquire("p", never)));
  limiter.callsMax = 1;
  let served = false;
  void limiter.acquire("p", never).then(() => (served = true));
  releases[0]?.();
  releases[1]?.();
  await settle();
  expect(served).toBe(false);
  releases[2]?.();
  await settle();
  expect(served).toBe(true);
});

test("the system's time can be woken by the signal", async () => {
  const controller = new AbortController();
  const sleep = systemTime.sleep(600_000, controller.signal);
  controller.abort();
  expect(await sleep.catch((error: { code: string }) => error.code)).toBe("cancelled");
  expect(await systemTime.sleep(1, controller.signal).catch((error: { code: string }) => error.code)).toBe(
    "cancelled",
  );
  await systemTime.sleep(1, never);
});
