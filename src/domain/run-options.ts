// What a person may ask of a run.
import * as z from "zod/mini";

/** Options of `loop.create_plan`. Paths are absolute. */
export const RunOptions = z.object({
  /** `auto`, or comma-separated names of types: `plan,code`, `plan,refactor`, `roadmap,auto`. */
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

/** What is said of a run that was created. */
export const RunCreated = z.object({
  id: z.string(),
  status: z.literal("created"),
  warnings: z.array(z.string()),
  bounds: z.string(),
});

/** So deep a tree of loops is a mistake. */
const levelsMax = 12;
const typeName = /^[a-z][a-z0-9-]{0,39}$/;

/** What a type of loop may be called: a word in lower case. */
export function isTypeName(text: string): boolean {
  return typeName.test(text) && text !== "auto";
}

/**
 * Parses `auto`, `plan,code`, or `roadmap,auto` (what is below the last name is left to it). Which types
 * there are, and which may follow which, is looked at where they are known.
 */
export function parseLevels(text: string): "auto" | string[] | null {
  if (text.trim() === "auto") return "auto";
  const levels = text.split(",").map((level) => level.trim());
  const names = levels.at(-1) === "auto" ? levels.slice(0, -1) : levels;
  return names.length <= levelsMax && names.every(isTypeName) ? levels : null;
}
