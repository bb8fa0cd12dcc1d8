// Random sets of parallel edits, and what has to hold of each.
import fc from "fast-check";
import { playEdits, type Scenario } from "./edit-simulation.ts";

const edit = fc.record({
  file: fc.nat(2),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  how: fc.constantFrom("insert" as const, "replace" as const, "append" as const),
});
const rarely = fc.nat(4).map((n) => n === 0);
const scenarios: fc.Arbitrary<Scenario> = fc.record({
  loops: fc.array(
    fc.record({
      edits: fc.array(edit, { minLength: 1, maxLength: 3 }),
      dependsOnFirst: rarely,
      heavy: fc.boolean(),
      stubborn: rarely,
      failsFirst: rarely,
    }),
    { minLength: 2, maxLength: 4 },
  ),
  person: fc.array(
    fc.record({
      afterTurns: fc.integer({ min: 2, max: 14 }),
      edit,
      also: fc.constantFrom("nothing" as const, "heavy" as const, "pairs" as const),
    }),
    { maxLength: 2 },
  ),
  divergence: fc.constantFrom("rebase" as const, "continue" as const),
});

/** Throws the smallest scenario found whose result is wrong, with the seed that leads there again. */
export async function checkEdits(
  seed: number,
  numRuns: number,
  limitMs: number,
): Promise<Record<string, number>> {
  const states: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(scenarios, async (scenario) => {
      const { state, problems } = await playEdits(scenario);
      states[String(state)] = (states[String(state)] ?? 0) + 1;
      if (problems.length > 0) throw new Error(problems.join("\n"));
    }),
    { seed, numRuns, interruptAfterTimeLimit: limitMs, markInterruptAsFailure: false, endOnFailure: true },
  );
  return states;
}
