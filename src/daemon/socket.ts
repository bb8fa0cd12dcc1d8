// The listening socket: published whole under its name, by rename, and taken away only where it is still ours.
import { chmodSync, lstatSync, renameSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { LooprError, messageOf } from "../lib/errors.ts";
import type { Vacancy } from "./socket-place.ts";

export interface PublishedSocket {
  readonly path: string;
  /** Whether the name still leads to us. */
  isPublished(): boolean;
  /** Stops listening and takes the name away if it still leads to us. Connections live on. */
  close(): void;
}

/**
 * Binds a temporary name, makes it 0600 and renames it to `path`: nobody ever connects to a socket that is
 * not yet private, and the server's own clean-up (of the name that it bound) cannot hit a successor's.
 * What is at `path` has to be what `vacancyAt` found there.
 */
export async function publishSocket(
  path: string,
  vacancy: Vacancy,
  onConnection: (socket: Socket) => void,
): Promise<PublishedSocket> {
  const temporary = join(dirname(path), `.${process.pid.toString(36)}`);
  const server = createServer({ allowHalfOpen: true }, onConnection);
  try {
    removeSocket(temporary);
    await listen(server, temporary);
    chmodSync(temporary, 0o600);
    const own = inodeOf(temporary);
    if (inodeOf(path) !== vacancy.staleInode) throw new Error("something took its place just now");
    renameSync(temporary, path);
    return {
      path,
      isPublished: () => inodeOf(path) === own,
      close: () => {
        if (inodeOf(path) === own) rmSync(path, { force: true });
        server.close();
      },
    };
  } catch (error) {
    server.close();
    removeSocket(temporary);
    throw socketUnusable(path, error);
  }
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

function inodeOf(path: string): number | null {
  try {
    return lstatSync(path).ino;
  } catch {
    return null;
  }
}
