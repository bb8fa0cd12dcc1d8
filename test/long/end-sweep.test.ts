// kill -9 of the daemon at every second step of the end of a run whose target has moved. Two sweeps, one for each way in which
// the run's commits meet it.
import { expect, test } from "bun:test";
import { killEndAtStep, movedTargets, type MovedTarget } from "../support/end-sweep.ts";

/** Before it the target has not moved yet: those steps are the other sweep's. */
const firstStep = 200;
/** Far beyond what the end of a run takes: the sweep ends when a run ends before its step. */
const stepsMax = 1000;

for (const target of Object.keys(movedTargets) as MovedTarget[]) {
  test.concurrent(
    `every second step, the commits being ${target}`,
    async () => {
      let step = firstStep + Math.floor(Math.random() * 2);
      while (step < stepsMax && (await killEndAtStep(step, target))) step += 2;
      console.log(`${target}: killed at every second step until ${step - 2}`);
      expect(step).toBeGreaterThan(firstStep + 50);
      expect(step).toBeLessThan(stepsMax);
    },
    2_700_000,
  );
}
