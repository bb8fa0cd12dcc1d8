// The place of the daemon's socket, looked at before anything is put there: what is another's stays.
import { lstatSync, mkdirSync, readlinkSync, statSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ask, handshakeMs, type Answer } from "../client/ask.ts";
import { LooprError, messageOf, systemCode } from "../lib/errors.ts";
import { fallbackSocketPath, socketFallbackDir, userHome } from "../lib/paths.ts";
import { build, version } from "../lib/version.ts";
import { protocolVersion } from "../protocol/messages.ts";
import { isInEmptied } from "../sandbox/emptied.ts";
import { checkPrivate } from "./home.ts";

/** A daemon that has lost its lock finds that out within 5 s and ends. */
const predecessorMs = 15_000;
const predecessorPollMs = 500;

export interface Vacancy {
  /** Where the socket itself goes. Where that is not its path, the path is a link to it. */
  place: string;
  /** Of the socket there that a daemon before us left and nobody listens on; null: there is nothing. */
  staleInode: number | null;
  /** Of what a daemon before us left at the path. */
  staleNameInode: number | null;
}

/**
 * Makes sure that nobody listens at the path and that nothing but a dead socket of ours would be replaced.
 * To be called with the lock held. Throws `socket_taken` or `socket_unusable`, both naming the path.
 */
export async function vacancyAt(
  path: string,
  dataDir: string,
  onProgress: (text: string) => void,
): Promise<Vacancy> {
  const place = hiddenPlaceOf(path, dataDir);
  const staleNameInode = ownLinkAt(path, place) ?? (await deadSocketAt(path, dataDir, onProgress));
  const staleInode = place === path ? staleNameInode : await deadSocketAt(place, dataDir, onProgress);
  return { place, staleInode, staleNameInode };
}

/**
 * A job that may use Unix sockets reaches every socket that it can see: nothing in the rights of a file tells
 * it from us, and the protocol knows no password. So the socket itself is always where no job of any daemon
 * sees anything: in /tmp and the like, and in `~/.loopr`. Another home is hidden from its own jobs only.
 */
function hiddenPlaceOf(path: string, dataDir: string): string {
  const directory = dirname(path);
  if (directory === socketFallbackDir()) return path;
  const user = userHome();
  const isHiddenHome = isInEmptied(dataDir) || (user !== null && dataDir === join(user, ".loopr"));
  return directory === dataDir && isHiddenHome ? path : fallbackSocketPath(path);
}

/** The inode of a link that leads to the place of our socket: only a daemon of ours makes such. */
function ownLinkAt(path: string, place: string): number | null {
  try {
    return readlinkSync(path) === place ? lstatSync(path).ino : null;
  } catch {
    return null;
  }
}

async function deadSocketAt(
  path: string,
  dataDir: string,
  onProgress: (text: string) => void,
): Promise<number | null> {
  prepareDirectory(dirname(path));
  const deadline = Date.now() + predecessorMs;
  for (;;) {
    const stats = statsOf(path);
    if (stats === null) return null;
    checkReplaceable(path, stats, dataDir);
    const hello = { version, build, protocol: protocolVersion, client: "daemon" };
    const answer = await ask(path, hello, Date.now() + handshakeMs);
    if (answer.kind === "nobody") return stats.ino;
    if (answer.kind === "connected") answer.connection.close();
    const predecessor = answer.kind === "connected" && answer.server.home === dataDir ? answer.server : null;
    if (predecessor === null || Date.now() > deadline) throw taken(path, answer);
    onProgress(`waiting for the daemon that has lost its lock (PID ${predecessor.pid}) to end`);
    await sleep(predecessorPollMs);
  }
}

function taken(path: string, answer: Exclude<Answer, { kind: "nobody" }>): LooprError {
  return new LooprError(
    "socket_taken",
    `the socket ${path} is in use: ${whoAnswers(answer)}`,
    answer.kind === "connected" || answer.kind === "original"
      ? "stop that daemon with the settings that it was started with, or set LOOPR_SOCKET to another path"
      : "end that program, or set LOOPR_SOCKET to another path",
  );
}

function whoAnswers(answer: Exclude<Answer, { kind: "nobody" }>): string {
  switch (answer.kind) {
    case "connected":
      return `the Loopr daemon of ${answer.server.home} (PID ${answer.server.pid}) answers there`;
    case "original":
      return `a daemon of the original Loopr (${answer.version}) answers there`;
    case "refuses":
      return `a daemon answers there that refuses us: ${answer.error.message}`;
    case "silent":
      return "something that is not responding listens there";
    case "closes":
      return "something that is not Loopr listens there, and closes every connection";
    case "stranger":
      return "something that is not Loopr answers there";
  }
}

function checkReplaceable(path: string, stats: Stats, dataDir: string): void {
  if (!stats.isSocket()) {
    throw new LooprError(
      "socket_unusable",
      `the daemon's socket cannot be made: ${path} is ${kindOf(stats)}, which is left alone`,
      stats.isDirectory() && dirname(path) !== dataDir
        ? `the path of the socket itself is wanted, such as LOOPR_SOCKET='${path.replace(/\/$/, "")}/loopr.sock'`
        : "move it away, or set LOOPR_SOCKET to a path where nothing is",
    );
  }
  const uid = process.getuid?.() ?? stats.uid;
  if (stats.uid === uid) return;
  throw new LooprError(
    "socket_unusable",
    `the socket ${path} belongs to another user (uid ${stats.uid})`,
    "set LOOPR_SOCKET to a path of your own",
  );
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "a directory";
  if (stats.isSymbolicLink()) return "a symbolic link";
  return stats.isFile() ? "a file" : "no socket";
}

function statsOf(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw unusable(path, messageOf(error), "set LOOPR_SOCKET to another path", error);
  }
}

/** A socket that cannot be in its home lives in a directory that anyone could have made before us. */
function prepareDirectory(directory: string): void {
  if (directory !== socketFallbackDir()) {
    checkDirectory(directory);
    return;
  }
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw unusable(directory, messageOf(error), "", error);
  }
  checkPrivate(directory, "have it removed, or use the home ~/.loopr and no LOOPR_SOCKET");
}

function checkDirectory(directory: string): void {
  const hint = `make it (mkdir -p '${directory}'), or set LOOPR_SOCKET to another path`;
  try {
    if (statSync(directory).isDirectory()) return;
  } catch (error) {
    const missing = systemCode(error) === "ENOENT";
    throw unusable(directory, missing ? "the directory does not exist" : messageOf(error), hint, error);
  }
  throw unusable(directory, "it is not a directory", "set LOOPR_SOCKET to another path");
}

function unusable(path: string, what: string, hint: string, cause?: unknown): LooprError {
  const message = `the daemon's socket cannot be made in ${path}: ${what}`;
  return new LooprError("socket_unusable", message, hint, { cause });
}
