// Runs a tool of the catalog in this process. run_command is none of them: it is a process of its own.
import * as z from "zod/mini";
import english from "zod/v4/locales/en.js";
import { LooprError, messageOf } from "../lib/errors.ts";
import { isToolName, tools, type ToolName } from "../tools/catalog.ts";
import { editFile } from "./edit-file.ts";
import { glob } from "./glob.ts";
import { grep } from "./grep.ts";
import { listDirectory } from "./list-directory.ts";
import { readFile } from "./read-file.ts";
import { ToolFailure, type ToolContext } from "./tool.ts";
import { writeFile } from "./write-file.ts";

/** The tools that this runner executes. */
export const runnerTools = [
  "read_file",
  "write_file",
  "edit_file",
  "list_directory",
  "glob",
  "grep",
  "run_command",
] as const satisfies readonly ToolName[];
export type RunnerTool = (typeof runnerTools)[number];

/** Throws ToolFailure for another one: artifact tools are answered by the daemon. */
export function requireRunnerTool(name: string): RunnerTool {
  const tool = runnerTools.find((each) => each === name);
  if (tool) return tool;
  const what = isToolName(name) ? "is not run by a runner" : "is not a tool";
  throw new ToolFailure(`${name} ${what}. There are: ${runnerTools.join(", ")}`);
}

/** Throws ToolFailure naming each parameter that is missing, unknown or wrong. */
export function parseInput<T extends RunnerTool>(
  name: T,
  input: unknown,
): z.infer<(typeof tools)[T]["parameters"]> {
  const parsed = z.safeParse(tools[name].parameters, input ?? {}, { error: english().localeError });
  if (parsed.success) return parsed.data as z.infer<(typeof tools)[T]["parameters"]>;
  const problems = parsed.error.issues.map((issue) =>
    issue.path.length > 0 ? `${issue.path.join(".")}: ${issue.message}` : issue.message,
  );
  throw new ToolFailure(`the parameters of ${name} are not valid: ${problems.join("; ")}`);
}

/** The tool's answer to the model. Throws ToolFailure for what the model can mend. */
export async function runTool(
  name: Exclude<RunnerTool, "run_command">,
  input: unknown,
  context: ToolContext,
): Promise<string> {
  switch (name) {
    case "read_file":
      return readFile(parseInput(name, input), context);
    case "write_file":
      return writeFile(parseInput(name, input), context);
    case "edit_file":
      return editFile(parseInput(name, input), context);
    case "list_directory":
      return listDirectory(parseInput(name, input), context);
    case "glob":
      return glob(parseInput(name, input), context);
    case "grep":
      return grep(parseInput(name, input), context);
  }
}

/** How a thrown error ends the job: `failed` where the model's call is to blame, else `error`. */
export function endOfThrown(error: unknown): { status: "failed" | "error"; output: string } {
  if (error instanceof ToolFailure) return { status: "failed", output: error.message };
  // The file system's own refusals (no space, no permission) speak for themselves.
  if (error instanceof Error && "syscall" in error) return { status: "failed", output: error.message };
  const hint = error instanceof LooprError && error.hint ? `\n${error.hint}` : "";
  return { status: "error", output: `${messageOf(error)}${hint}` };
}
