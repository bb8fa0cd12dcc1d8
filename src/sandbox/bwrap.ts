// The argument vector of bubblewrap. Pure: what exists, and where links lead, is decided in mounts.ts.
import { join } from "node:path";

/** One change to the file system that a job sees. The whole of it is there read-only to begin with. */
export type Mount =
  /** An empty, read-only directory in its place. */
  | { kind: "empty"; path: string }
  /** An empty directory of the job's own, gone with it. */
  | { kind: "scratch"; path: string }
  /** An empty, read-only file in its place. */
  | { kind: "emptyFile"; path: string }
  /** A read-only file with this text in its place. */
  | { kind: "text"; path: string; text: string }
  | { kind: "readonly"; path: string; from: string }
  | { kind: "writable"; path: string }
  /** A directory put together from the entries that are mounted in it; other masks are made in it, too. */
  | { kind: "rebuilt"; path: string }
  /** Of a rebuilt directory: read-only, and left out where it is not there any more. */
  | { kind: "entry"; path: string; from: string }
  | { kind: "link"; path: string; target: string };

export interface BwrapRequest {
  mounts: readonly Mount[];
  net: boolean;
  cwd: string;
  /** The whole environment of the job. */
  env: Readonly<Record<string, string>>;
  /** Removed from the environment that bwrap itself was started with. */
  unset: readonly string[];
  /** Descriptor on which bwrap reports its child and the job's exit code. */
  statusFd: number;
  /** The first of the descriptors that are read in the place of files; each `emptyFile` and `text` uses one. */
  fileFd: number;
  /** Descriptor from which the system call filter is read. */
  filterFd: number;
}

/**
 * The options, without `--` and the command. Meant for `--args`: on the command line everybody on the
 * machine could read the environment.
 */
export function bwrapOptions(request: BwrapRequest): string[] {
  const mounts = ordered(request.mounts);
  let fd = request.fileFd;
  return [
    // The job ends with its runner, has no terminal to type into, and no capability: root without
    // `--cap-drop ALL` remounts `/` read-write.
    ...["--die-with-parent", "--new-session", "--unshare-all"],
    ...(request.net ? ["--share-net"] : []),
    ...["--cap-drop", "ALL", "--json-status-fd", String(request.statusFd)],
    ...["--seccomp", String(request.filterFd)],
    ...request.unset.flatMap((name) => ["--unsetenv", name]),
    ...Object.entries(request.env).flatMap(([name, value]) => ["--setenv", name, value]),
    ...["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"],
    ...mounts.flatMap((mount) => mountOptions(mount, () => String(fd++))),
    // Only now: the mount points of what is bound inside an emptied directory had to be made first.
    ...mounts.flatMap(({ kind, path }) =>
      kind === "empty" || kind === "rebuilt" ? ["--remount-ro", path] : [],
    ),
    ...["--chdir", request.cwd],
  ];
}

/** The files in whose place others are put, in the order of their descriptors. */
export function filesInPlace(mounts: readonly Mount[]): { path: string; text: string }[] {
  return ordered(mounts).flatMap((mount) =>
    mount.kind === "emptyFile"
      ? // An empty JSON file is none, and programs stop at it.
        [{ path: mount.path, text: mount.path.endsWith(".json") ? "{}\n" : "" }]
      : mount.kind === "text"
        ? [{ path: mount.path, text: mount.text }]
        : [],
  );
}

/** Whether `path` lies strictly below `directory`. Both absolute and normalised. */
export function isBelow(path: string, directory: string): boolean {
  return path !== directory && path.startsWith(directory === "/" ? "/" : `${directory}/`);
}

function mountOptions(mount: Mount, nextFd: () => string): string[] {
  switch (mount.kind) {
    case "empty":
    case "scratch":
    case "rebuilt":
      return ["--tmpfs", mount.path];
    case "emptyFile":
    case "text":
      return ["--ro-bind-data", nextFd(), mount.path];
    case "readonly":
      return ["--ro-bind", mount.from, mount.path];
    case "writable":
      return ["--bind", mount.path, mount.path];
    case "entry":
      return ["--ro-bind-try", mount.from, mount.path];
    case "link":
      return ["--symlink", mount.target, mount.path];
  }
}

/** Among mounts of the same depth. */
function rank({ kind }: Mount): number {
  if (kind === "entry" || kind === "link") return 0;
  return kind === "rebuilt" ? 3 : kind === "readonly" ? 2 : 1;
}

function hides(mount: Mount): boolean {
  return ["empty", "scratch", "emptyFile", "text"].includes(mount.kind);
}

/**
 * The innermost path wins, whatever kind it is: outer ones come first, since a later mount hides what is
 * below it (a late `--tmpfs /tmp` would hide a worktree in `/tmp`). At the same path what opens wins over
 * what hides, read-only over writable, and a rebuilt directory over all. A mask inside a mask hides nothing more, and its mount point
 * would not exist.
 */
function ordered(mounts: readonly Mount[]): Mount[] {
  const depth = (mount: Mount) => join(mount.path, ".").split("/").length;
  const sorted = [...mounts].sort(
    (a, b) => depth(a) - depth(b) || rank(a) - rank(b) || (a.path < b.path ? -1 : 1),
  );
  const opened = new Set(sorted.filter((mount) => !hides(mount)).map((mount) => mount.path));
  const kept: Mount[] = [];
  for (const mount of sorted) {
    const around = kept.findLast((outer) => outer.path === mount.path || isBelow(mount.path, outer.path));
    if (hides(mount) && (opened.has(mount.path) || (around && hides(around)))) continue;
    kept.push(mount);
  }
  return kept;
}
