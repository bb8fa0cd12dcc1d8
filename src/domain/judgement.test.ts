import { expect, test } from "bun:test";
import { judgeStats, JudgeVerdict, type Judged } from "./judgement.ts";

const judged = (pass: boolean | null, person: boolean | null, checks: boolean | null): Judged => ({
  type: "plan",
  model: "m",
  pass,
  cost_usd: 0.5,
  person,
  checks,
});

test("a row for each type and model; what nobody has decided counts nowhere", () => {
  const rows = judgeStats([
    judged(true, true, true),
    judged(true, false, null),
    judged(false, true, null),
    judged(false, false, false),
    judged(true, null, false),
    judged(null, true, true),
    { ...judged(true, null, null), type: "spec" },
    { ...judged(true, null, null), model: "a" },
  ]);
  expect(rows.map(({ type, model }) => `${type} ${model}`)).toEqual(["plan a", "plan m", "spec m"]);
  expect(rows[1]).toEqual({
    type: "plan",
    model: "m",
    verdicts: 6,
    passed: 3,
    failed: 2,
    errors: 1,
    cost_usd: 3,
    person: { pass_yes: 1, pass_no: 1, fail_yes: 1, fail_no: 1 },
    checks: { pass_yes: 1, pass_no: 1, fail_yes: 0, fail_no: 1 },
  });
});

test.each([
  [{ pass: true, reasons: ["fine"] }, true],
  [{ pass: false, reasons: [] }, false],
  [{ pass: "yes", reasons: ["fine"] }, false],
  [{ pass: true }, false],
  [{ pass: true, reasons: ["fine"], score: 3 }, false],
])("verdict %p", (verdict, isOne) => {
  expect(JudgeVerdict.safeParse(verdict).success).toBe(isOne);
});
