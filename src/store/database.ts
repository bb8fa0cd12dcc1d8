// Opens the database file, having made sure that it is ours, whole and not from a newer Loopr.
import { chmodSync, closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { LooprError, systemCode } from "../lib/errors.ts";
import { corrupt, storeFailure } from "./failure.ts";
import { applicationId, migrate, migrations } from "./schema.ts";

const inMemory = ":memory:";
const storeMode = 0o600;
/** How long a statement waits for another process's lock. It blocks the daemon: no longer than a blink. */
const busyTimeoutMs = 1_000;
/** Stores up to this size are checked page by page on opening; that takes some 3 ms. */
const quickCheckBytesMax = 4 * 1024 * 1024;
/** A WAL that a burst has grown is cut back to this at the next checkpoint. */
const walBytesKept = 16 * 1024 * 1024;

/**
 * Throws LooprError `store_newer`, `store_corrupt` (foreign, damaged or truncated file: left as it is),
 * `store_failed`, `store_full`.
 */
export function openDatabase(path: string, bytesMax: number, steps = migrations): DatabaseSync {
  let db: DatabaseSync | null = null;
  try {
    if (path !== inMemory && !existsSync(path)) createFile(path, steps);
    const size = path === inMemory ? 0 : prepareFile(path);
    db = new DatabaseSync(path);
    db.exec(`PRAGMA busy_timeout = ${busyTimeoutMs}`);
    const version = identify(db, path, size, steps.length);
    configure(db, bytesMax);
    migrate(db, version, steps);
    return db;
  } catch (error) {
    db?.close();
    // Of the system, such as ENOSPC, or of SQLite.
    throw /^E[A-Z]+$/.test(systemCode(error)) ? unusable(path, error) : storeFailure(error, path);
  }
}

/**
 * A new store is made aside, without waiting for the disk at each step, and appears under its name when it is
 * whole and on the disk: the first start of a daemon takes half as long, and nobody finds half a store. (The
 * name itself is on the disk with the first commit: SQLite syncs the directory when it makes the log.)
 */
function createFile(path: string, steps: readonly string[]): void {
  const aside = `${path}.new`;
  // Of a creation that was interrupted, and of a store that somebody took away without its log.
  for (const left of [aside, `${aside}-wal`, `${aside}-shm`, `${path}-wal`, `${path}-shm`]) {
    rmSync(left, { force: true });
  }
  // Made with its mode before SQLite does, which would leave it to the umask; -wal and -shm take it from it.
  closeSync(openSync(aside, "wx", storeMode));
  const db = new DatabaseSync(aside);
  try {
    db.exec("PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL");
    migrate(db, 0, steps);
  } finally {
    db.close();
  }
  const fd = openSync(aside, "r+");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(aside, path);
}

/**
 * Looks at the file, and returns its size. It is not opened here: closing any descriptor of it would drop the
 * POSIX locks that SQLite holds on it in this process.
 */
function prepareFile(path: string): number {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw corrupt(path, "it is not a regular file");
    if ((stat.mode & 0o777) !== storeMode) chmodSync(path, storeMode);
    // To open a FIFO is to wait for its other end.
    for (const beside of [`${path}-journal`, `${path}-wal`, `${path}-shm`]) {
      if (statSync(beside, { throwIfNoEntry: false })?.isFile() === false)
        throw new LooprError(
          "store_failed",
          `The store's file ${beside} is not a regular file.`,
          "Move it away, or set LOOPR_HOME.",
        );
    }
    // SQLite would take an emptied database for a new one and delete what its log still holds.
    if (stat.size === 0 && sizeOf(`${path}-wal`) > 0) throw corrupt(path, "it was cut to nothing");
    return stat.size;
  } catch (error) {
    throw unusable(path, error);
  }
}

function unusable(path: string, error: unknown): LooprError {
  if (error instanceof LooprError) return error;
  return new LooprError(
    systemCode(error) === "ENOSPC" ? "store_full" : "store_failed",
    `The store ${path} cannot be opened (${systemCode(error) || "unknown reason"}).`,
    "Check the directory's owner, permissions and free space, or set LOOPR_HOME.",
    { cause: error },
  );
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** The file's schema version; 0 for a new one. Nothing is written before this has returned. */
function identify(db: DatabaseSync, path: string, size: number, newest: number): number {
  const owner = pragma(db, "application_id");
  const version = pragma(db, "user_version");
  const tables = Number(db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"]);
  if (owner === 0 && version === 0 && tables === 0) return 0;
  if (owner !== applicationId) throw corrupt(path, "it is an SQLite database of another program");
  if (version > newest) {
    throw new LooprError(
      "store_newer",
      `The store ${path} has version ${version}; this Loopr knows versions up to ${newest}.`,
      "A newer Loopr has used it. Use that one (`loopr --version`), or set LOOPR_HOME to another directory.",
    );
  }
  if (version < 1 || tables === 0) throw corrupt(path, "it names no version, or holds no tables");
  if (size <= quickCheckBytesMax) {
    const found = String(db.prepare("PRAGMA quick_check(1)").get()?.["quick_check"]);
    if (found !== "ok") throw corrupt(path, found);
  }
  return version;
}

/**
 * synchronous=FULL: in WAL mode NORMAL may lose the last transactions at a power cut (not at a crash of
 * the daemon). What a commit here says — approved, merged, paid for — has been acted on outside when it
 * would be forgotten, so each one waits for the disk. fullfsync is what that takes on macOS.
 */
function configure(db: DatabaseSync, bytesMax: number): void {
  db.exec("PRAGMA journal_mode = WAL");
  db.exec("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA foreign_keys = ON");
  db.exec(`PRAGMA journal_size_limit = ${walBytesKept}`);
  db.exec(`PRAGMA max_page_count = ${Math.floor(bytesMax / pragma(db, "page_size"))}`);
}

function pragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`PRAGMA ${name}`).get()?.[name]);
}
