// Removing and sweeping directories that hostile or careless programs have written to. Names are bytes, links
// are never followed, and directories without permissions, sockets and FIFOs are no obstacle.
import { lstatSync, readdirSync, type Dirent, type Stats } from "node:fs";
import { chmod, lstat, readdir, rm } from "node:fs/promises";
import { systemCode } from "../lib/errors.ts";
import { decodeName, pathOf } from "./names.ts";

/** Linux's limits, the final NUL included. */
const pathBytesMax = 4096;
const nameBytesMax = 256;

/** Removes whatever is at the path, if anything. */
export async function removeTree(path: string | Buffer): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if (!["EACCES", "EPERM", "ENOTEMPTY"].includes(systemCode(error))) throw error;
    await makeWritable(bytesOf(path));
    await rm(path, { recursive: true, force: true });
  }
}

/** Gives the owner all permissions on a directory and those below it. */
async function makeWritable(directory: Buffer): Promise<void> {
  const stat = lstatNow(directory);
  if (!stat?.isDirectory()) return;
  if ((stat.mode & 0o700) !== 0o700) await chmod(directory, (stat.mode & 0o777) | 0o700);
  for (const name of await readdir(directory, { encoding: "buffer" }))
    await makeWritable(join(directory, name));
}

/**
 * Removes from a directory everything but `keep`: names of files relative to it, as latin1 strings of their
 * bytes. What is a directory in place of a kept file, or anything else in place of a kept file's directory,
 * is removed too. `keepTop` is one more name kept at the top, whatever it is.
 */
export async function sweep(root: string, keep: ReadonlySet<string>, keepTop: string): Promise<void> {
  const directories = directoriesOf(keep);
  const breath = breather();
  const visit = async (directory: Buffer, prefix: string): Promise<void> => {
    await makeUsable(directory);
    for (const entry of readdirSync(directory, { encoding: "buffer" })) {
      const name = prefix + entry.toString("latin1");
      if (name === keepTop) continue;
      await breath();
      const path = join(directory, entry);
      const stat = lstatNow(path);
      if (stat?.isDirectory() && directories.has(name)) await visit(path, `${name}/`);
      else if (!keep.has(name) || !(stat?.isFile() || stat?.isSymbolicLink())) await removeTree(path);
    }
  };
  await visit(Buffer.from(root), "");
}

/** All directories that lie on the way to files. */
export function directoriesOf(files: Iterable<string>): Set<string> {
  const directories = new Set<string>();
  for (const file of files)
    for (let at = file.lastIndexOf("/"); at > 0; at = file.lastIndexOf("/", at - 1)) {
      const parent = file.slice(0, at);
      if (directories.has(parent)) break;
      directories.add(parent);
    }
  return directories;
}

const entriesAtOnce = 200;

/** Who goes through many files lets everybody else have a turn from time to time. */
function breather(): () => Promise<void> | undefined {
  let seen = 0;
  return () => {
    seen += 1;
    return seen % entriesAtOnce === 0 ? new Promise((resolve) => setImmediate(resolve)) : undefined;
  };
}

/** What cannot be looked at is none. */
function isDirectory(path: Buffer): boolean {
  try {
    return lstatNow(path)?.isDirectory() ?? false;
  } catch {
    return false;
  }
}

async function makeUsable(directory: Buffer): Promise<void> {
  const { mode } = lstatSync(directory);
  if ((mode & 0o700) !== 0o700) await chmod(directory, (mode & 0o777) | 0o700);
}

/** Those directories below a root that are directories, and not reached through a link. Latin1 names. */
export async function realDirectories(root: string, directories: Iterable<string>): Promise<Set<string>> {
  const real = new Set<string>();
  const breath = breather();
  // Parents come before what is in them.
  for (const directory of [...directories].sort()) {
    const slash = directory.lastIndexOf("/");
    if (slash > 0 && !real.has(directory.slice(0, slash))) continue;
    const path = join(Buffer.from(root), Buffer.from(directory, "latin1"));
    await breath();
    if (isDirectory(path)) real.add(directory);
  }
  return real;
}

/**
 * Makes a worktree one that git gets through. Directories are given back their permissions. Where .gitignore
 * or .gitattributes is a FIFO, git would wait for somebody to write to it: such files are removed. Returns
 * directories whose path is too long for anything in them to be named.
 */
export async function clearTheWay(root: string): Promise<Buffer[]> {
  return (await clearTheWayTo(root, new Set())).tooDeep;
}

/** As `clearTheWay` does; says also whether everything that is there has one of these names, as latin1 strings. */
export async function clearTheWayTo(
  root: string,
  known: ReadonlySet<string>,
): Promise<{ tooDeep: Buffer[]; allKnown: boolean }> {
  const tooDeep: Buffer[] = [];
  const breath = breather();
  let allKnown = true;
  const visit = async (directory: Buffer, prefix: string): Promise<void> => {
    if (directory.length > pathBytesMax - nameBytesMax) {
      tooDeep.push(directory);
      return;
    }
    await makeUsable(directory);
    const found: Dirent[] = readdirSync(directory, { withFileTypes: true, encoding: "latin1" });
    for (const entry of found) {
      await breath();
      const path = join(directory, Buffer.from(entry.name, "latin1"));
      const name = prefix + entry.name;
      if (entry.isDirectory()) await visit(path, `${name}/`);
      else if (name !== ".git" && !known.has(name)) allKnown = false;
      if (!entry.isDirectory() && entry.name.startsWith(".git") && !entry.isFile() && !entry.isSymbolicLink())
        await rm(path, { force: true });
    }
  };
  await visit(Buffer.from(root), "");
  return { tooDeep, allKnown };
}

/**
 * What is at the path itself (a link is not followed); null where there is nothing. Nobody waits for the answer by way
 * of another thread, which takes twenty times as long as the answer.
 */
export function lstatNow(path: string | Buffer): Stats | null {
  try {
    return lstatSync(path);
  } catch (error) {
    if (nothing.has(systemCode(error))) return null;
    throw error;
  }
}

/** The same of a file of the person's, which may be on a file system that does not answer. */
export async function lstatOf(path: string | Buffer): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (nothing.has(systemCode(error))) return null;
    throw error;
  }
}

const nothing = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);

export function join(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, Buffer.from("/"), name]);
}

function bytesOf(path: string | Buffer): Buffer {
  return typeof path === "string" ? Buffer.from(path) : path;
}

/** Names of all but directories below a directory, .git left out, relative to `root`. */
export async function filesBelow(root: string, directory: string): Promise<string[]> {
  const names: string[] = [];
  const path = pathOf(root, directory);
  if (path.length > pathBytesMax - nameBytesMax) return names;
  for (const entry of await readdir(path, { withFileTypes: true, encoding: "latin1" })) {
    if (entry.name === ".git") continue;
    const name = `${directory}/${decodeName(Buffer.from(entry.name, "latin1"))}`;
    if (entry.isDirectory()) names.push(...(await filesBelow(root, name)));
    else names.push(name);
  }
  return names;
}
