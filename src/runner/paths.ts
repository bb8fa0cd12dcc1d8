// Where a path of a tool call really leads. Nothing outside the worktree is read or written, whatever
// links earlier jobs have planted; and nothing but regular files and directories is ever opened.
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, realpathSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { LooprError, messageOf, systemCode } from "../lib/errors.ts";
import { shownName, ToolFailure } from "./tool.ts";

/** As in the kernel: a longer chain of links is a loop. */
const linksMax = 40;

export interface Located {
  /** Absolute, without symbolic links. Below the worktree, or the worktree itself. */
  path: string;
  /** Relative to the worktree; `.` is the worktree. */
  shown: string;
  /** Null: nothing there. */
  stat: BigIntStats | null;
}

/** Resolves a path as the kernel would, link by link, and refuses every way out. */
export function locate(worktree: string, asked: string): Located {
  requireWorktree(worktree);
  if (asked.includes("\0")) throw new ToolFailure("the path holds a NUL character");
  const leaves = new ToolFailure(
    `${shownName(asked)} leads out of the worktree. Use a path relative to the worktree, such as src/main.ts`,
  );
  const inside = (path: string) => path === worktree || path.startsWith(`${worktree}/`);
  let open = asked.split("/");
  let at = worktree;
  if (asked.startsWith("/")) {
    // An absolute path is fine when it is one inside the worktree.
    if (!inside(asked)) throw leaves;
    open = asked.slice(worktree.length).split("/");
  }
  let stat: BigIntStats | null = lstatSync(worktree, { bigint: true });
  for (let links = 0; open.length > 0;) {
    const name = open.shift() ?? "";
    if (name === "" || name === ".") continue;
    if (stat === null && name === "..") throw new ToolFailure(`${shownName(asked)}: no such directory`);
    if (stat !== null && !stat.isDirectory()) {
      throw new ToolFailure(`${shownName(asked)}: ${shown(at, worktree)} is not a directory`);
    }
    const next = name === ".." ? at.slice(0, at.lastIndexOf("/")) : `${at}/${name}`;
    if (!inside(next)) throw leaves;
    stat = stat === null ? null : statOrNull(next, asked);
    if (!stat?.isSymbolicLink()) {
      at = next;
      continue;
    }
    if (++links > linksMax) throw new ToolFailure(`${shownName(asked)}: too many levels of symbolic links`);
    const target = readlinkSync(next);
    if (target.startsWith("/") && !inside(target)) throw leavesByLink(asked, next, worktree);
    open = [...(target.startsWith("/") ? target.slice(worktree.length) : target).split("/"), ...open];
    if (target.startsWith("/")) at = worktree;
    stat = lstatSync(at, { bigint: true });
  }
  return { path: at, shown: shown(at, worktree), stat };
}

/** Like `locate`, for writing: never `.git`, at any depth and however it is spelt. */
export function locateForWriting(worktree: string, asked: string): Located {
  const located = locate(worktree, asked);
  if (located.path.slice(worktree.length).split("/").some(isGitName)) {
    throw new ToolFailure(`${shownName(asked)}: .git belongs to Loopr and is not written by tools`);
  }
  return located;
}

/** Opens a regular file for reading. Never waits: a FIFO is refused before and after it is opened. */
export function openForReading(located: Located): { fd: number; stat: BigIntStats } {
  requireFile(located);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  let fd;
  try {
    fd = openSync(located.path, flags);
  } catch (error) {
    throw new ToolFailure(`${shownName(located.shown)} cannot be opened: ${messageOf(error)}`);
  }
  const stat = fstatSync(fd, { bigint: true });
  if (stat.isFile()) return { fd, stat };
  closeSync(fd);
  throw new ToolFailure(`${shownName(located.shown)} is not a regular file`);
}

export function requireFile(located: Located): void {
  const name = shownName(located.shown);
  if (located.stat === null)
    throw new ToolFailure(`${name} does not exist. list_directory or glob show what does`);
  if (located.stat.isDirectory()) throw new ToolFailure(`${name} is a directory. Use list_directory`);
  if (!located.stat.isFile())
    throw new ToolFailure(`${name} is not a regular file, but ${special(located.stat)}`);
}

export function requireDirectory(located: Located): void {
  const name = shownName(located.shown);
  if (located.stat === null) throw new ToolFailure(`${name} does not exist`);
  if (!located.stat.isDirectory()) throw new ToolFailure(`${name} is not a directory. Use read_file`);
}

export function special(stat: Pick<BigIntStats, "isFIFO" | "isSocket" | "isSymbolicLink">): string {
  if (stat.isFIFO()) return "a FIFO";
  if (stat.isSocket()) return "a socket";
  return stat.isSymbolicLink() ? "a symbolic link" : "a device";
}

/** The worktree's own path comes from the daemon, and is real: if it is not any more, something replaced it. */
function requireWorktree(worktree: string): void {
  let real = null;
  try {
    real = realpathSync(worktree);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
  if (real === worktree && lstatSync(worktree).isDirectory()) return;
  const what = real === null ? "is gone" : "has been replaced by a link";
  throw new LooprError(
    "worktree_replaced",
    `the worktree ${worktree} ${what}`,
    "resume the loop: it is made again",
  );
}

function isGitName(name: string): boolean {
  return name.toLowerCase() === ".git" || /^git~\d+$/i.test(name);
}

function leavesByLink(asked: string, link: string, worktree: string): ToolFailure {
  const name = shownName(shown(link, worktree));
  return new ToolFailure(
    `${shownName(asked)}: the link ${name} leads out of the worktree and is not followed`,
  );
}

function shown(path: string, worktree: string): string {
  return path === worktree ? "." : path.slice(worktree.length + 1);
}

function statOrNull(path: string, asked: string): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw new ToolFailure(`${shownName(asked)}: ${messageOf(error)}`);
  }
}
