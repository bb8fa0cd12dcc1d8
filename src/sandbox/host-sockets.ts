// Keeps the Unix sockets of the host from a job that may use sockets of its own. A read-only bind does not
// keep anybody from connecting to one, and no filter can look at the address: what is out of sight is all.
//
// A socket is where its owner bound it, or where it was moved to since; others come while the job runs. So it
// is the directory in which there is one that is put together again, without the sockets in it: each other
// entry is bound back to its place. That needs no socket to be still there when bubblewrap gets to it.
import { readdirSync, readFileSync, readlinkSync, realpathSync, type Dirent } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { isBelow, type Mount } from "./bwrap.ts";
import { innermost, isHidden } from "./visible.ts";

/** Of a directory with more entries only the sockets themselves are covered, so that a job starts at once. */
const entriesMax = 64;
/** Where what is to be covered vanished before bubblewrap got to it, the directory is put together anyway. */
const entriesMaxOfChurning = 4_096;
/** Below them services of other network namespaces (containers) leave sockets, which no list shows. */
const servicePlaces = ["/opt", "/srv", "/var/lib", "/var/opt", "/var/spool"];
const serviceDepth = 2;
const serviceDirectoriesMax = 1_000;
/** Made by bubblewrap anew for each job, or no place of sockets. */
const ownTrees = ["/dev", "/proc", "/sys"];

/** `churning`: directories from which something vanished while an earlier attempt was made. */
export function socketMasks(mounts: readonly Mount[], churning: ReadonlySet<string>): Mount[] {
  const directories = new Set([...boundDirectories(), ...serviceDirectories(), ...churning]);
  return [...directories]
    .flatMap((directory) => realPath(directory) ?? [])
    .filter((real, index, all) => all.indexOf(real) === index)
    .flatMap((real) => namesOf(real, mounts).map((path) => ({ real, path })))
    .filter(({ path }) => !ownTrees.some((tree) => path === tree || isBelow(path, tree)))
    .filter(({ path }) => !isHidden(path, mounts))
    .flatMap(({ real, path }) => {
      const limit = churning.has(real) ? entriesMaxOfChurning : entriesMax;
      return withoutSockets(real, path, mounts, limit);
    });
}

/** A directory is seen under its own path, and wherever a read-only mount shows it under another one. */
function namesOf(real: string, mounts: readonly Mount[]): string[] {
  const others = mounts.flatMap((mount) =>
    mount.kind === "readonly" &&
    mount.from !== mount.path &&
    (mount.from === real || isBelow(real, mount.from))
      ? [mount.path + real.slice(mount.from.length)]
      : [],
  );
  return [real, ...others];
}

function withoutSockets(real: string, path: string, mounts: readonly Mount[], limit: number): Mount[] {
  const entries = entriesOf(real);
  const others = entries.filter((entry) => !entry.isSocket());
  // `/` cannot be replaced, and what the job writes to has to stay what it is.
  const isFixed = path === "/" || innermost(path, mounts)?.kind === "writable";
  if (isFixed || others.length > limit) {
    return entries
      .filter((entry) => entry.isSocket())
      .map((entry) => ({ kind: "emptyFile", path: join(path, entry.name) }));
  }
  const taken = new Set(mounts.map((mount) => mount.path));
  const kept = others
    .map((entry) => ({ entry, at: join(path, entry.name), from: join(real, entry.name) }))
    .filter(({ at }) => !taken.has(at))
    .map(({ entry, at, from }): Mount => {
      const target = entry.isSymbolicLink() ? linkTarget(from) : null;
      return target === null ? { kind: "entry", path: at, from } : { kind: "link", path: at, target };
    });
  return [{ kind: "rebuilt", path }, ...kept];
}

/** The directories in which a process of this machine has bound a socket, as far as the kernel lists it. */
function boundDirectories(): string[] {
  const bound = readText("/proc/net/unix")
    .split("\n")
    .flatMap((line) => {
      // Num RefCount Protocol Flags Type St Inode Path. `@`: an abstract one, which has no place.
      const [, inode = "", path = ""] = /^(?:\S+\s+){6}(\d+) ([^@].*)$/.exec(line) ?? [];
      return path === "" ? [] : [{ inode, path }];
    });
  const relative = bound.filter(({ path }) => !path.startsWith("/"));
  const bases = relative.length === 0 ? new Map<string, string[]>() : ownersDirectories(relative);
  return bound.flatMap(({ inode, path }) =>
    path.startsWith("/")
      ? [dirname(path)]
      : (bases.get(inode) ?? []).map((base) => dirname(resolve(base, path))),
  );
}

/** A relative path counts from where its owner was then: most have not gone elsewhere. */
function ownersDirectories(sockets: readonly { inode: string }[]): Map<string, string[]> {
  const wanted = new Set(sockets.map(({ inode }) => inode));
  const found = new Map<string, string[]>();
  for (const pid of namesIn("/proc").filter((name) => /^\d+$/.test(name))) {
    for (const fd of namesIn(`/proc/${pid}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkTarget(`/proc/${pid}/fd/${fd}`) ?? "")?.[1] ?? "";
      const base = wanted.has(inode) ? linkTarget(`/proc/${pid}/cwd`) : null;
      if (base !== null) found.set(inode, [...(found.get(inode) ?? []), base]);
    }
  }
  return found;
}

function serviceDirectories(): string[] {
  const found: string[] = [];
  let level = servicePlaces;
  let looked = 0;
  for (let depth = 0; depth <= serviceDepth; depth++) {
    const next: string[] = [];
    for (const directory of level) {
      if (looked++ >= serviceDirectoriesMax) return found;
      for (const entry of entriesOf(directory)) {
        if (entry.isDirectory()) next.push(join(directory, entry.name));
        else if (entry.isSocket() && found.at(-1) !== directory) found.push(directory);
      }
    }
    level = next;
  }
  return found;
}

function entriesOf(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return []; // gone, or not ours to see: a job cannot see it either
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}
