// The files of the home, opened only where they are files: to open a FIFO is to wait for its other end, for ever.
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from "node:fs";
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

/** The whole of a file, however large it is. Throws as `openRegular` does. */
export function readRegular(path: string): Buffer {
  const fd = openRegular(path, constants.O_RDONLY);
  try {
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** What is larger is none of the small files of a home. */
export const smallBytesMax = 64 * 1024;

/** The whole of a small file. Throws as `openRegular` does, and `EFBIG` where it is not small. */
export function readSmall(path: string, bytesMax = smallBytesMax): string {
  const bytes = readTail(path, bytesMax + 1);
  if (bytes.length <= bytesMax) return bytes.toString("utf8");
  throw Object.assign(new Error(`${path} is larger than ${bytesMax} bytes`), { code: "EFBIG" });
}

/** The last bytes of a file, however large it is, and of those only what is behind `from`. Throws as `openRegular` does. */
export function readTail(path: string, bytesMax: number, from = 0): Buffer {
  const fd = openRegular(path, constants.O_RDONLY);
  try {
    const { size } = fstatSync(fd);
    const start = Math.max(from, size - bytesMax);
    const buffer = Buffer.alloc(Math.max(0, size - start));
    let read = 0;
    while (read < buffer.length) {
      const got = readSync(fd, buffer, read, buffer.length - read, start + read);
      if (got === 0) break;
      read += got;
    }
    return buffer.subarray(0, read);
  } finally {
    closeSync(fd);
  }
}

function notRegular(path: string, cause?: unknown): Error {
  return Object.assign(new Error(`${path} is not a regular file`, { cause }), { code: "EFTYPE" });
}
