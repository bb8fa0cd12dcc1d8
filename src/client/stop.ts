// Stopping the daemon: asked, then told, then killed; done when its lock is free.
import { setTimeout as sleep } from "node:timers/promises";
import { LooprError, messageOf } from "../lib/errors.ts";
import { defaultDataDir } from "../lib/paths.ts";
import { processStartTime, sendSignal } from "../lib/processes.ts";
import type { Result } from "../protocol/methods.ts";
import { dial, type DialOptions, type Dialled } from "./dial.ts";
import {
  isDaemonLockHeld,
  isDaemonOf,
  isSameProcess,
  liveIdentity,
  lockHolder,
  lockPathIn,
  provenDaemon,
  type ProcessRef,
} from "./holder.ts";
import { tidyAfter } from "./tidy.ts";

/** Between the request, SIGTERM and SIGKILL. */
const escalationMs = 3_000;
/** Instead of the first, where it has already been silent for the handshake's 2 s. */
const hungMs = 1_000;
/** Where there is nobody to signal: it may be on its last steps, with its name already taken away. */
const unnamedMs = 1_000;
/** After SIGKILL: only the kernel can still be busy. */
const killedMs = 5_000;
const progressAfterMs = 5_000;
const progressEveryMs = 1_000;
const pollMs = 20;
/** Looking through all processes for the one that holds the lock costs more. */
const findPollMs = 200;

export interface StopOptions extends DialOptions {
  /** Only the daemon of this name: another one that has taken its place is left alone. */
  nonce?: string;
  onProgress: (text: string) => void;
}

export type Stopped = { kind: "not_running" } | { kind: "stopped"; pid: number | null };

/** Never starts a daemon. Throws `stop_failed`, or what `dial` throws of a listener that is no daemon of ours. */
export async function stopDaemon(options: StopOptions): Promise<Stopped> {
  const startedAtMs = Date.now();
  const dialled = await dialOrHung(options);
  const dataDir = dialled.kind === "connected" ? dialled.server.home : defaultDataDir(options.env);
  if (dialled.kind === "absent" && !isDaemonLockHeld(dataDir)) return { kind: "not_running" };
  const target = dialled.kind === "connected" ? targetOf(dialled.server) : await findTarget(dataDir);
  const nonce = dialled.kind === "connected" ? dialled.server.nonce : liveIdentity(dataDir)?.nonce;
  if (options.nonce !== undefined && nonce !== options.nonce) {
    if (dialled.kind === "connected") dialled.connection.close();
    return { kind: "not_running" };
  }
  const progress = progressReporter(options.onProgress, target?.pid ?? null, startedAtMs);
  try {
    if (dialled.kind === "connected") await request(dialled);
    const gone = await escalate(dataDir, target, dialled.kind);
    if (gone && target !== null) await tidyAfter(dataDir, target);
    if (gone) return { kind: "stopped", pid: target?.pid ?? null };
  } finally {
    progress.end();
    if (dialled.kind === "connected") dialled.connection.close();
  }
  throw target?.isProven === true ? unkillable(target) : unproven(dataDir, target);
}

/** Who is to be gone at the end. */
interface Target extends ProcessRef {
  /** Shown to be the daemon of its home, by more than its own word: it may be signalled. */
  isProven: boolean;
}

/** The daemon that has answered is the one that is meant, whatever daemon.json says. */
function targetOf({ pid, nonce, home }: Result<"initialize">): Target | null {
  const startTime = processStartTime(pid);
  if (startTime === null) return null; // Of another PID namespace perhaps: its word is all there is.
  const isProven = isDaemonOf(pid, home) ?? liveIdentity(home)?.nonce === nonce;
  return { pid, startTime, isProven };
}

/** Where none answers. A daemon that has just taken its lock may not be recognised at once. */
async function findTarget(dataDir: string): Promise<Target | null> {
  await waitUntil(
    () => provenDaemon(dataDir) !== null || !isDaemonLockHeld(dataDir),
    escalationMs,
    findPollMs,
  );
  const found = provenDaemon(dataDir);
  return found === null ? null : { pid: found.pid, startTime: found.startTime, isProven: true };
}

/** True once it is gone. */
async function escalate(
  dataDir: string,
  target: Target | null,
  how: "connected" | "hung" | "busy" | "absent",
): Promise<boolean> {
  const isGone = () => (target ? !isSameProcess(target) : !isDaemonLockHeld(dataDir));
  const steps = [
    [null, { connected: escalationMs, hung: hungMs, busy: 0, absent: 0 }[how]],
    ["SIGTERM", escalationMs],
    ["SIGKILL", killedMs],
  ] as const;
  for (const [signal, waitMs] of steps) {
    const told = signal === null || signalTarget(target, signal);
    if (await waitUntil(isGone, told ? waitMs : unnamedMs)) return true;
  }
  return false;
}

/** Where the daemon of this home may live all the same, and not be heard. */
const knownByOtherProof = new Set(["socket_taken", "other_home", "daemon_busy", "daemon_unreachable"]);

/**
 * Hung, too: something else on the socket of a daemon that is known by other proof. Busy: it cannot be asked,
 * because it is full or its socket is closed to us.
 */
async function dialOrHung(options: StopOptions): Promise<Dialled | { kind: "hung" | "busy" }> {
  try {
    return await dial(options);
  } catch (error) {
    if (!(error instanceof LooprError)) throw error;
    if (error.code === "daemon_unresponsive") return { kind: "hung" };
    if (!knownByOtherProof.has(error.code) || provenDaemon(defaultDataDir(options.env)) === null) throw error;
    const isAskable = error.code !== "daemon_busy" && error.code !== "daemon_unreachable";
    return { kind: isAskable ? "hung" : "busy" };
  }
}

async function request({ connection }: Extract<Dialled, { kind: "connected" }>): Promise<void> {
  try {
    await connection.call("shutdown", { mode: "graceful" }, escalationMs);
  } catch (error) {
    // Lost: it went before it answered. Everything else is what the signals are for.
    if (!(error instanceof LooprError)) throw error;
  }
}

/** False where there is nobody to signal, or nobody who may be. */
function signalTarget(target: Target | null, signal: "SIGTERM" | "SIGKILL"): boolean {
  if (!target?.isProven || !isSameProcess(target)) return false;
  try {
    return sendSignal(target.pid, signal);
  } catch (error) {
    throw new LooprError(
      "stop_failed",
      `the daemon (PID ${target.pid}) cannot be signalled: ${messageOf(error)}`,
      "stop it as the user that started it",
      { cause: error },
    );
  }
}

function unkillable({ pid }: Target): LooprError {
  return new LooprError(
    "stop_failed",
    `the daemon (PID ${pid}) did not end`,
    "a process that SIGKILL does not end waits for the kernel, a dead disk perhaps",
  );
}

/** Nobody is signalled on suspicion: which process it is, and whether to, the person decides. */
function unproven(dataDir: string, target: Target | null): LooprError {
  const holder = target ?? lockHolder(dataDir);
  const lock = lockPathIn(dataDir);
  return new LooprError(
    "daemon_unresponsive",
    holder
      ? `process ${holder.pid} did not end, and cannot be shown to be the daemon; it was not signalled`
      : `a process that holds ${lock} did not end, and cannot be told apart from others`,
    holder
      ? `look at it with \`ps -fp ${holder.pid}\`; if it is to end: kill -9 ${holder.pid}`
      : `\`fuser -v '${lock}'\` names it; if it is to end: kill -9 <its PID>`,
  );
}

async function waitUntil(condition: () => boolean, limitMs: number, everyMs = pollMs): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() >= deadline) return false;
    await sleep(everyMs);
  }
  return true;
}

function progressReporter(
  say: (text: string) => void,
  pid: number | null,
  startedAtMs: number,
): { end(): void } {
  const timer = setInterval(() => {
    const elapsedMs = Date.now() - startedAtMs;
    if (elapsedMs < progressAfterMs) return;
    const who = pid === null ? "the daemon" : `the daemon (PID ${pid})`;
    say(`waiting for ${who} to end: ${Math.round(elapsedMs / 1000)} s`);
  }, progressEveryMs);
  return { end: () => clearInterval(timer) };
}
