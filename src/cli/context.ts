// What every command gets: where to write, and how the person wants it.
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { plain } from "../lib/plain.ts";
import { isTerminal, writeOut } from "../lib/stdio.ts";

/** Exit codes of contracts: fixed. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  notRunning: 3,
  unresponsive: 4,
  versionMismatch: 5,
  waiting: 6,
  interrupted: 130,
} as const;

export interface CliContext {
  json: boolean;
  verbose: boolean;
  /** `-c/--config` or LOOPR_CONFIG, absolute; null: none. */
  config: string | null;
  readonly cwd: string;
  /** stdin and stdout are terminals: the command may ask. */
  readonly interactive: boolean;
  /** Colours on stdout. */
  readonly colour: boolean;
  /** A line for people on stdout; nothing with --json. */
  say(text: string): void;
  /** Progress and warnings on stderr. */
  note(text: string): void;
  /** One JSON document (or one line of a stream) on stdout. */
  print(value: unknown): void;
}

export function createContext(options: {
  json: boolean;
  verbose: boolean;
  config: string | null;
}): CliContext {
  return {
    ...options,
    get cwd() {
      return currentDirectory();
    },
    get interactive() {
      return isTerminal(0) && isTerminal(1);
    },
    get colour() {
      return isTerminal(1) && !process.env["NO_COLOR"];
    },
    say: (text) => {
      if (!options.json) writeOut(1, text + "\n");
    },
    note: (text) => {
      writeOut(2, text + "\n");
    },
    print: (value) => {
      writeOut(1, JSON.stringify(value) + "\n");
    },
  };
}

function currentDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    const hint = "change to a directory that exists";
    throw new LooprError("usage", "the current directory does not exist any more", hint, { cause });
  }
}

/** Shows a failure as contracts say, and returns the exit code that it stands for. */
export function reportError(context: Pick<CliContext, "json" | "print">, error: unknown): number {
  const { code, message, hint } = describe(error);
  // Where stdout itself is what failed, the document has no place to go to.
  if (context.json && code !== "output_failed") context.print({ error: { code, message, hint } });
  else writeOut(2, plain(`error: ${message}\n` + (hint ? `  hint: ${hint}\n` : "")));
  return exitCodeOf(error);
}

function describe(error: unknown): { code: string; message: string; hint: string } {
  if (error instanceof LooprError) return { code: error.code, message: error.message, hint: error.hint };
  if (error instanceof RpcError) {
    return { code: error.reason || String(error.code), message: error.message, hint: error.hint };
  }
  return { code: "internal", message: messageOf(error), hint: "" };
}

/** Failures of use or configuration, found by the daemon or by the command itself: exit 2. */
const usageCodes = new Set([
  "usage",
  "ambiguous_id",
  "config_invalid",
  "not_trusted",
  "not_a_repository",
  "no_commit",
  "detached_head",
  "repository_unusable",
  "no_check",
  "check_not_runnable",
  "setup_failed",
  "no_model",
  "no_sandbox",
  "bad_levels",
  "bad_target",
  "bad_commit",
  "plan_invalid",
]);

/** The daemon could not be reached, or not be started. */
const unreachedCodes = new Set([
  "daemon_unresponsive",
  "daemon_busy",
  "daemon_start_failed",
  "daemon_unreachable",
  "connection_lost",
  "socket_taken",
  "other_home",
  "lock_failed",
  "log_unreadable",
  "too_few_files",
]);

export function exitCodeOf(error: unknown): number {
  const code = error instanceof LooprError ? error.code : error instanceof RpcError ? error.reason : "";
  if (usageCodes.has(code)) return exitCodes.usage;
  if (code === "version_mismatch") return exitCodes.versionMismatch;
  if (unreachedCodes.has(code)) return exitCodes.unresponsive;
  if (code === "waiting") return exitCodes.waiting;
  if (code === "interrupted") return exitCodes.interrupted;
  if (error instanceof RpcError && error.code === rpcCodes.invalidParams) return exitCodes.usage;
  return exitCodes.failed;
}
