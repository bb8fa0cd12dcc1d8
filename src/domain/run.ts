// A run: a root loop with its descendants, and everything that was settled when it was created.
import * as z from "zod/mini";
import { Config } from "./config.ts";
import { Failure } from "./loop.ts";
import { TypeDefinition } from "./loop-types.ts";
import { signals } from "./signal.ts";

export const Project = z.object({
  /** First 16 hex digits of SHA-256 of the real path of the common git directory. */
  hash: z.string(),
  /** The checkout that the run was created from; for a bare repository the repository itself. */
  root: z.string(),
  /** Real path of `git rev-parse --git-common-dir`. */
  common_dir: z.string(),
});
export type Project = z.infer<typeof Project>;

/** Taking a merged run back: asked for, done by a commit, or not possible. */
export const Undo = z.object({
  state: z.enum(["requested", "done", "blocked"]),
  commit: z.nullable(z.string()),
  failure: z.nullable(Failure),
});
export type Undo = z.infer<typeof Undo>;

/** A signal that somebody has sent and that is not yet acted on to its end. */
export const Intent = z.object({
  id: z.string(),
  signal: z.enum(signals),
  loops: z.array(z.string()),
  /** Of a person, for the loop that runs again. */
  feedback: z.nullable(z.string()),
  /** Globs of protected files that a person lets the resumed loops change; absent where they let none. */
  may_change: z.optional(z.array(z.string())),
});
export type Intent = z.infer<typeof Intent>;

export const Run = z.object({
  /** The root loop's id. */
  id: z.string(),
  project: Project,
  /** The caller's directory relative to the checkout's root; "" is the root. */
  subdir: z.string(),
  target_branch: z.string(),
  /** The target's commit when the run was created. */
  target_commit: z.string(),
  /** The target's commit that was last noticed; absent where it has not moved. */
  target_seen: z.optional(z.string()),
  /** The run's branch; null until it is made. */
  branch: z.nullable(z.string()),
  levels: z.union([z.literal("auto"), z.array(z.string())]),
  config: Config,
  /** The types that its loops may have, by name, as they were when it was created. */
  types: z.optional(z.record(z.string(), TypeDefinition)),
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
  /** The tree with the plan that the check did not accept (`git.commit_artifacts`). */
  artifacts_left_out: z.optional(z.string()),
  /** Tip of the run's branch as last integrated, and the verified tip rebased on the target. */
  tip: z.nullable(z.string()),
  /** Where that branch may still be, on its way to the tip; null: nowhere. Absent: it is at the tip. */
  branch_from: z.optional(z.nullable(z.string())),
  /** That branch holds commits which have not passed on the target's commit; absent: all have. */
  branch_unpassed: z.optional(z.boolean()),
  verified_commit: z.nullable(z.string()),
  merged_commit: z.nullable(z.string()),
  /** Absent in records of older versions, and before it is merged. */
  merged_at: z.optional(z.number()),
  undo: z.optional(z.nullable(Undo)),
  /** Signals in the order in which they came; absent in records of older versions. */
  intents: z.optional(z.array(Intent)),
  /** Why the integration of finished work cannot go on without a person; cleared by resume. */
  blocked: z.nullable(Failure),
  /** Merge asked for after creation (`plan.merge`). */
  merge_requested: z.boolean(),
  cost_usd: z.number(),
  /** The bound on cost_usd: limits.run_usd, and as much again each time a person resumes after it. */
  budget_usd: z.number(),
  /** The bounds on the tokens and the running time of all of its loops together; null or absent: none. */
  budget_tokens: z.optional(z.nullable(z.number())),
  budget_minutes: z.optional(z.nullable(z.number())),
  created_at: z.number(),
});
export type Run = z.infer<typeof Run>;
