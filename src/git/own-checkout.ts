// From one tree to the next in a checkout that is swept and whose index is ours, without a process: the few files that
// differ are written out of their loose blobs. Whatever is not as plain as can be is left to git.
import { lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { systemCode } from "../lib/errors.ts";
import { attributesName, isPlainName } from "./as-is.ts";
import { isAsSeen, racyNs, statOf } from "./changed-files.ts";
import { readIndexFile, type IndexEntry } from "./index-file.ts";
import { writeIndexFile, type NewEntry } from "./index-writer.ts";
import type { Listing } from "./listing.ts";
import { modeOf, textOf } from "./listing.ts";
import { objectId, readLooseBlob } from "./loose.ts";
import { pathOf } from "./names.ts";
import type { Worktree } from "./worktrees.ts";

/** Beyond these, git is as quick. */
const entriesMax = 500;
const filesMax = 50;
const fileBytesMax = 1024 * 1024;
const permissions: Readonly<Record<string, number>> = { "100644": 0o666, "100755": 0o777 };

interface ToWrite {
  name: string;
  mode: string;
  id: string;
  content: Buffer;
}

/** The index is as the last clean checkout left it. False where git has to do it, from whatever it finds. */
export function ownCheckout(at: Worktree, wanted: Listing): boolean {
  const { gitDir, path, looseObjects } = at;
  if (looseObjects === null || !at.storesAsIs) return false;
  const index = readIndexFile(gitDir);
  if (index === null || Math.max(index.entries.length, wanted.size) > entriesMax) return false;
  const files = filesToWrite(at, looseObjects, index.entries, wanted);
  if (files === null) return false;
  const changes = new Map<string, NewEntry | null>();
  for (const { name } of index.entries) if (!wanted.has(name)) changes.set(name, null);
  try {
    for (const { name, mode, id, content } of files) {
      const file = pathOf(path, textOf(name));
      rmSync(file, { force: true });
      mkdirSync(dirname(file.toString()), { recursive: true });
      writeFileSync(file, content, { flag: "wx", mode: permissions[mode] ?? 0 });
      changes.set(name, { mode, id, stat: lstatSync(file, { bigint: true }) });
    }
  } catch (error) {
    if (systemCode(error) === "") throw error;
    return false;
  }
  return changes.size === 0 || writeIndexFile(gitDir, index, changes);
}

/** What the tree has another content for, and what is not as the index has seen it. Null where git has to do it. */
function filesToWrite(
  { path, gitDir }: Worktree,
  objects: string,
  entries: readonly IndexEntry[],
  wanted: Listing,
): ToWrite[] | null {
  const known = new Map(entries.map((entry) => [entry.name, entry]));
  const indexStat = statOf(`${gitDir}/index`);
  if (indexStat === null) return null;
  const files: ToWrite[] = [];
  for (const [name, text] of wanted) {
    if (name === attributesName || name.endsWith(`/${attributesName}`)) return null;
    const mode = modeOf(text);
    const id = text.slice(mode.length + 1);
    const entry = known.get(name);
    const isSame = entry?.plain === true && entry.mode === mode && entry.id === id;
    if (isSame && isThere(pathOf(path, textOf(name)), entry, indexStat.mtimeNs)) continue;
    if (!(mode in permissions) || !isPlainName(name) || files.length >= filesMax) return null;
    const content = readLooseBlob(objects, id, fileBytesMax);
    if (content === null) return null;
    files.push({ name, mode, id, content });
  }
  return files;
}

/** By its stat; by its content, where the file is as young as the index. */
function isThere(file: Buffer, { mode, id, seen }: IndexEntry, indexNs: bigint): boolean {
  const stat = statOf(file);
  if (stat === null || seen === null || !isAsSeen(stat, mode, seen)) return false;
  if (stat.mtimeNs + racyNs < indexNs) return true;
  return (
    mode in permissions &&
    stat.size <= BigInt(fileBytesMax) &&
    objectId("blob", readFileSync(file), id) === id
  );
}
