// From "I need the daemon" to an open connection: dial, start one where there is none, dial again.
import { lstatSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LooprError } from "../lib/errors.ts";
import { defaultDataDir, defaultSocketPath, userHome } from "../lib/paths.ts";
import { ownProgram } from "../lib/self.ts";
import { dial, type DialOptions, type Dialled } from "./dial.ts";
import { liveIdentity, provenDaemon } from "./holder.ts";
import { readIdentity } from "./identity.ts";
import { excerptSince, markOf, type LogMark } from "./log-excerpt.ts";
import { crashLogPath, logPath } from "./log-files.ts";
import type { SpawnOutcome } from "./spawn.ts";

/** Waits before the further attempts, unless the socket changes earlier: exponential. */
const backOffMs = [100, 300, 900, 2_700, 6_000];
/** For all of it, from the first start on; anew with each progress that the daemon reports. */
const totalMs = 10_000;
const socketPollMs = 10;

export interface EstablishOptions extends DialOptions {
  autoStart: boolean;
  onProgress: (text: string) => void;
  /** Tests bring their own. */
  limits?: StartLimits;
}

interface StartLimits {
  totalMs: number;
  backOffMs: readonly number[];
  /** What is started: with the arguments of a daemon behind it. */
  program: () => [string, ...string[]];
}

const ownLimits: StartLimits = { totalMs, backOffMs, program: ownProgram };

export type Established = Extract<Dialled, { kind: "connected" }> & {
  /** Whether this very call started the daemon. */
  started: boolean;
};

/** Throws what `dial` throws, and `daemon_unreachable` (none runs) or `daemon_start_failed`. */
export async function establish(options: EstablishOptions): Promise<Established> {
  const { env } = options;
  let dialled = await dial(options);
  if (dialled.kind === "connected") return { ...dialled, started: false };
  let socketBefore = socketInode(env);
  if (!options.autoStart) {
    throw new LooprError(
      "daemon_unreachable",
      `no daemon is running for ${defaultDataDir(env)}`,
      "`loopr daemon start` starts it",
    );
  }
  warnOfMissingHome(options);
  const limits = options.limits ?? ownLimits;
  const begunAtMs = Date.now();
  const attempt: Attempt = {
    options,
    limits,
    logs: marksOf(env),
    begunAtMs,
    deadline: begunAtMs + limits.totalMs,
  };
  let started = await start(attempt);
  for (let waits = 0; waits <= limits.backOffMs.length;) {
    const delayMs = started || waits === 0 ? 0 : (limits.backOffMs[waits - 1] ?? 0);
    const changed = await socketChange(env, socketBefore, Math.min(delayMs, attempt.deadline - Date.now()));
    socketBefore = socketInode(env);
    dialled = await dial(options);
    if (dialled.kind === "connected") return { ...dialled, started };
    if (Date.now() > attempt.deadline) break;
    const isNext = started || waits > 0;
    // Daemons that come and go meanwhile, ours among them, are no reason to give up before the time is over.
    if (!changed && !started) waits += 1;
    // The one that we started, or lost to, may have gone since, or may still be recovering its state.
    started = isNext && (await start(attempt));
  }
  throw gaveUp(attempt);
}

interface Attempt {
  options: EstablishOptions;
  limits: StartLimits;
  logs: LogMarks;
  begunAtMs: number;
  /** Moves on with each progress of the daemon that we start. */
  deadline: number;
}

/** True: it is ready. False: another one was first. Every other end of a start is thrown. */
async function start(attempt: Attempt): Promise<boolean> {
  const { options, limits, logs } = attempt;
  if (isSomeoneStarting(options.env)) return false;
  // Loaded only where no daemon runs: the other commands start faster without.
  const { spawnDaemon } = await import("./spawn.ts");
  const outcome = await spawnDaemon(options.env, {
    program: limits.program(),
    deadline: () => attempt.deadline,
    onProgress: (text) => {
      attempt.deadline = Date.now() + limits.totalMs;
      options.onProgress(text);
    },
  });
  if (outcome.kind === "ready") return true;
  if (outcome.kind === "error" && outcome.code === "already_running") return false;
  throw startFailed(outcome, logs);
}

/** A daemon's process lives, and it does not listen: it is on its way up, or on its way down. */
function isSomeoneStarting(env: DialOptions["env"]): boolean {
  return liveIdentity(defaultDataDir(env)) !== null;
}

/** Waits the given time, or until another socket is there than before: true. */
async function socketChange(
  env: DialOptions["env"],
  before: number | null,
  delayMs: number,
): Promise<boolean> {
  const deadline = Date.now() + delayMs;
  while (Date.now() < deadline) {
    const now = socketInode(env);
    if (now !== null && now !== before) return true;
    await sleep(socketPollMs);
  }
  return false;
}

function socketInode(env: DialOptions["env"]): number | null {
  try {
    return lstatSync(readIdentity(defaultDataDir(env))?.socket ?? defaultSocketPath(env)).ino;
  } catch {
    return null;
  }
}

function warnOfMissingHome(options: EstablishOptions): void {
  if (options.env["LOOPR_HOME"] || userHome(options.env) !== null) return;
  options.onProgress(`warning: you have no home directory; using ${defaultDataDir(options.env)}`);
}

/** Where the logs ended when this attempt began. */
interface LogMarks {
  log: LogMark;
  stderr: LogMark;
}

function marksOf(env: DialOptions["env"]): LogMarks {
  const dataDir = defaultDataDir(env);
  return { log: markOf(logPath(dataDir)), stderr: markOf(crashLogPath(dataDir)) };
}

function startFailed(outcome: Exclude<SpawnOutcome, { kind: "ready" }>, logs: LogMarks): LooprError {
  if (outcome.kind === "error") {
    // Without a usable home there is no log to point to.
    const log = outcome.code === "home_unusable" ? "" : excerptSince(logs.log);
    return new LooprError(
      "daemon_start_failed",
      `the daemon could not be started: ${outcome.message}${log}`,
      outcome.hint,
    );
  }
  const how = outcome.kind === "died" ? `it ended with ${outcome.how}` : silence(outcome);
  const log = excerptSince(logs.log) + excerptSince(logs.stderr);
  return new LooprError(
    "daemon_start_failed",
    `the daemon could not be started: ${how}${log}`,
    outcome.kind === "silent" && !outcome.ended
      ? "`loopr daemon status` shows it, `loopr daemon stop` ends it"
      : "`loopr doctor` checks what it needs",
  );
}

function silence({ pid, ended }: Extract<SpawnOutcome, { kind: "silent" }>): string {
  const who = pid === null ? "it" : `it (PID ${pid})`;
  return ended ? `${who} was silent, had not taken its lock, and was ended` : `${who} is silent`;
}

function gaveUp({ options, begunAtMs, logs }: Attempt): LooprError {
  const daemon = provenDaemon(defaultDataDir(options.env));
  const what = daemon
    ? `the daemon (PID ${daemon.pid}) runs, and could not be reached`
    : "daemons came and went, and none could be reached";
  const seconds = ((Date.now() - begunAtMs) / 1000).toFixed(1);
  return new LooprError(
    "daemon_unresponsive",
    `${what} in ${seconds} s${excerptSince(logs.log)}`,
    "`loopr daemon restart` ends it, by force if need be, and starts another",
  );
}
