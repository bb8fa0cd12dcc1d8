// kill -9 of the daemon at every step of a complete plan. Two sweeps at once, odd and even steps.
import { expect, test } from "bun:test";
import { killAtStep } from "../support/kill-sweep.ts";

/** Far beyond what a plan takes: the sweep ends when a run ends before its step. */
const stepsMax = 2000;

for (const first of [1, 2]) {
  test.concurrent(
    `every second step from ${first}`,
    async () => {
      let step = first;
      while (step < stepsMax && (await killAtStep(step))) step += 2;
      console.log(`killed at ${(step - first) / 2} steps, the last ${step - 2}`);
      expect(step).toBeGreaterThan(50);
      expect(step).toBeLessThan(stepsMax);
    },
    1_800_000,
  );
}
