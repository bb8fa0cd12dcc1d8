// The few files that a loop's iteration changes, put into the index without a process. Whatever is not as plain as
// can be is left to git.
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { systemCode } from "../lib/errors.ts";
import { hasAttributes, isPlainName } from "./as-is.ts";
import { directoriesOf, realDirectories } from "./files.ts";
import { readIndexFile, type IndexFile } from "./index-file.ts";
import { writeIndexFile, type NewEntry } from "./index-writer.ts";
import { writeLoose } from "./loose.ts";
import { pathOf } from "./names.ts";
import type { Worktree } from "./worktrees.ts";

/** Beyond these, git is as quick. */
const filesMax = 50;
const fileBytesMax = 1024 * 1024;
const entriesMax = 2_000;
const executable = 0o100n;
const fileModes = ["100644", "100755"];

/** Makes the index hold these files as the worktree has them. False where nothing was done, and git has to do it. */
export async function ownStage(
  at: Worktree,
  removed: readonly string[],
  present: readonly string[],
): Promise<boolean> {
  const { looseObjects, path } = at;
  const names = [...removed, ...present];
  if (looseObjects === null || !at.storesAsIs || names.length > filesMax || !names.every(isPlainName))
    return false;
  const index = readIndexFile(at.gitDir);
  if (index === null || index.entries.length > entriesMax || !isFit(index, removed, present)) return false;
  const directories = directoriesOf(present);
  if ((await realDirectories(path, directories)).size !== directories.size) return false;
  if (hasAttributes(path, directories)) return false;
  const like = index.entries[0]?.id ?? "";
  const changes = new Map<string, NewEntry | null>(removed.map((name) => [name, null]));
  for (const name of present) {
    const entry = stored(looseObjects, pathOf(path, name), like);
    if (entry === null) return false;
    changes.set(name, entry);
  }
  return changes.size === 0 || writeIndexFile(at.gitDir, index, changes);
}

/** Files in the place of files: what was a link, or a directory, or becomes one, is git's to sort out. */
function isFit({ entries }: IndexFile, removed: readonly string[], present: readonly string[]): boolean {
  if (entries.length === 0 || !entries.every((entry) => entry.plain)) return false;
  const modes = new Map(entries.map(({ name, mode }) => [name, mode]));
  const leaving = new Set(removed);
  const staying = [...modes.keys(), ...present].filter((name) => !leaving.has(name));
  const directories = directoriesOf(staying);
  return (
    present.every((name) => fileModes.includes(modes.get(name) ?? "100644") && !leaving.has(name)) &&
    !staying.some((name) => directories.has(name))
  );
}

/** A blob of the file's content. Null: it is no small file, or it changes under our hands. */
function stored(objects: string, file: Buffer, like: string): NewEntry | null {
  try {
    const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const before = fstatSync(fd, { bigint: true });
      if (!before.isFile() || before.size > fileBytesMax) return null;
      const content = readFileSync(fd);
      const stat = fstatSync(fd, { bigint: true });
      if (stat.ctimeNs !== before.ctimeNs || stat.size !== BigInt(content.length)) return null;
      const mode = (stat.mode & executable) === 0n ? "100644" : "100755";
      return { mode, id: writeLoose(objects, "blob", content, like), stat };
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (systemCode(error) === "") throw error;
    return null;
  }
}
