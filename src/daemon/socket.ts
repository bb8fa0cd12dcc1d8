// The listening socket: published whole under its name, by rename, and taken away only where it is still ours.
import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { LooprError, messageOf, systemCode } from "../lib/errors.ts";
import { socketFallbackDir } from "../lib/paths.ts";
import { checkPrivate } from "./home.ts";

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
 */
export async function publishSocket(
  path: string,
  onConnection: (socket: Socket) => void,
): Promise<PublishedSocket> {
  prepareDirectory(dirname(path));
  const temporary = join(dirname(path), `.${process.pid.toString(36)}`);
  rmSync(temporary, { force: true });
  const server = createServer({ allowHalfOpen: true }, onConnection);
  try {
    await listen(server, temporary);
    chmodSync(temporary, 0o600);
    const own = inodeOf(temporary);
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
    rmSync(temporary, { force: true });
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

/** A socket that does not fit into its home lives in a directory that anyone could have made before us. */
function prepareDirectory(directory: string): void {
  if (directory !== socketFallbackDir()) return;
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw socketUnusable(directory, error);
  }
  checkPrivate(directory, "set LOOPR_SOCKET to a path of your own, or LOOPR_HOME to a shorter one");
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
