// A sample of what test/long/runner-fuzz.test.ts does at length, and a case that it has found.
// @waits
import { expect, test } from "bun:test";
import { seedOfRun } from "../support/fuzz.ts";
import { handshake, jobOfTalker, playLanes, playRunners } from "../support/runner-fuzz.ts";

const limitMs = 120_000;

test(
  "a runner answers every frame once, however the bytes are cut, and ends at the first that is none",
  () => playRunners(seedOfRun(), 8, limitMs / 2),
  limitMs,
);

test(
  "a lane ends every job with an error, in bounded time, whatever its runner says",
  () => playLanes(seedOfRun(), 4, limitMs / 2),
  limitMs,
);

test.each([0, -1, 0.5, 1e9])(
  "a lane takes no runner with %p slots: its jobs fail with that reason instead of waiting for ever",
  async (slots) => {
    const outcome = await jobOfTalker(handshake({ slots }));
    expect(outcome.status).toBe("error");
    expect(outcome.output).toMatch(/there is no runner for lane no-net: .*slots/);
  },
  limitMs,
);
