// Options of `run` and `plan` as typed → the options of `loop.create_plan`, each checked before anything starts.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { loopTypes } from "../domain/loop-states.ts";
import { builtInTree, levelsProblem } from "../domain/loop-types.ts";
import { isTypeName, parseLevels, type RunOptions } from "../domain/run-options.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import type { CliContext } from "./context.ts";
import { usage } from "./usage.ts";

type Typed = Readonly<Record<string, unknown>>;

/** Half of the protocol's longest line: escaping may double the text. Bytes. */
const taskBytesMax = 512 * 1024;

/** The words of the command line or the content of `--file`; exactly one of them. */
export function taskOf(context: CliContext, args: readonly string[], typed: Typed, command: string): string {
  const words = args.join(" ").trim();
  const file = textOf(typed, "file");
  if (words && file !== null) {
    throw usage("the task is given both as words and with --file", `loopr ${command} --file ${file}`);
  }
  const task = file === null ? words : readTask(resolve(context.cwd, file)).trim();
  if (!task) {
    const what = file === null ? "no task is given" : `${file} is empty`;
    throw usage(what, `say what to do: loopr ${command} "add a --verbose option"`);
  }
  if (Buffer.byteLength(task) > taskBytesMax) {
    throw usage(
      `the task is longer than ${taskBytesMax / 1024} KiB`,
      "put the long parts into files of the repository and name them",
    );
  }
  return task;
}

function readTask(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw usage(`the task cannot be read: ${messageOf(error)}`, "give --file the path of a text file", error);
  }
}

export function runOptionsOf(
  context: CliContext,
  typed: Typed,
  env: Readonly<Record<string, string | undefined>>,
): RunOptions {
  const check = typed["check"];
  const mayChange = typed["mayChange"];
  const target = textOf(typed, "target");
  const levels = levelsOf(typed);
  const iterations = numberOf(typed, "maxIterations", "--max-iterations", true);
  const budget = numberOf(typed, "budget", "--budget", false);
  const sandbox = sandboxOf(typed);
  const yes = typed["yes"] === true;
  const script = env["LOOPR_SCRIPT"];
  if (typeof check === "string" && !check.trim()) {
    throw usage("--check is empty", "--no-check does without validation: the result is unverified");
  }
  return {
    ...(levels !== null && { levels }),
    ...(typeof check === "string" && { check, cwd: context.cwd }),
    ...(check === false && { no_check: true }),
    approve: yes,
    // Said neither way, the configuration's git.auto_merge decides.
    ...(typed["merge"] === false ? { merge: false } : yes ? { merge: true } : {}),
    ...(iterations !== null && { max_iterations: iterations }),
    ...(budget !== null && { budget_usd: budget }),
    ...(target !== null && { target }),
    ...(Array.isArray(mayChange) && { may_change: mayChange.map(String) }),
    ...(sandbox !== null && { sandbox }),
    ...(context.config !== null && { config: context.config }),
    ...(script && { script: resolve(context.cwd, script) }),
  };
}

function levelsOf(typed: Typed): string | null {
  const levels = textOf(typed, "levels");
  const depth = textOf(typed, "depth");
  if (levels !== null && depth !== null) {
    throw usage("--levels and --depth are both given", "--depth X is short for the levels from X down");
  }
  if (depth !== null) {
    const from = loopTypes.findIndex((type) => type === depth);
    if (from >= 0) return loopTypes.slice(from).join(",");
    // A type of the person's own: the daemon knows which there are, and what comes below them.
    if (isTypeName(depth)) return `${depth},auto`;
    throw badLevels(
      `--depth ${depth} is not a level`,
      `one of ${loopTypes.join(", ")}, or a type of your own`,
    );
  }
  if (levels === null) return null;
  const parsed = parseLevels(levels.trim());
  const hint = "auto, or some of plan,spec,phase,code and of your own types, ending in one of code";
  if (parsed === null) throw badLevels(`--levels ${levels} names no levels`, hint);
  if (parsed === "auto") return "auto";
  const areBuiltIn = parsed.every((name) => builtInTree[name] !== undefined);
  const problem = areBuiltIn ? levelsProblem(builtInTree, parsed) : null;
  if (problem !== null) throw badLevels(`--levels ${levels} ${problem}`, hint);
  return parsed.join(",");
}

function sandboxOf(typed: Typed): "auto" | "none" | null {
  const mode = textOf(typed, "sandbox");
  if (mode === null || mode === "auto" || mode === "none") return mode;
  throw usage(`--sandbox ${mode} is not known`, "auto, or none to run tools unsandboxed");
}

function numberOf(typed: Typed, key: string, flag: string, whole: boolean): number | null {
  const text = textOf(typed, key);
  if (text === null) return null;
  const value = Number(text);
  const fits = text.trim() !== "" && Number.isFinite(value) && value > 0;
  if (fits && (!whole || Number.isSafeInteger(value))) return value;
  throw usage(
    `${flag} ${text} is not ${whole ? "a whole number" : "a number"} above 0`,
    `for example ${flag} ${whole ? 20 : 2.5}`,
  );
}

function textOf(typed: Typed, key: string): string | null {
  const value = typed[key];
  return typeof value === "string" ? value : null;
}

function badLevels(message: string, hint: string): LooprError {
  return new LooprError("bad_levels", message, hint);
}
