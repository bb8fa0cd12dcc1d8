// SQLite's result codes in Loopr's words.
import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { LooprError, messageOf } from "../lib/errors.ts";

/** Primary result codes (the low byte of an extended one), from sqlite3.h. */
const sqlite = {
  busy: 5,
  locked: 6,
  readonly: 8,
  ioerr: 10,
  corrupt: 11,
  full: 13,
  cantopen: 14,
  notadb: 26,
};
/** SQLITE_IOERR_SHMSIZE: the -shm file could not grow, which is what a full disk looks like there. */
const ioerrShmSize = 4874;
/** SQLITE_CONSTRAINT_FOREIGNKEY. */
const foreignKey = 787;

/** What a failed SQLite call means for the file at `path`. A LooprError is passed on as it is. */
export function storeFailure(error: unknown, path: string): LooprError {
  if (error instanceof LooprError) return error;
  const code = resultCode(error);
  const options = { cause: error };
  if (code === foreignKey) {
    return new LooprError(
      "version_conflict",
      "The change speaks of a loop that is not in the store (any more).",
      "It was deleted meanwhile; nothing of the change was stored.",
      options,
    );
  }
  if (code === ioerrShmSize) return full(path, error);
  if ((code & 0xff) === sqlite.cantopen && takesNoMoreFiles(path)) {
    return full(path, error, ": its file system takes no more files (no inodes)");
  }
  switch (code & 0xff) {
    case sqlite.full:
      return full(path, error);
    case sqlite.corrupt:
    case sqlite.notadb:
      return corrupt(path, messageOf(error), error);
    case sqlite.busy:
    case sqlite.locked:
      return new LooprError(
        "store_failed",
        `The store ${path} is locked by another process.`,
        `Only the daemon may write to it: close what else has it open (\`fuser ${path}\` names it).`,
        options,
      );
    case sqlite.readonly:
    case sqlite.cantopen:
      return new LooprError(
        "store_failed",
        `The store ${path} cannot be opened for writing: ${messageOf(error)}.`,
        `Check that it is a file of yours in a directory that you can write to, or set LOOPR_HOME.`,
        options,
      );
    default:
      return new LooprError(
        "store_failed",
        `The store ${path} failed: ${messageOf(error)}.`,
        code === 0 ? "" : `SQLite result code ${code}. Check the disk; nothing of the change was stored.`,
        options,
      );
  }
}

/** A file that is not a usable store. It stays as it is: whether it holds anything of worth is not ours to say. */
export function corrupt(path: string, reason: string, cause?: unknown): LooprError {
  return new LooprError(
    "store_corrupt",
    `The store ${path} is not usable: ${reason}.`,
    `Nothing was changed. Put a backup in its place, or move it and its -wal file away to begin with an empty ` +
      `store: mv ${path} ${path}.bad; mv ${path}-wal ${path}.bad-wal`,
    { cause },
  );
}

/** SQLite says only that it cannot make its file. */
function takesNoMoreFiles(path: string): boolean {
  try {
    const { files, ffree } = statfsSync(dirname(path));
    return files > 0 && ffree === 0;
  } catch {
    return false;
  }
}

function full(path: string, cause: unknown, why = ""): LooprError {
  return new LooprError(
    "store_full",
    `There is no room left for the store ${path}${why}.`,
    "Nothing of the change was stored. Free space on that disk (or quota); where there is plenty, the store has " +
      "reached its own bound: `loopr delete <id>` for old runs.",
    { cause },
  );
}

function resultCode(error: unknown): number {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number"
    ? error.errcode
    : 0;
}
