// What a job may touch, looked up in the real file system just before the job starts: which of the
// secrets exist, where the symbolic links lead, which of the host's sockets would be in reach.
import { lstatSync, mkdirSync, readdirSync, realpathSync } from "node:fs";
import { LooprError, messageOf, systemCode } from "../lib/errors.ts";
import { isBelow, type Mount } from "./bwrap.ts";
import { withoutCredentials } from "../domain/git-credentials.ts";
import { emptied } from "./emptied.ts";
import { readConfig } from "./git-configs.ts";
import { socketMasks } from "./host-sockets.ts";

/** What the daemon says about a job's surroundings. Paths are absolute. */
export interface Confinement {
  /** Bound read-write; its `.git` read-only. */
  worktree: string;
  net: boolean;
  write: readonly string[];
  read: readonly string[];
  deny: readonly string[];
  /** Configuration files of git, shown without the credentials in them. */
  gitConfigs: readonly string[];
  /** Whether it may make Unix sockets; pairs of connected ones it always may. */
  unixSockets: boolean;
}

const writableEmptied: ReadonlySet<string> = new Set(["/tmp", "/var/tmp"]);
const privateDirMode = 0o700;
const anyoneMayWrite = 0o222;

/**
 * Throws `sandbox_refused` where a path is not what the daemon took it for. `churning`: directories from
 * which something vanished between an earlier look and its use.
 */
export function resolveMounts(confinement: Confinement, churning: ReadonlySet<string>): Mount[] {
  const { worktree } = confinement;
  requireRealDirectory(worktree, "the worktree");
  const mounts: Mount[] = [...masks(confinement), ...kernelSwitches(), { kind: "writable", path: worktree }];
  const git = gitEntry(worktree);
  if (git) mounts.push({ kind: "readonly", path: git, from: git });
  for (const directory of new Set(confinement.write)) {
    mounts.push({ kind: "writable", path: madeDirectory(directory) });
  }
  const masked = mounts.filter((mount) => mount.kind === "empty" || mount.kind === "scratch");
  for (const path of new Set([...confinement.read, ...resolverFiles(confinement.net)])) {
    mounts.push(...readAgain(path, worktree, masked));
  }
  for (const path of new Set(confinement.gitConfigs)) mounts.push(...withoutSecrets(path));
  // Without sockets of its own it cannot connect to any.
  return confinement.unixSockets ? [...mounts, ...socketMasks(mounts, churning)] : mounts;
}

/** A copy in the place of a configuration that holds credentials; one that cannot be judged is empty. */
function withoutSecrets(path: string): Mount[] {
  if (realPath(path) !== path || kindOf(path) !== "file") return [];
  const config = readConfig(path);
  if (config === null) return [{ kind: "emptyFile", path }];
  const { text } = withoutCredentials(config);
  return text === config ? [] : [{ kind: "text", path, text }];
}

/**
 * Everything in /proc that is not about processes, read-only. Bubblewrap leaves /proc/sys out, since the
 * directory itself is not writable: a job of root could then set `kernel.core_pattern`, which is a program
 * that the kernel runs outside of every sandbox.
 */
function kernelSwitches(): Mount[] {
  return namesIn("/proc")
    .filter((name) => !/^\d+$/.test(name))
    .map((name) => `/proc/${name}`)
    .filter((path) => {
      const stat = lstatSync(path, { throwIfNoEntry: false });
      return stat?.isDirectory() === true || (stat?.isFile() === true && (stat.mode & anyoneMayWrite) !== 0);
    })
    .map((path) => ({ kind: "readonly", path, from: path }));
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function masks(confinement: Confinement): Mount[] {
  const found = new Map<string, Mount>();
  for (const path of emptied) {
    const real = realPath(path);
    if (real && kindOf(real) === "directory") {
      found.set(real, { kind: writableEmptied.has(path) ? "scratch" : "empty", path: real });
    }
  }
  for (const path of confinement.deny) {
    const real = realPath(path);
    const kind = real === null ? "absent" : kindOf(real);
    if (real === null || kind === "absent" || found.has(real)) continue;
    found.set(real, { kind: kind === "directory" ? "empty" : "emptyFile", path: real });
  }
  return [...found.values()];
}

/**
 * Binds that make a path visible again which the masks have hidden. A path that is itself a mask, such as
 * `/tmp` as an entry of PATH, stays masked.
 */
function readAgain(path: string, worktree: string, masked: readonly Mount[]): Mount[] {
  const real = realPath(path);
  if (real === null) return [];
  const hidden = (target: string) =>
    masked.some((mask) => isBelow(target, mask.path)) && !masked.some((mask) => mask.path === target);
  return [...new Set([real, path])]
    .filter((target) => target !== worktree && !isBelow(target, worktree) && hidden(target))
    .map((target) => ({ kind: "readonly" as const, path: target, from: real }));
}

/** On many systems /etc/resolv.conf leads into /run, which is masked; without it there is no DNS. */
function resolverFiles(net: boolean): string[] {
  const real = net ? realPath("/etc/resolv.conf") : null;
  return real ? [real] : [];
}

/** The worktree's `.git`, a file in a linked worktree; null where there is none. */
function gitEntry(worktree: string): string | null {
  const path = `${worktree}/.git`;
  const kind = kindOf(path);
  if (kind === "absent") return null;
  if (kind === "file" || kind === "directory") return path;
  throw refused(`${path} has been replaced by something that is neither a file nor a directory`);
}

function madeDirectory(path: string): string {
  try {
    mkdirSync(path, { recursive: true, mode: privateDirMode });
  } catch (cause) {
    throw refused(`the writable directory ${path} cannot be made: ${messageOf(cause)}`);
  }
  requireRealDirectory(path, "the writable directory");
  return path;
}

/** An earlier job may have put a link in the place of a directory that it could write to. */
function requireRealDirectory(path: string, what: string): void {
  const real = realPath(path);
  if (real === null) throw refused(`${what} ${path} does not exist`);
  if (real !== path) throw refused(`${what} ${path} is reached through a symbolic link (it is ${real})`);
  if (kindOf(path) !== "directory") throw refused(`${what} ${path} is not a directory`);
}

function refused(message: string): LooprError {
  return new LooprError(
    "sandbox_refused",
    message,
    "restore the directory, or remove it so that it is made again",
  );
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null; // absent, a loop of links, or not ours to see: a job cannot see it either
  }
}

function kindOf(path: string): "absent" | "directory" | "file" | "other" {
  try {
    const stat = lstatSync(path);
    return stat.isDirectory() ? "directory" : stat.isFile() ? "file" : "other";
  } catch (error) {
    return systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR" ? "absent" : "other";
  }
}
