// A lock that the kernel releases when its holder dies, however it dies.
import { closeSync, constants, fstatSync, lstatSync, openSync, statSync, type Stats } from "node:fs";
import { LooprError, systemCode } from "./errors.ts";
import { reasonOf } from "./reason.ts";
import { openRegular } from "./regular-file.ts";

/** BSD and macOS: open and lock in one call. Not among Node's constants. */
const O_EXLOCK = 0x20;
/** Where util-linux's or busybox's `flock` may be, should PATH not have it. */
export const flockPrograms = ["flock", "/usr/bin/flock", "/bin/flock"];
/** What `flock -n` exits with when someone else holds the lock. */
const flockHeldStatus = 1;
const lockHelperTimeoutMs = 5_000;

/**
 * Tries to take the exclusive lock on a file, which is made if missing and must never be unlinked.
 * Returns the descriptor that holds it, to be kept open, or null where someone else holds it.
 *
 * On Linux the `flock` program locks the open file description that it inherits; it ends, and the lock
 * stays with us until our last descriptor is closed.
 */
export function tryLockFile(path: string): number | null {
  return tryLock(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW);
}

function tryLock(path: string, flags: number): number | null {
  if (process.platform !== "linux") return openLocked(path, flags | O_EXLOCK | constants.O_NONBLOCK);
  const fd = openRegular(path, flags, 0o600);
  try {
    if (flock(fd) && isAt(fd, path)) return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return null;
}

/**
 * Whether someone holds the lock right now. Holds it for a moment itself where nobody does. Only reads, so that
 * it can be asked on a read-only file system too.
 */
export function isFileLocked(path: string): boolean {
  try {
    // What is no file, or a link, no daemon has opened: see `tryLockFile`.
    if (!lstatSync(path).isFile()) return false;
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return false;
    throw unusable(path, error);
  }
  try {
    const fd = tryLock(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    if (fd === null) return true;
    closeSync(fd);
    return false;
  } catch (error) {
    throw systemCode(error) === "" ? error : unusable(path, error);
  }
}

function unusable(path: string, cause: unknown): LooprError {
  return new LooprError(
    "daemon_unreachable",
    `the lock file ${path} cannot be looked at: ${reasonOf(cause)}`,
    "check its owner and mode, or set LOOPR_HOME to a directory of your own",
    { cause },
  );
}

/**
 * Whether the open file is still the one at the path: a lock on a replaced file guards nothing. Throws where
 * that cannot be seen.
 */
export function isAt(fd: number, path: string): boolean {
  const [open, there] = [fstatSync(fd), statIfThere(path)];
  return open.ino === there?.ino && open.dev === there.dev;
}

function statIfThere(path: string): Stats | null {
  try {
    return statSync(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}

function openLocked(path: string, flags: number): number | null {
  try {
    return openSync(path, flags, 0o600);
  } catch (error) {
    if (systemCode(error) === "EAGAIN" || systemCode(error) === "EWOULDBLOCK") return null;
    throw error;
  }
}

function flock(fd: number): boolean {
  // Loaded only here: a command that finds its daemon running needs no lock.
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  for (const program of flockPrograms) {
    const result = spawnSync(program, ["-n", "3"], {
      stdio: ["ignore", "ignore", "ignore", fd],
      timeout: lockHelperTimeoutMs,
    });
    if (systemCode(result.error) === "ENOENT") continue;
    if (result.status === 0) return true;
    if (result.status === flockHeldStatus && !result.error) return false;
    const how = result.error ? result.error.message : `ended with ${result.signal ?? result.status}`;
    throw new LooprError("lock_failed", `the lock could not be tried: ${program} ${how}`, "", {
      cause: result.error,
    });
  }
  throw new LooprError(
    "lock_failed",
    "the daemon's lock needs the program `flock`, which is not installed",
    "install util-linux",
  );
}
