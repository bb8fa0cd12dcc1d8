// Stopping the daemon: asked, then told, then killed; done when its lock is free.
import { setTimeout as sleep } from "node:timers/promises";
import { LooprError, messageOf } from "../lib/errors.ts";
import { defaultDataDir } from "../lib/paths.ts";
import { sendSignal } from "../lib/processes.ts";
import type { DaemonIdentity } from "../protocol/identity.ts";
import { dial, type DialOptions, type Dialled } from "./dial.ts";
import { isDaemonLockHeld, liveIdentity } from "./probe.ts";

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

export interface StopOptions extends DialOptions {
  /** Only the daemon of this name: another one that has taken its place is left alone. */
  nonce?: string;
  onProgress: (text: string) => void;
}

export type Stopped = { kind: "not_running" } | { kind: "stopped"; pid: number | null };

/** Never starts a daemon. Throws `stop_failed`, or what `dial` throws of a listener that is no daemon of ours. */
export async function stopDaemon(options: StopOptions): Promise<Stopped> {
  const dataDir = defaultDataDir(options.env);
  const startedAtMs = Date.now();
  const dialled = await dialOrHung(options);
  if (dialled.kind === "absent" && !isDaemonLockHeld(dataDir)) return { kind: "not_running" };
  const target = dialled.kind === "connected" ? dialled.server : await identityOf(dataDir);
  if (options.nonce !== undefined && target?.nonce !== options.nonce) {
    if (dialled.kind === "connected") dialled.connection.close();
    return { kind: "not_running" };
  }
  const progress = progressReporter(options.onProgress, target, startedAtMs);
  try {
    if (dialled.kind === "connected") await request(dialled);
    const gone = await escalate(dataDir, target, dialled.kind);
    if (gone) return { kind: "stopped", pid: target?.pid ?? null };
  } finally {
    progress.end();
    if (dialled.kind === "connected") dialled.connection.close();
  }
  throw new LooprError(
    "stop_failed",
    `the daemon${target ? ` (PID ${target.pid})` : ""} did not end`,
    target && isStillNamed(dataDir, target)
      ? "a process that SIGKILL does not end waits for the kernel, a dead disk perhaps"
      : `daemon.json does not say which process it is; see who holds it with: fuser '${dataDir}/daemon.lock'`,
  );
}

/** Of `daemon.json`, or of the handshake. */
type Target = Pick<DaemonIdentity, "pid" | "nonce">;

/** True once it is gone. */
async function escalate(
  dataDir: string,
  target: Target | null,
  how: "connected" | "hung" | "absent",
): Promise<boolean> {
  const isGone = () => !isStillThere(dataDir, target);
  const steps = [
    [null, { connected: escalationMs, hung: hungMs, absent: 0 }[how]],
    ["SIGTERM", escalationMs],
    ["SIGKILL", killedMs],
  ] as const;
  for (const [signal, waitMs] of steps) {
    const told = signal === null || signalTarget(dataDir, target, signal);
    if (await waitUntil(isGone, told ? waitMs : unnamedMs)) return true;
  }
  return false;
}

async function dialOrHung(options: StopOptions): Promise<Dialled | { kind: "hung" }> {
  try {
    return await dial(options);
  } catch (error) {
    if (error instanceof LooprError && error.code === "daemon_unresponsive") return { kind: "hung" };
    throw error;
  }
}

/** A daemon that has just taken its lock says in a moment who it is. */
async function identityOf(dataDir: string): Promise<DaemonIdentity | null> {
  await waitUntil(() => liveIdentity(dataDir) !== null || !isDaemonLockHeld(dataDir), escalationMs);
  return liveIdentity(dataDir);
}

async function request({ connection }: Extract<Dialled, { kind: "connected" }>): Promise<void> {
  try {
    await connection.call("shutdown", { mode: "graceful" }, escalationMs);
  } catch (error) {
    // Lost: it went before it answered. Everything else is what the signals are for.
    if (!(error instanceof LooprError)) throw error;
  }
}

/** The process that we saw at the start; a successor that someone started meanwhile is not our business. */
function isStillThere(dataDir: string, target: Target | null): boolean {
  const now = liveIdentity(dataDir);
  if (target && now) return now.nonce === target.nonce;
  return isDaemonLockHeld(dataDir);
}

function isStillNamed(dataDir: string, target: Target): boolean {
  return liveIdentity(dataDir)?.nonce === target.nonce;
}

/**
 * Only what daemon.json names, and only if the process of that PID was started when it says. False where
 * there is nothing to signal.
 */
function signalTarget(dataDir: string, target: Target | null, signal: "SIGTERM" | "SIGKILL"): boolean {
  if (!target || !isStillNamed(dataDir, target)) return false;
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

async function waitUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() >= deadline) return false;
    await sleep(pollMs);
  }
  return true;
}

function progressReporter(
  say: (text: string) => void,
  target: Target | null,
  startedAtMs: number,
): { end(): void } {
  const timer = setInterval(() => {
    const elapsedMs = Date.now() - startedAtMs;
    if (elapsedMs < progressAfterMs) return;
    say(
      `waiting for the daemon${target ? ` (PID ${target.pid})` : ""} to end: ${Math.round(elapsedMs / 1000)} s`,
    );
  }, progressEveryMs);
  return { end: () => clearInterval(timer) };
}
