// A sample of the sweep in test/long: kill -9 at a few random steps of a complete plan.
import { expect, test } from "bun:test";
import { killAtStep } from "../support/kill-sweep.ts";

const seed = Number(process.env["LOOPR_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
/** About as many steps as an undisturbed plan takes. */
const stepsMax = 260;
const samples = 5;

test(`kill -9 of the daemon at ${samples} random steps (LOOPR_TEST_SEED=${seed})`, async () => {
  let state = seed;
  let killed = 0;
  for (let at = 0; at < samples; at++) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    const step = 1 + (state % stepsMax);
    console.log(`seed ${seed}: step ${step}`);
    if (await killAtStep(step)) killed += 1;
  }
  expect(killed).toBeGreaterThan(0);
}, 120_000);
