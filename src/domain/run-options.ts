// What a person may ask of a run.
import * as z from "zod/mini";
import { LoopType } from "./loop.ts";

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

/** Parses `auto` or `plan,code`; a level list is a subsequence of plan, spec, phase, code that ends in code. */
export function parseLevels(text: string): "auto" | LoopType[] | null {
  if (text === "auto") return "auto";
  const order = ["plan", "spec", "phase", "code"];
  const levels = text.split(",").map((level) => level.trim());
  const indexes = levels.map((level) => order.indexOf(level));
  const rising = indexes.every((index, at) => index >= 0 && (at === 0 || index > (indexes[at - 1] ?? -1)));
  return rising && levels.at(-1) === "code" ? levels.map((level) => LoopType.parse(level)) : null;
}
