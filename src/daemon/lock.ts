// One daemon per home: the lock on daemon.lock, held from before the first write to after the last one.
import { closeSync } from "node:fs";
import { liveIdentity, lockPathIn, provenDaemon } from "../client/holder.ts";
import { LooprError, systemCode } from "../lib/errors.ts";
import { isAt, tryLockFile } from "../lib/file-lock.ts";
import { reasonOf } from "../lib/reason.ts";

/**
 * How long a loser looks for the winner's name, and how long a lock held by nobody in particular is tried
 * again: `loopr daemon stop` holds it for a moment to see that it is free.
 */
const patienceMs = 300;
const retryMs = 20;

export interface DaemonLock {
  /** False once someone replaced the file: the lock guards nothing any more. Throws where it cannot be seen. */
  isValid(): boolean;
  release(): void;
}

/** Throws `already_running`, naming the holder, or `home_unusable`. Writes nothing but the lock file. */
export async function acquireLock(dataDir: string): Promise<DaemonLock> {
  const path = lockPathIn(dataDir);
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const fd = tryLock(path);
    if (fd !== null) return { isValid: () => isAt(fd, path), release: () => closeSync(fd) };
    const late = Date.now() > deadline;
    const holder = late ? provenDaemon(dataDir) : liveIdentity(dataDir);
    if (holder) throw alreadyRunning(`PID ${holder.pid}`);
    if (late) throw alreadyRunning(`it holds ${path}`);
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
}

function tryLock(path: string): number | null {
  try {
    return tryLockFile(path);
  } catch (error) {
    if (systemCode(error) === "") throw error;
    throw new LooprError(
      "home_unusable",
      `the lock file ${path} cannot be opened: ${reasonOf(error)}`,
      systemCode(error) === "EACCES"
        ? `chmod 600 '${path}', should it be yours, or set LOOPR_HOME to another directory`
        : "remove what is in its place, or set LOOPR_HOME to another directory",
      { cause: error },
    );
  }
}

function alreadyRunning(who: string): LooprError {
  return new LooprError(
    "already_running",
    `a daemon is already running (${who})`,
    "`loopr daemon status` shows it",
  );
}
