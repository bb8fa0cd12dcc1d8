// A run: a root loop with its descendants, and everything that was settled when it was created.
import * as z from "zod/mini";
import { Config } from "./config.ts";
import { Failure, LoopType } from "./loop.ts";

/** Options of `loop.create_plan`. Paths are absolute. */
export const RunOptions = z.object({
  /** `auto`, or comma-separated levels that end in `code`: `plan,code`. */
  levels: z.optional(z.string()),
  check: z.optional(z.nullable(z.string())),
  /** Waives validation: the result is labelled unverified. */
  no_check: z.optional(z.boolean()),
  /** The caller's directory, for a check given on the command line. */
  cwd: z.optional(z.string()),
  approve: z.optional(z.boolean()),
  merge: z.optional(z.boolean()),
  max_iterations: z.optional(z.int().check(z.positive())),
  budget_usd: z.optional(z.number().check(z.positive())),
  target: z.optional(z.string()),
  may_change: z.optional(z.array(z.string())),
  sandbox: z.optional(z.enum(["auto", "none"])),
  /** An explicit configuration file. */
  config: z.optional(z.string()),
  /** A script for the scripted model (`LOOPR_SCRIPT` of the client). */
  script: z.optional(z.string()),
});
export type RunOptions = z.infer<typeof RunOptions>;

export const Project = z.object({
  /** First 16 hex digits of SHA-256 of the real path of the common git directory. */
  hash: z.string(),
  /** The checkout that the run was created from; for a bare repository the repository itself. */
  root: z.string(),
  /** Real path of `git rev-parse --git-common-dir`. */
  common_dir: z.string(),
});
export type Project = z.infer<typeof Project>;

export const Run = z.object({
  /** The root loop's id. */
  id: z.string(),
  project: Project,
  /** The caller's directory relative to the checkout's root; "" is the root. */
  subdir: z.string(),
  target_branch: z.string(),
  /** The target's commit when the run was created. */
  target_commit: z.string(),
  /** The run's branch; null until it is made. */
  branch: z.nullable(z.string()),
  levels: z.union([z.literal("auto"), z.array(LoopType)]),
  config: Config,
  env: z.record(z.string(), z.string()),
  /** Working directory of the check, relative to the checkout's root. */
  check_cwd: z.string(),
  may_change: z.array(z.string()),
  /** Whether the daemon approves the plan and merges the result by itself. */
  approve: z.boolean(),
  merge: z.boolean(),
  /** Which key pays: never the key. Null for the scripted model. */
  credentials: z.nullable(
    z.object({ provider: z.string(), base_url: z.nullable(z.string()), fingerprint: z.string() }),
  ),
  sandboxed: z.boolean(),
  /** Commit identity, `Name <email>`. */
  author: z.string(),
  warnings: z.array(z.string()),
  /** Tip of the run's branch as last integrated, and the verified tip rebased on the target. */
  tip: z.nullable(z.string()),
  verified_commit: z.nullable(z.string()),
  merged_commit: z.nullable(z.string()),
  /** Why the integration of finished work cannot go on without a person; cleared by resume. */
  blocked: z.nullable(Failure),
  /** Merge asked for after creation (`plan.merge`). */
  merge_requested: z.boolean(),
  cost_usd: z.number(),
  /** The bound on cost_usd: limits.run_usd, and as much again each time a person resumes after it. */
  budget_usd: z.number(),
  created_at: z.number(),
});
export type Run = z.infer<typeof Run>;

/** Parses `auto` or `plan,code`; a level list is a subsequence of plan, spec, phase, code that ends in code. */
export function parseLevels(text: string): "auto" | LoopType[] | null {
  if (text === "auto") return "auto";
  const order = ["plan", "spec", "phase", "code"];
  const levels = text.split(",").map((level) => level.trim());
  const indexes = levels.map((level) => order.indexOf(level));
  const rising = indexes.every((index, at) => index >= 0 && (at === 0 || index > (indexes[at - 1] ?? -1)));
  return rising && levels.at(-1) === "code" ? levels.map((level) => LoopType.parse(level)) : null;
}
