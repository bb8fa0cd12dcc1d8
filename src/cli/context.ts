// What every command gets: where to write, and how the person wants it.
import { writeSync } from "node:fs";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import { LooprError, messageOf, systemCode } from "../lib/errors.ts";

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
  cwd: string;
  /** stdin and stdout are terminals: the command may ask. */
  interactive: boolean;
  /** Colours on stdout. */
  colour: boolean;
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
  const out = (text: string) => {
    try {
      writeSync(1, text);
    } catch (error) {
      // `loopr … | head`: who read us has gone, and that is no error of ours.
      if (systemCode(error) === "EPIPE") process.exit(0);
      if (systemCode(error) !== "EAGAIN") throw error;
      process.stdout.write(text);
    }
  };
  return {
    ...options,
    cwd: process.cwd(),
    interactive: process.stdin.isTTY && process.stdout.isTTY,
    colour: process.stdout.isTTY && !process.env["NO_COLOR"],
    say: (text) => {
      if (!options.json) out(text + "\n");
    },
    note: (text) => {
      process.stderr.write(text + "\n");
    },
    print: (value) => {
      out(JSON.stringify(value) + "\n");
    },
  };
}

/** Shows a failure as contracts say, and returns the exit code that it stands for. */
export function reportError(context: Pick<CliContext, "json" | "print">, error: unknown): number {
  const { code, message, hint } = describe(error);
  if (context.json) context.print({ error: { code, message, hint } });
  else process.stderr.write(`error: ${message}\n` + (hint ? `  hint: ${hint}\n` : ""));
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
]);

export function exitCodeOf(error: unknown): number {
  const code = error instanceof LooprError ? error.code : error instanceof RpcError ? error.reason : "";
  if (usageCodes.has(code)) return exitCodes.usage;
  if (code === "version_mismatch") return exitCodes.versionMismatch;
  if (
    ["daemon_unresponsive", "daemon_start_failed", "daemon_unreachable", "connection_lost"].includes(code)
  ) {
    return exitCodes.unresponsive;
  }
  if (code === "waiting") return exitCodes.waiting;
  if (error instanceof RpcError && error.code === rpcCodes.invalidParams) return exitCodes.usage;
  return exitCodes.failed;
}
