// Which process the daemon of a home is: shown by the kernel, not only by files that anything may have written.
import { readdirSync, readFileSync, readlinkSync, statSync, type Stats } from "node:fs";
import { basename, join } from "node:path";
import { isFileLocked } from "../lib/file-lock.ts";
import { defaultDataDir } from "../lib/paths.ts";
import { processStartTime } from "../lib/processes.ts";
import type { DaemonIdentity } from "../protocol/identity.ts";
import { isIdentityAlive, readIdentity } from "./identity.ts";

/** A process, and not a later one with the same PID. */
export interface ProcessRef {
  pid: number;
  startTime: string;
}

/** Whom a signal may go to. Null where no process can be shown to be the daemon of this home. */
export function provenDaemon(dataDir: string): ProcessRef | null {
  const identity = liveIdentity(dataDir);
  if (identity) return identity;
  const holder = lockHolder(dataDir);
  return holder !== null && isDaemonCommand(holder.pid) ? holder : null;
}

/** The daemon of this home as daemon.json names it, if that very process still runs and is it. */
export function liveIdentity(dataDir: string): DaemonIdentity | null {
  const identity = readIdentity(dataDir);
  if (identity === null || !isIdentityAlive(identity)) return null;
  return isDaemonOf(identity.pid, dataDir) === false ? null : identity;
}

/**
 * Whether the process is the daemon of this home: it holds the lock, or, should the lock file have been
 * replaced under it, it was started for this home. Null where the kernel does not tell.
 */
export function isDaemonOf(pid: number, dataDir: string): boolean | null {
  if (process.platform !== "linux") return null;
  if (!isDaemonCommand(pid)) return false;
  const holds = holdsLock(pid, lockPathIn(dataDir));
  if (holds !== false) return holds;
  return homeOf(pid) === dataDir;
}

/** Any process that holds the lock, a daemon or not; null where none is seen. */
export function lockHolder(dataDir: string): ProcessRef | null {
  const path = lockPathIn(dataDir);
  for (const name of entriesOf("/proc") ?? []) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || holdsLock(pid, path) !== true) continue;
    const startTime = processStartTime(pid);
    if (startTime !== null) return { pid, startTime };
  }
  return null;
}

export function lockPathIn(dataDir: string): string {
  return join(dataDir, "daemon.lock");
}

export function isDaemonLockHeld(dataDir: string): boolean {
  return isFileLocked(lockPathIn(dataDir));
}

export function isSameProcess({ pid, startTime }: ProcessRef): boolean {
  return processStartTime(pid) === startTime;
}

/**
 * /proc/locks names the process that took a lock, which is long gone where the program `flock` took it;
 * what a descriptor's own entry says goes with the descriptor. Null where we may not look.
 */
function holdsLock(pid: number, lockPath: string): boolean | null {
  const lock = statsOf(lockPath);
  const descriptors = entriesOf(`/proc/${pid}/fd`);
  if (descriptors === null) return null;
  return descriptors.some((fd) => {
    try {
      // The name first: looking at any file of another process may wait for a dead disk.
      if (basename(readlinkSync(`/proc/${pid}/fd/${fd}`)) !== basename(lockPath)) return false;
      const { ino, dev } = statSync(`/proc/${pid}/fd/${fd}`);
      if (ino !== lock?.ino || dev !== lock.dev) return false;
      return /^lock:.*\bFLOCK\b/m.test(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"));
    } catch {
      return false; // Closed meanwhile.
    }
  });
}

/** `loopr daemon start --foreground`, however the program is called. */
function isDaemonCommand(pid: number): boolean {
  const args = nulSeparated(`/proc/${pid}/cmdline`);
  const at = args.indexOf("daemon");
  return (
    at !== -1 &&
    args[at + 1] === "start" &&
    args.slice(at).some((arg) => arg === "--foreground" || /^-[a-z]*f/.test(arg))
  );
}

function homeOf(pid: number): string | null {
  const entries = nulSeparated(`/proc/${pid}/environ`).map((entry): [string, string] => {
    const at = entry.indexOf("=");
    return [entry.slice(0, at), entry.slice(at + 1)];
  });
  return entries.length === 0 ? null : defaultDataDir(Object.fromEntries(entries));
}

function nulSeparated(path: string): string[] {
  try {
    return readFileSync(path, "utf8")
      .split("\0")
      .filter((part) => part !== "");
  } catch {
    return [];
  }
}

function statsOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    return null; // Not there, or in a home that is closed to us.
  }
}

function entriesOf(directory: string): string[] | null {
  try {
    return readdirSync(directory);
  } catch {
    return null;
  }
}
