import { afterEach, expect, test } from "bun:test";
import { LooprError } from "../lib/errors.ts";
import { watchLiveness, type Liveness } from "./liveness.ts";

const deadlineMs = 10_000;
const times = { quietMs: 20, answerWithinMs: 5, againMs: 5 };
const hangs = () => Promise.reject(new LooprError("daemon_unresponsive", "no answer"));

const watched: Liveness[] = [];
afterEach(() => {
  for (const each of watched.splice(0)) each.stop();
});

function world(answer: () => Promise<unknown>) {
  const told: (number | null)[] = [];
  const state = { answer, pings: 0, told };
  const liveness = watchLiveness({
    ping: () => {
      state.pings += 1;
      return state.answer();
    },
    onSilence: (since) => told.push(since),
    now: Date.now,
    times,
  });
  watched.push(liveness);
  return { state, liveness };
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error("never so");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

test("a daemon that answers is asked when it is quiet, and nothing is told", async () => {
  const { state } = world(() => Promise.resolve({ pong: true }));
  await until(() => state.pings >= 3);
  expect(state.told).toEqual([]);
});

test("one that does not answer is silent since it was last heard, until it answers", async () => {
  const before = Date.now();
  const { state } = world(hangs);
  await until(() => state.told.length > 0);
  const since = state.told[0];
  expect(typeof since === "number" && since >= before && since <= Date.now()).toBe(true);
  await until(() => state.pings >= 4); // it is asked again
  state.answer = () => Promise.resolve({ pong: true });
  await until(() => state.told.at(-1) === null);
});

test("an event is an answer, too", async () => {
  const { state, liveness } = world(hangs);
  await until(() => state.told.length > 0);
  liveness.heard();
  expect(state.told.at(-1)).toBeNull();
});

test("a refusal is an answer, and a lost connection is told elsewhere", async () => {
  const { state } = world(() => Promise.reject(new LooprError("connection_lost", "lost")));
  await until(() => state.pings >= 3);
  expect(state.told).toEqual([]);
});
