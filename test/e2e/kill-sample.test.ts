// Samples of the sweeps in test/long: kill -9 at a few random steps of a complete plan, and of the end of a run whose
// target has moved.
import { expect, test } from "bun:test";
import { killEndAtStep } from "../support/end-sweep.ts";
import { killAtStep } from "../support/kill-sweep.ts";

const seed = Number(process.env["LOOPR_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const limitMs = 120_000;

/** About as many steps as an undisturbed plan takes. */
const planSteps = { from: 1, to: 260, samples: 5 };
/** From about the moment when the last loop is done. */
const endSteps = { from: 200, to: 300, samples: 3 };

async function sample(
  { from, to, samples }: typeof planSteps,
  kill: (step: number) => Promise<boolean>,
): Promise<void> {
  let state = seed;
  let killed = 0;
  for (let at = 0; at < samples; at++) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    const step = from + (state % (to - from + 1));
    console.log(`seed ${seed}: step ${step}`);
    if (await kill(step)) killed += 1;
  }
  expect(killed).toBeGreaterThan(0);
}

test(
  `kill -9 of the daemon at ${planSteps.samples} random steps (LOOPR_TEST_SEED=${seed})`,
  () => sample(planSteps, killAtStep),
  limitMs,
);

test(
  `kill -9 of the daemon at ${endSteps.samples} random steps of the end, the target having moved (LOOPR_TEST_SEED=${seed})`,
  () => sample(endSteps, (step) => killEndAtStep(step, seed % 2 === 0 ? "squashed" : "sent back")),
  limitMs,
);
