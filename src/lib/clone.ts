// Copy-on-write copies of what git ignores in a checkout, such as node_modules: never a link to it, never a plain
// copy. What leads back into the checkout it comes from is found, and not taken: through it a check would run the
// person's code instead of the worktree's.
import { constants } from "node:fs";
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  open,
  readdir,
  readlink,
  realpath,
  symlink,
  utimes,
} from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { systemCode } from "./errors.ts";

/** Copies one file so that both share their blocks until one is written to; throws where that cannot be. */
export type CloneFile = (from: string, to: string) => Promise<void>;

export const cloneFile: CloneFile = (from, to) => copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);

/** Where an installer writes down where packages are: at the beginning of the file. Bytes. */
const headBytes = 4096;
/** What the file system says where it cannot share blocks (ioctl_ficlone(2)). */
const unsupported = new Set(["ENOTSUP", "EOPNOTSUPP", "EXDEV", "EINVAL", "ENOTTY", "ENOSYS"]);

export function cannotClone(error: unknown): boolean {
  return unsupported.has(systemCode(error));
}

/** Paths below a root that match one of the patterns, none below another. No link is followed, no .git entered. */
export async function matchingPaths(
  root: string,
  patterns: readonly string[],
  matches: (path: string) => boolean,
): Promise<string[]> {
  const isDeep = patterns.some((pattern) => pattern.includes("**"));
  const depthMax = isDeep ? Infinity : Math.max(0, ...patterns.map((one) => one.split("/").length));
  const found: string[] = [];
  const visit = async (prefix: string, depth: number): Promise<void> => {
    for (const entry of await readdir(join(root, prefix), { withFileTypes: true }).catch(() => [])) {
      const path = prefix + entry.name;
      if (entry.name === ".git") continue;
      if (matches(path)) found.push(path);
      else if (entry.isDirectory() && depth < depthMax) await visit(`${path}/`, depth + 1);
    }
  };
  await visit("", 1);
  return found.sort();
}

export interface Clone {
  /** The checkout that is copied from. */
  root: string;
  to: string;
  clone: CloneFile;
}

/** Clones what is at a path of the root. Returns the paths that lead into or out of the checkout: not taken. */
export async function cloneTree({ root, to, clone }: Clone, path: string): Promise<string[]> {
  const leaks: string[] = [];
  const visit = async (name: string): Promise<void> => {
    const from = join(root, name);
    const stat = await lstat(from);
    if (basename(name) === ".git") return;
    if (await leadsInto(root, from, stat)) {
      leaks.push(name);
      return;
    }
    if (stat.isSymbolicLink()) {
      const target = await readlink(from);
      // A relative link would lead elsewhere from a worktree, where it climbs out of its checkout.
      if (!target.startsWith("/") && !isBelow(root, resolve(dirname(from), target))) leaks.push(name);
      else await symlink(target, join(to, name));
      return;
    }
    if (stat.isDirectory()) {
      await mkdir(join(to, name), { recursive: true });
      for (const entry of await readdir(from)) await visit(`${name}/${entry}`);
    } else if (stat.isFile()) await clone(from, join(to, name));
    else return;
    await chmod(join(to, name), stat.mode & 0o777);
    await utimes(join(to, name), stat.atime, stat.mtime);
  };
  await mkdir(dirname(join(to, path)), { recursive: true });
  await visit(path);
  return leaks;
}

/** Everything at or below these paths of a directory that leads into a checkout. */
export async function leaksInto(
  root: string,
  directory: string,
  paths: readonly string[],
): Promise<string[]> {
  const leaks: string[] = [];
  const visit = async (name: string): Promise<void> => {
    const path = join(directory, name);
    const stat = await lstat(path);
    if (await leadsInto(root, path, stat)) leaks.push(name);
    else if (stat.isDirectory()) for (const entry of await readdir(path)) await visit(join(name, entry));
  };
  for (const path of paths) await visit(path);
  return leaks;
}

/** A link into the checkout, or a file by which an installer or a script finds it. */
async function leadsInto(
  root: string,
  path: string,
  stat: { isSymbolicLink(): boolean; isFile(): boolean },
): Promise<boolean> {
  if (stat.isSymbolicLink()) {
    const target = await readlink(path);
    // A relative link inside the checkout leads to the worktree's own file there.
    if (!target.startsWith("/") && isBelow(root, path)) return false;
    const absolute = resolve(dirname(path), target);
    if (isBelow(root, absolute)) return true;
    const real = await realpath(absolute).catch(() => null);
    return real !== null && isBelow(await realpath(root), real);
  }
  if (!stat.isFile() || !namesPlaces(path)) return false;
  const text = await headOf(path);
  return (
    [`${root}/`, `${root}\n`, `${root}"`, `${root}'`].some((named) => text.includes(named)) || text === root
  );
}

/** `.pth`, `.egg-link` and editable finders of Python; the start scripts of virtual environments and packages. */
function namesPlaces(path: string): boolean {
  const name = basename(path);
  if (/\.(pth|egg-link)$/.test(name) || name.startsWith("__editable__")) return true;
  return ["bin", ".bin"].includes(basename(dirname(path)));
}

async function headOf(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return buffer.toString("latin1", 0, bytesRead);
  } finally {
    await file.close();
  }
}

function isBelow(root: string, path: string): boolean {
  return path === root || path.startsWith(`${root}/`);
}
