// The judge of plans, specs and phases: a second model that says whether an artifact may pass, and why.
import * as z from "zod/mini";

/** `shadow`: asked and recorded, but it decides nothing. */
const judgeModes = ["off", "shadow", "gate"] as const;
export const JudgeMode = z.enum(judgeModes);
export type JudgeMode = z.infer<typeof JudgeMode>;

const reason = z.string().check(z.minLength(1), z.maxLength(4_000));

/** What the judge hands in. */
export const JudgeVerdict = z.strictObject({
  pass: z.boolean(),
  /** One thing each; what has to change where it does not pass. */
  reasons: z.array(reason).check(z.minLength(1), z.maxLength(20)),
});
export type JudgeVerdict = z.infer<typeof JudgeVerdict>;

/** What is kept of it with the iteration that it judged. */
export const Judgement = z.object({
  mode: z.enum(["shadow", "gate"]),
  model: z.string(),
  /** Null where there was no valid verdict: that is no pass. */
  pass: z.nullable(z.boolean()),
  reasons: z.array(z.string()),
  /** Why there is no verdict; null where there is one. */
  error: z.nullable(z.string()),
  tokens_in: z.number(),
  tokens_out: z.number(),
  cost_usd: z.number(),
  at: z.number(),
});
export type Judgement = z.infer<typeof Judgement>;

/** What the judge's refusal says to the next iteration. */
export function judgeFeedback(what: string, reasons: readonly string[]): string {
  return `A judge has read your ${what} and did not accept it:\n${reasons.map((each) => `- ${each}`).join("\n")}`;
}

/** One verdict beside what others decided about the same work. Null: nobody has (yet). */
export interface Judged {
  type: string;
  model: string;
  pass: boolean | null;
  cost_usd: number;
  /** Whether the person approved it. */
  person: boolean | null;
  /** Whether everything that was built from it passed its checks. */
  checks: boolean | null;
}

/** Verdict against outcome: `pass_yes` is a verdict of pass where the other said yes. */
const Agreement = z.object({
  pass_yes: z.number(),
  pass_no: z.number(),
  fail_yes: z.number(),
  fail_no: z.number(),
});
type Agreement = z.infer<typeof Agreement>;

export const JudgeStats = z.object({
  type: z.string(),
  model: z.string(),
  verdicts: z.number(),
  passed: z.number(),
  failed: z.number(),
  /** Asked, but without a valid verdict. */
  errors: z.number(),
  cost_usd: z.number(),
  person: Agreement,
  checks: Agreement,
});
export type JudgeStats = z.infer<typeof JudgeStats>;

/** One row for each type and model, in the order of their names. */
export function judgeStats(judged: readonly Judged[]): JudgeStats[] {
  const groups = Map.groupBy(judged, ({ type, model }) => JSON.stringify([type, model]));
  return [...groups.values()]
    .flatMap((group) => {
      const [first] = group;
      return first ? [rowOf(first, group)] : [];
    })
    .sort((a, b) => (`${a.type} ${a.model}` < `${b.type} ${b.model}` ? -1 : 1));
}

function rowOf({ type, model }: Judged, group: readonly Judged[]): JudgeStats {
  const having = (pass: boolean | null) => group.filter((each) => each.pass === pass).length;
  return {
    type,
    model,
    verdicts: group.length,
    passed: having(true),
    failed: having(false),
    errors: having(null),
    cost_usd: group.reduce((sum, { cost_usd }) => sum + cost_usd, 0),
    person: agreement(group, "person"),
    checks: agreement(group, "checks"),
  };
}

function agreement(group: readonly Judged[], by: "person" | "checks"): Agreement {
  const count = (pass: boolean, said: boolean) =>
    group.filter((each) => each.pass === pass && each[by] === said).length;
  return {
    pass_yes: count(true, true),
    pass_no: count(true, false),
    fail_yes: count(false, true),
    fail_no: count(false, false),
  };
}
