// A sample of test/long/edits.test.ts: random sets of parallel edits through the whole engine.
import { expect, test } from "bun:test";
import { checkEdits } from "../support/edit-scenarios.ts";
import { seedOfRun } from "../support/fuzz.ts";

const limitMs = 60_000;

test(
  "parallel edits: every accepted change is in the result, and the target was only at commits that passed",
  async () => {
    const states = await checkEdits(seedOfRun(), 4, limitMs / 3);
    expect(Object.values(states).reduce((sum, n) => sum + n, 0)).toBeGreaterThan(0);
  },
  limitMs,
);
