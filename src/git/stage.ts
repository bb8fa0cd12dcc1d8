// From the files of a worktree into an index. Every name is looked at here first: git follows no order of its
// own when a link, a file or a directory has taken another's place.
import type { Stats } from "node:fs";
import { chmod, readFile } from "node:fs/promises";
import { systemCode } from "../lib/errors.ts";
import type { IndexEntry } from "./index-file.ts";
import { longTimeoutMs, type RunGit } from "./exec.ts";
import { directoriesOf, lstatNow, realDirectories } from "./files.ts";
import { changedByStat } from "./changed-files.ts";
import { objectId } from "./loose.ts";
import { decodeName, joinNames, pathOf, splitNames } from "./names.ts";
import type { Worktree } from "./worktrees.ts";

/** What is larger is no text whose line ends could matter. */
const comparedBytesMax = 1024 * 1024;

/** How a worktree differs from its index, ignored files apart. */
export interface Differences {
  /** New and changed files and links, by name. */
  present: Map<string, PresentFile>;
  /** Tracked names at which nothing is that git could store. */
  removed: string[];
  /** Untracked repositories: git does not look into them. */
  nested: string[];
  /** What git cannot store, and why. */
  unstorable: Unstorable[];
}

export interface PresentFile {
  bytes: number;
  /** Not in the index. */
  added: boolean;
}

export interface Unstorable {
  name: string;
  why: string;
}

/** `allTracked`: nothing but what the index names is in the worktree. */
export async function differences(
  at: Worktree,
  entries: readonly IndexEntry[],
  allTracked = false,
): Promise<Differences> {
  const { path } = at;
  const listed = (allTracked ? changedByStat(at, entries) : null) ?? (await listedByGit(at));
  const tracked = new Map(entries.map((entry) => [nameOf(entry), entry]));
  const hidden = await hiddenNames(path, entries);
  const found: Differences = { present: new Map(), removed: [...hidden], nested: [], unstorable: [] };
  for (const name of listed) {
    if (hidden.has(name)) continue;
    const entry = tracked.get(name);
    if (name.endsWith("/")) found.nested.push(name.slice(0, -1));
    else await look(path, name, entry, found);
  }
  return found;
}

/**
 * Whether a file holds the very bytes that are stored. Where attributes would have other line ends than those in the
 * blob, git calls it changed from the first checkout on, though nobody has touched it.
 */
async function isAsStored(file: Buffer, stat: Stats, { mode, id }: IndexEntry): Promise<boolean> {
  if (!stat.isFile() || stat.size > comparedBytesMax) return false;
  if (mode !== ((stat.mode & 0o100) === 0 ? "100644" : "100755")) return false;
  return objectId("blob", await readFile(file), id) === id;
}

async function listedByGit({ git }: Worktree): Promise<Set<string>> {
  const args = ["ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard"];
  return new Set(splitNames((await git(args, { timeoutMs: longTimeoutMs })).stdout));
}

/** Tracked names that are reached through a link now, or not at all: git would look behind the link. */
async function hiddenNames(path: string, entries: readonly IndexEntry[]): Promise<Set<string>> {
  const real = await realDirectories(path, directoriesOf(entries.map((entry) => entry.name)));
  const hidden = new Set<string>();
  for (const entry of entries) {
    const slash = entry.name.lastIndexOf("/");
    if (slash > 0 && !real.has(entry.name.slice(0, slash))) hidden.add(nameOf(entry));
  }
  return hidden;
}

/** Sorts one name into the differences. */
export async function look(
  path: string,
  name: string,
  entry: IndexEntry | undefined,
  found: Differences,
): Promise<void> {
  const file = pathOf(path, name);
  try {
    const stat = lstatNow(file);
    if (stat?.isFile() || stat?.isSymbolicLink()) {
      // Git stores no permissions but the executable bit, so that making the file readable changes nothing.
      if (stat.isFile() && (stat.mode & 0o400) === 0) await chmod(file, (stat.mode & 0o777) | 0o400);
      if (entry === undefined || !(await isAsStored(file, stat, entry)))
        found.present.set(name, { bytes: stat.size, added: entry === undefined });
      return;
    }
    // A submodule's directory is empty here, and stays the commit that it was.
    if (stat?.isDirectory() && entry?.submodule) return;
    if (entry) found.removed.push(name);
    if (stat && !stat.isDirectory())
      found.unstorable.push({ name, why: "neither a file nor a link, but a FIFO, socket or device" });
  } catch (error) {
    found.unstorable.push({ name, why: `it cannot be read (${systemCode(error)})` });
  }
}

/** Makes the index hold these names as the worktree has them. Returns those that git refuses as names. */
export async function stage(
  git: RunGit,
  removed: readonly string[],
  present: readonly string[],
  variables: Record<string, string> = {},
): Promise<string[]> {
  const options = { variables, timeoutMs: longTimeoutMs };
  if (removed.length > 0)
    await git(["update-index", "--force-remove", "-z", "--stdin"], {
      ...options,
      input: joinNames(removed),
    });
  if (present.length === 0) return [];
  const args = ["update-index", "--add", "--remove", "--replace", "-z", "--stdin"];
  const { stderr } = await git(args, { ...options, input: joinNames(present) });
  // Said and passed over: a name like `git~1`, or a link called .gitmodules, is harmful on some system.
  const ignored = new Set(stderr.split("\n").filter((said) => said.startsWith(refusedName)));
  return ignored.size === 0 ? [] : present.filter((name) => ignored.has(refusedName + name));
}

const refusedName = "Ignoring path ";

function nameOf(entry: IndexEntry): string {
  return decodeName(Buffer.from(entry.name, "latin1"));
}
