// Evidence: what the daemon itself ran, and what came of it. The only thing that completes a loop.
import * as z from "zod/mini";
import { Judgement } from "./judgement.ts";
import { PassName } from "./passes.ts";

export const CheckResult = z.object({
  command: z.string(),
  /** Relative to the checkout's root; "" is the root. */
  cwd: z.string(),
  /** The commit or tree that was checked out, and its tree. */
  commit: z.string(),
  tree: z.string(),
  /** Null where the check was killed: see `ending`. */
  exit_code: z.nullable(z.number()),
  ending: z.enum([
    "exited",
    "timeout",
    "killed",
    "setup_failed",
    "not_runnable",
    "zero_tests",
    /** Exited 0, fewer tests having passed than were executed on the code before. */
    "fewer_tests",
    /** Exited 0, while its test runner says that tests failed. */
    "failures_reported",
  ]),
  duration_ms: z.number(),
  /** Head and tail of the output; the whole is in the iteration's validation log. */
  output: z.string(),
  sandboxed: z.boolean(),
  /**
   * `candidate`: the tree as committed. `protected_at_base`: with the protected files as at the base.
   * `new_tests_on_base`: the base with the new tests alone, which has to fail.
   * `tests_named`: as committed, each test named, where a test process may have ended before its tests.
   */
  variant: z.enum(["baseline", "candidate", "protected_at_base", "new_tests_on_base", "tests_named"]),
  passed: z.boolean(),
});
export type CheckResult = z.infer<typeof CheckResult>;

export const Evidence = z.object({
  loop_id: z.string(),
  iteration: z.number(),
  /**
   * `iteration`: of the loop's own work; `integration`: on the run's branch; `final`: on the target; `undo`: on
   * the target with the run taken back.
   */
  stage: z.enum(["baseline", "iteration", "integration", "final", "undo"]),
  verified: z.boolean(),
  checks: z.array(CheckResult),
  /** Protected files that the accepted work changed, with permission or by passing both checks. */
  protected_changed: z.array(z.string()),
  /** Those of them that the plan or the person allowed it to change; absent: none. */
  permitted: z.optional(z.array(z.string())),
  /** Those of them that a plan allowed which nobody has read; absent: none. */
  unread: z.optional(z.array(z.string())),
  /** Nothing ran for it: the checks are those of the iteration, which were of this very tree. */
  reused: z._default(z.boolean(), false),
  at: z.number(),
});
export type Evidence = z.infer<typeof Evidence>;

export const IterationRecord = z.object({
  loop_id: z.string(),
  iteration: z.number(),
  started_at: z.number(),
  ended_at: z.nullable(z.number()),
  /** Null while it runs; `interrupted` after a crash. */
  outcome: z.nullable(z.enum(["passed", "failed", "interrupted", "error"])),
  /** The validation layer that spoke last: `model`, `format`, `check`, `protected`, `integration`. */
  layer: z.nullable(z.string()),
  feedback: z.nullable(z.string()),
  commit: z.nullable(z.string()),
  /** What the loop's work was compared with, and the commit that its worktree was at when the iteration began. */
  base_commit: z.optional(z.string()),
  start_commit: z.optional(z.string()),
  tree: z.nullable(z.string()),
  diffstat: z.nullable(z.string()),
  turns: z.number(),
  tool_calls: z.number(),
  model_retries: z.number(),
  tokens_in: z.number(),
  tokens_out: z.number(),
  cost_usd: z.number(),
  /** Of a plan: the pass of the Rule of Five that it was; null or absent for any other. */
  pass: z.optional(z.nullable(PassName)),
  /** What the judge said of it, each time it was asked. */
  judgements: z.optional(z.array(Judgement)),
  /** What the person decided about it at the gate. */
  decision: z.optional(z.enum(["approved", "rejected", "sent_back"])),
  /** Of a replay: the loop whose iteration it was, and which has paid for it. */
  copied_from: z.optional(z.string()),
  /** When the directory was removed (`records` in the configuration); null or absent while it is there. */
  pruned_at: z.optional(z.nullable(z.number())),
  /** Directory with prompt.md, conversation.jsonl and validation.log. */
  directory: z.string(),
});
export type IterationRecord = z.infer<typeof IterationRecord>;
