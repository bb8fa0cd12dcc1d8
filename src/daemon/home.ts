// The home directory: made private, refused where it is not, and tried out before anything relies on it.
import { chmodSync, lstatSync, mkdirSync, rmSync, writeFileSync, type Stats } from "node:fs";
import { join } from "node:path";
import { LooprError, systemCode } from "../lib/errors.ts";
import { networkFileSystemOf } from "../lib/paths.ts";
import { reasonOf } from "../lib/reason.ts";

const moveHint = "set LOOPR_HOME to a directory of your own";

/** Makes the home and its `logs` if missing. Throws `home_unusable` with one line that names the path. */
export function prepareHome(dataDir: string): void {
  const network = networkFileSystemOf(dataDir);
  if (network !== null) {
    throw unusable(dataDir, `is on ${network}, where locks and databases are not safe`);
  }
  makeDirectory(dataDir);
  checkPrivate(dataDir);
  tryWriting(dataDir);
  makeDirectory(join(dataDir, "logs"));
  checkPrivate(join(dataDir, "logs"));
}

/** Refuses a directory that is a symbolic link, another user's, or that others can write to. */
export function checkPrivate(path: string, hint = moveHint): void {
  const stats = lstatOf(path);
  if (stats.isSymbolicLink()) throw unusable(path, "is a symbolic link", hint);
  if (!stats.isDirectory()) throw unusable(path, "is not a directory", hint);
  const uid = process.getuid?.() ?? stats.uid;
  if (stats.uid !== uid) throw unusable(path, `belongs to another user (uid ${stats.uid})`, hint);
  if ((stats.mode & 0o022) !== 0) {
    throw unusable(path, "can be written to by other users", `chmod 700 '${path}'`);
  }
  // Readable by others only: nobody can have put anything there, so that closing it is enough.
  if ((stats.mode & 0o077) !== 0) chmodSync(path, 0o700);
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    if (systemCode(error) === "EEXIST") return; // A file or a link: checkPrivate says which.
    throw unusable(path, `cannot be made: ${reasonOf(error)}`, moveHint, error);
  }
}

function lstatOf(path: string): Stats {
  try {
    return lstatSync(path);
  } catch (error) {
    throw unusable(path, `cannot be looked at: ${reasonOf(error)}`, moveHint, error);
  }
}

/** A directory's mode says little about a full or read-only disk; a file written there says all. */
function tryWriting(dataDir: string): void {
  const probe = join(dataDir, `.probe-${process.pid}`);
  try {
    writeFileSync(probe, "loopr", { mode: 0o600 });
  } catch (error) {
    throw unusable(dataDir, `cannot be written to: ${reasonOf(error)}`, moveHint, error);
  } finally {
    removeProbe(probe);
  }
}

function removeProbe(probe: string): void {
  try {
    rmSync(probe, { force: true });
  } catch {
    // Where nothing can be written nothing was left either.
  }
}

function unusable(path: string, what: string, hint = moveHint, cause?: unknown): LooprError {
  return new LooprError("home_unusable", `the directory ${path} ${what}`, hint, { cause });
}
