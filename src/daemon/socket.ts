// The listening socket: published whole under its name, by rename, and taken away only where it is still ours.
import { chmodSync, lstatSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { LooprError, messageOf, systemCode } from "../lib/errors.ts";
import type { Vacancy } from "./socket-place.ts";

const privateMode = 0o600;

export interface PublishedSocket {
  readonly path: string;
  /** Whether the name still leads to us. Throws where that cannot be seen. */
  isPublished(): boolean;
  /** Makes it private again where somebody changed its mode: true where it had to. Throws where it cannot. */
  repairMode(): boolean;
  /** Takes the name away if it still leads to us, and stops listening even where that fails. Connections live on. */
  close(): void;
}

/**
 * Binds a temporary name, makes it 0600 and renames it to its place: nobody ever connects to a socket that
 * is not yet private, and the server's own clean-up (of the name that it bound) cannot hit a successor's.
 * What is there, and at `path`, has to be what `vacancyAt` found.
 */
export async function publishSocket(
  path: string,
  vacancy: Vacancy,
  onConnection: (socket: Socket) => void,
): Promise<PublishedSocket> {
  const { place } = vacancy;
  const temporary = temporaryBeside(place);
  const server = createServer({ allowHalfOpen: true }, onConnection);
  try {
    removeSocket(temporary);
    await listen(server, temporary);
    chmodSync(temporary, privateMode);
    const own = inodeOf(temporary);
    if (inodeOf(place) !== vacancy.staleInode) throw new Error("something took its place just now");
    renameSync(temporary, place);
    if (place !== path) publishLink(path, vacancy);
    const isNamed = (): boolean => place === path || linkTargetOf(path) === place;
    return {
      path,
      isPublished: () => inodeOf(place) === own && isNamed(),
      repairMode: () => {
        const stats = lstatSync(place, { throwIfNoEntry: false });
        if (stats?.ino !== own || (stats.mode & 0o777) === privateMode) return false;
        chmodSync(place, privateMode);
        return true;
      },
      close: () => {
        try {
          if (inodeOf(place) !== own) return;
          if (isNamed()) rmSync(path, { force: true });
          rmSync(place, { force: true });
        } finally {
          server.close();
        }
      },
    };
  } catch (error) {
    server.close();
    removeSocket(temporary);
    throw socketUnusable(path, error);
  }
}

/** A failure leaves the socket at its place: nobody listens there, and the next daemon takes it over. */
function publishLink(path: string, { place, staleNameInode }: Vacancy): void {
  const temporary = temporaryBeside(path);
  if (linkTargetOf(temporary) !== null) rmSync(temporary, { force: true });
  symlinkSync(place, temporary);
  try {
    if (inodeOf(path) !== staleNameInode) throw new Error("something took its place just now");
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function temporaryBeside(path: string): string {
  return join(dirname(path), `.${process.pid.toString(36)}`);
}

function socketUnusable(path: string, cause: unknown): LooprError {
  return new LooprError(
    "socket_unusable",
    `the socket ${path} cannot be made: ${messageOf(cause)}`,
    "remove what is in its place, or set LOOPR_SOCKET to another path",
    { cause },
  );
}

/** Of a name that is ours by its number only: a file that someone has there is not. */
function removeSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path, { force: true });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.removeListener("error", reject);
      server.on("error", () => {}); // A failed accept costs that connection, not the daemon.
      resolve();
    });
  });
}

/** Null where there is no link. */
function linkTargetOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (["ENOENT", "EINVAL"].includes(systemCode(error))) return null;
    throw error;
  }
}

function inodeOf(path: string): number | null {
  return lstatSync(path, { throwIfNoEntry: false })?.ino ?? null;
}
