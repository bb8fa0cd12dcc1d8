// Who listens on Unix sockets, as the kernel lists it. A look at a file only: nobody is connected to.
import { readFileSync, realpathSync } from "node:fs";
import { basename, dirname } from "node:path";
import { socketFallbackDir } from "../lib/paths.ts";

/** __SO_ACCEPTCON, in /proc/net/unix. */
const acceptsFlag = "00010000";
/** The name that a daemon of ours binds before it renames the socket to its place: its PID. */
const boundByDaemon = /^\.[0-9a-z]{1,13}$/;

/**
 * Whether a process has bound this path and listens. Our runtime calls a listener whose queue is full (EAGAIN)
 * refused, as if nobody were there. False where nothing is known.
 */
export function isListenedAt(path: string, proc = "/proc"): boolean {
  const places = [path, placeOf(path)];
  return listeners(`${proc}/net/unix`).some(({ name }) => places.some((place) => isBoundFor(place, name)));
}

/** The listening sockets of the network name space that the file is of. */
export function listeners(table: string): { inode: string; name: string }[] {
  return read(table)
    .split("\n")
    .flatMap((line) => {
      const [, flags, inode = "", name = ""] =
        /^\s*\S+\s+\S+\s+\S+\s+(\S+)\s+\S+\s+\S+\s+(\d+)(?: (.*))?$/.exec(line) ?? [];
      return flags === acceptsFlag ? [{ inode, name }] : [];
    });
}

function isBoundFor(place: string, name: string): boolean {
  if (name === place) return true;
  // The directory in /tmp holds the sockets of many homes: there the name does not say whose it is.
  const directory = dirname(place);
  const isOurs = dirname(name) === directory && boundByDaemon.test(basename(name));
  return isOurs && directory !== socketFallbackDir();
}

function placeOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
