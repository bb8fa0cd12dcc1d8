// The files of the home, opened only where they are files: to open a FIFO is to wait for its other end, for ever.
import { closeSync, constants, fstatSync, openSync, readFileSync } from "node:fs";
import { systemCode } from "./errors.ts";

/**
 * Like `openSync`, and never waits. Throws a system error `EFTYPE` where a FIFO, a device, a socket or a
 * directory is in the file's place.
 */
export function openRegular(path: string, flags: number, mode?: number): number {
  let fd: number;
  try {
    fd = openSync(path, flags | constants.O_NONBLOCK, mode);
  } catch (error) {
    // A FIFO that nobody reads, a socket; a directory that is to be written to.
    if (["ENXIO", "EISDIR"].includes(systemCode(error))) throw notRegular(path, error);
    throw error;
  }
  if (fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw notRegular(path);
}

/** The whole of a file. Throws as `openRegular` does. */
export function readRegular(path: string): Buffer {
  const fd = openRegular(path, constants.O_RDONLY);
  try {
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

function notRegular(path: string, cause?: unknown): Error {
  return Object.assign(new Error(`${path} is not a regular file`, { cause }), { code: "EFTYPE" });
}
