// kill -9 of the daemon at every step of the end of a run whose target has moved. Two sweeps, one for each way in which
// the run's commits meet it.
import { expect, test } from "bun:test";
import { killEndAtStep, movedTargets, type MovedTarget } from "../support/end-sweep.ts";

/** Far beyond what the end of a run takes: the sweep ends when a run ends before its step. */
const stepsMax = 1000;

for (const target of Object.keys(movedTargets) as MovedTarget[]) {
  test.concurrent(
    `every step, the commits being ${target}`,
    async () => {
      let step = 1;
      while (step < stepsMax && (await killEndAtStep(step, target))) step += 1;
      console.log(`${target}: killed at ${step - 1} steps`);
      expect(step).toBeGreaterThan(50);
      expect(step).toBeLessThan(stepsMax);
    },
    2_700_000,
  );
}
