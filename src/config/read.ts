// Reads small files that somebody else wrote: bounded, and never blocked by what is not a regular file.
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { LooprError, messageOf, systemCode } from "../lib/errors.ts";

/** No configuration and no manifest that is worth reading is longer. Bytes. */
const fileBytesMax = 64 * 1024;

/**
 * The text of a file; null where there is none. Throws `config_invalid` for what cannot be read: a
 * directory, a pipe, a file that is too long, one without permission, bytes that are not UTF-8.
 */
export function readSmallFile(path: string, bytesMax = fileBytesMax): string | null {
  const unreadable = (why: string, cause?: unknown) =>
    new LooprError(
      "config_invalid",
      `${path} cannot be read: ${why}`,
      "replace, repair or remove that file",
      {
        cause,
      },
    );
  let fd: number;
  try {
    // O_NONBLOCK: opening a named pipe would otherwise wait for a writer for ever.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error))) return null;
    throw unreadable(systemCode(error) === "EACCES" ? "permission denied" : messageOf(error), error);
  }
  try {
    if (!fstatSync(fd).isFile()) throw unreadable("it is not a regular file");
    const buffer = Buffer.alloc(bytesMax + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got) {
      got = readSync(fd, buffer, length, buffer.length - length, length);
    }
    if (length > bytesMax) throw unreadable(`it is longer than ${bytesMax / 1024} KiB`);
    return decode(buffer.subarray(0, length)) ?? fail(unreadable("it is not UTF-8 text"));
  } finally {
    closeSync(fd);
  }
}

function decode(bytes: Buffer): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

function fail(error: Error): never {
  throw error;
}
