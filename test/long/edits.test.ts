// Random sets of parallel edits on shared files, at length: see test/support/edit-simulation.ts.
import { expect, test } from "bun:test";
import { checkEdits } from "../support/edit-scenarios.ts";
import { seedOfRun } from "../support/fuzz.ts";

const limitMs = 10 * 60_000;

test(
  "parallel edits: 150 sets",
  async () => {
    const states = await checkEdits(seedOfRun(), 150, limitMs - 60_000);
    console.log(states);
    expect(states["merged"] ?? 0).toBeGreaterThan(states["failed"] ?? 0);
  },
  limitMs,
);
