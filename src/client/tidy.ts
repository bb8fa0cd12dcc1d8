// After a stop by force: what the daemon could not take away itself.
import { closeSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemCode } from "../lib/errors.ts";
import { tryLockFile } from "../lib/file-lock.ts";
import { readSmall } from "../lib/regular-file.ts";
import { fallbackSocketPath } from "../lib/paths.ts";
import { build, version } from "../lib/version.ts";
import { protocolVersion } from "../protocol/messages.ts";
import { ask, handshakeMs } from "./ask.ts";
import { lockPathIn, type ProcessRef } from "./holder.ts";
import { readIdentity } from "./identity.ts";

/** A process counts as dead from its main thread's end on; the kernel closes its files with the last thread. */
const lockFreeMs = 2_000;
const pollMs = 10;

/**
 * Removes the files of a daemon that is known to be dead, with its lock held: a successor's are not touched.
 * They would tell of a crash, where somebody wanted it to end. What cannot be removed stays, and says so itself.
 */
export async function tidyAfter(dataDir: string, dead: ProcessRef): Promise<void> {
  try {
    const lock = await lockAfter(dataDir, dead);
    if (lock === null) return;
    try {
      const identity = isNamed(dataDir, dead) ? readIdentity(dataDir) : null;
      if (identity === null) return;
      await removeDeadSocket(identity.socket);
      const pidPath = join(dataDir, "daemon.pid");
      if (readSmall(pidPath).trim() === String(dead.pid)) rmSync(pidPath, { force: true });
      rmSync(join(dataDir, "daemon.json"), { force: true });
    } finally {
      closeSync(lock);
    }
  } catch (error) {
    if (systemCode(error) === "") throw error;
  }
}

/** Null where the files are no longer the dead one's, or another process holds its lock. */
async function lockAfter(dataDir: string, dead: ProcessRef): Promise<number | null> {
  for (const deadlineMs = Date.now() + lockFreeMs; isNamed(dataDir, dead); await sleep(pollMs)) {
    const lock = tryLockFile(lockPathIn(dataDir));
    if (lock !== null || Date.now() > deadlineMs) return lock;
  }
  return null;
}

function isNamed(dataDir: string, { pid, startTime }: ProcessRef): boolean {
  const identity = readIdentity(dataDir);
  return identity?.pid === pid && identity.startTime === startTime;
}

/** Another home's daemon may have taken its place on a LOOPR_SOCKET of both. */
async function removeDeadSocket(path: string): Promise<void> {
  const hello = { version, build, protocol: protocolVersion, client: "cli" };
  const answer = await ask(path, hello, Date.now() + handshakeMs);
  if (answer.kind === "connected") answer.connection.close();
  if (answer.kind !== "nobody") return;
  const target = linkTargetOf(path);
  if (target !== null && target !== fallbackSocketPath(path)) return;
  rmSync(path, { force: true });
  if (target !== null) rmSync(target, { force: true });
}

function linkTargetOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
