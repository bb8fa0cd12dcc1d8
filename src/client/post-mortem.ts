// What a daemon that ended in bad order has left: who it was, when it was last alive, and its last words.
import { lstatSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { fallbackSocketPath } from "../lib/paths.ts";
import { bootId } from "../lib/processes.ts";
import { readSmall } from "../lib/regular-file.ts";
import type { DaemonIdentity } from "../protocol/identity.ts";
import { isShaped } from "../protocol/shape.ts";
import { isIdentityAlive, readIdentity } from "./identity.ts";
import { crashLogPath, logPath, stoppedUntidily, tailOf } from "./log-files.ts";

const linesKept = 20;
/** Of one line: a stack trace of minified code can be long. */
const lineCharsMax = 2_000;
/** Twice as many such lines, each character of up to six bytes as JSON writes it. */
const recordBytesMax = 1024 * 1024;

/** `logs/crash.json`, written by the daemon that comes after. */
export interface Crash {
  pid: number;
  version: string;
  build: string;
  /** The last sign of life, in milliseconds since 1970; the daemon gives one every 5 s. */
  last_seen: number;
  /** The last lines that it wrote to stderr: what it could not log itself. */
  stderr: string[];
  /** The last lines of its log. */
  log: string[];
}

const crashShape = {
  pid: "number",
  version: "string",
  build: "string",
  last_seen: "number",
  stderr: "strings",
  log: "strings",
} as const satisfies Record<keyof Crash, string>;

/** What is found where no daemon holds the lock. */
export type Remains =
  | { kind: "none" }
  | { kind: "crashed"; crash: Crash; files: string[] }
  | { kind: "stale"; why: string; files: string[] };

export interface Places {
  dataDir: string;
  socketPath: string;
  pidPath: string;
}

/** Only where nobody holds the daemon's lock: a daemon that starts or stops leaves the same traces. */
export function remainsOf(places: Places): Remains {
  const { dataDir, socketPath, pidPath } = places;
  const identity = readIdentity(dataDir);
  const written = [join(dataDir, "daemon.json"), pidPath].filter(isThere);
  const sockets = [identity?.socket ?? socketPath, socketPath].filter(isLeftSocket);
  const files = [...new Set([...written, ...sockets])];
  if (files.length === 0) return { kind: "none" };
  if (identity === null) {
    return { kind: "stale", why: "nothing says which daemon they are of", files };
  }
  if (identity.bootId !== bootId()) {
    return { kind: "stale", why: "the machine was restarted since the daemon wrote them", files };
  }
  if (isIdentityAlive(identity)) {
    const why = `their daemon (PID ${identity.pid}) lives, and does not hold the lock of this home`;
    return { kind: "stale", why, files };
  }
  if (hasStopped(dataDir, identity)) {
    return { kind: "stale", why: "their daemon ended in good order, and could not take them away", files };
  }
  return { kind: "crashed", crash: crashOf(dataDir, identity), files };
}

function hasStopped(dataDir: string, { nonce }: DaemonIdentity): boolean {
  return lastLines(logPath(dataDir)).some((line) => line.includes(stoppedUntidily) && line.includes(nonce));
}

/** The crash of the daemon that daemon.json names, which is known to be dead. */
function crashOf(dataDir: string, { pid, version, build }: DaemonIdentity): Crash {
  const signsOfLife = [join(dataDir, "daemon.json"), logPath(dataDir)].map(modifiedMs);
  return {
    pid,
    version,
    build,
    last_seen: Math.max(...signsOfLife),
    stderr: lastLines(crashLogPath(dataDir)),
    log: lastLines(logPath(dataDir)),
  };
}

export function crashRecordPath(dataDir: string): string {
  return join(dataDir, "logs", "crash.json");
}

/** The crash that a later daemon has noted; null where there was none. */
export function lastCrash(dataDir: string): Crash | null {
  try {
    const kept: unknown = JSON.parse(readSmall(crashRecordPath(dataDir), recordBytesMax));
    return isShaped(kept, crashShape) ? kept : null;
  } catch {
    return null;
  }
}

function lastLines(path: string): string[] {
  return tailOf(path, linesKept)
    .filter((line) => line !== "")
    .map((line) => line.slice(0, lineCharsMax));
}

/**
 * Whether a daemon of ours may have left it: a socket, or the link to one. Whatever else stands there is another's:
 * the next start does not replace it, but says that it is in the way.
 */
function isLeftSocket(path: string): boolean {
  try {
    const stats = lstatSync(path);
    return stats.isSocket() || (stats.isSymbolicLink() && readlinkSync(path) === fallbackSocketPath(path));
  } catch {
    return false;
  }
}

function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function modifiedMs(path: string): number {
  try {
    return Math.round(statSync(path).mtimeMs);
  } catch {
    return 0;
  }
}
