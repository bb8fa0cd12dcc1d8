// The tools a model may use: name, description, parameters, lane, time-out. Descriptions only; the
// runner executes them, and artifact tools (create_*, verdict) are answered by the engine itself.
import * as z from "zod/mini";
import { PhaseArtifact, PlanArtifact, SpecArtifact } from "../domain/artifacts.ts";
import { JudgeVerdict } from "../domain/judgement.ts";
import "../domain/schema-messages.ts";

export const lanes = ["no-net", "net", "heavy"] as const;
export const Lane = z.enum(lanes);
export type Lane = z.infer<typeof Lane>;

export interface Tool {
  description: string;
  parameters: z.ZodMiniType;
  lane: Lane;
  timeoutMs: number;
  /** What the model sees of its output, head and tail. */
  outputBytesMax: number;
  /** Answered by the engine, never by a runner: what it hands in. */
  artifact?: "plan" | "spec" | "phase" | "verdict";
  /** Hands in what is there already, as it is. */
  accepts?: true;
}

const path = z.string().check(z.minLength(1), z.maxLength(4096));
const fileTool = { lane: "no-net", timeoutMs: 30_000, outputBytesMax: 64 * 1024 } as const;

export const tools = {
  read_file: {
    ...fileTool,
    description:
      "Reads a text file of the worktree. Lines are numbered. For a long file, page with offset (first line, from 1) and limit (lines; 2000 by default).",
    parameters: z.strictObject({
      path,
      offset: z.optional(z.int().check(z.positive())),
      limit: z.optional(z.int().check(z.positive())),
    }),
  },
  write_file: {
    ...fileTool,
    description: "Writes a whole file, making its directories. Replaces what was there.",
    parameters: z.strictObject({ path, content: z.string() }),
  },
  edit_file: {
    ...fileTool,
    description:
      "Replaces old_string by new_string in a file that you have read in this iteration. old_string must occur exactly once, unless replace_all is true.",
    parameters: z.strictObject({
      path,
      old_string: z.string().check(z.minLength(1)),
      new_string: z.string(),
      replace_all: z.optional(z.boolean()),
    }),
  },
  list_directory: {
    ...fileTool,
    description: "Lists a directory of the worktree; directories end with a slash.",
    parameters: z.strictObject({ path }),
  },
  glob: {
    ...fileTool,
    description: "Finds files by a glob pattern such as src/**/*.ts. Honours .gitignore.",
    parameters: z.strictObject({ pattern: z.string().check(z.minLength(1)), path: z.optional(path) }),
  },
  grep: {
    ...fileTool,
    description: "Searches file contents by a regular expression. Honours .gitignore.",
    parameters: z.strictObject({
      pattern: z.string().check(z.minLength(1)),
      path: z.optional(path),
      glob: z.optional(z.string()),
      context: z.optional(z.int().check(z.nonnegative(), z.maximum(20))),
    }),
  },
  run_command: {
    ...fileTool,
    timeoutMs: 30_000,
    description:
      "Runs a shell command (/bin/sh -c) in the worktree, without network. Ends after timeout_ms (30000 by default, 600000 at most).",
    parameters: z.strictObject({
      command: z.string().check(z.minLength(1)),
      timeout_ms: z.optional(z.int().check(z.positive(), z.maximum(600_000))),
    }),
  },
  create_plan: {
    ...fileTool,
    description: "Hands in the plan. Call it exactly once, when the plan is complete; then stop.",
    parameters: PlanArtifact,
    artifact: "plan",
  },
  accept_plan: {
    ...fileTool,
    description:
      "Hands in the plan as it stands, unchanged. Only where the prompt names a pass, and its question changes nothing. Call it once, then stop.",
    parameters: z.strictObject({ why: z.string().check(z.minLength(1), z.maxLength(4_000)) }),
    artifact: "plan",
    accepts: true,
  },
  create_spec: {
    ...fileTool,
    description: "Hands in the spec with its phases in order. Call it exactly once, then stop.",
    parameters: SpecArtifact,
    artifact: "spec",
  },
  create_phase: {
    ...fileTool,
    description: "Hands in the instructions of this phase. Call it exactly once, then stop.",
    parameters: PhaseArtifact,
    artifact: "phase",
  },
  verdict: {
    ...fileTool,
    description:
      "Hands in your verdict: whether the work may pass, and your reasons, one thing each. Call it exactly once, then stop.",
    parameters: JudgeVerdict,
    artifact: "verdict",
  },
} as const satisfies Record<string, Tool>;

export type ToolName = keyof typeof tools;

export function isToolName(name: string): name is ToolName {
  return Object.hasOwn(tools, name);
}
