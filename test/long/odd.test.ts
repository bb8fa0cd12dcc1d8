import { expect, test } from "bun:test";
import { killAtStep } from "../support/kill-sweep.ts";
test("odd", async () => {
  let step = Number(process.env["LOOPR_TEST_FROM"] ?? 1);
  const to = Number(process.env["LOOPR_TEST_TO"] ?? 2000);
  while (step < to && (await killAtStep(step))) { step += 2; console.log(step, Date.now()); }
  expect(step).toBeGreaterThan(0);
}, 1_800_000);
