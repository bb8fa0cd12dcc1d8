// Writing and looking at the standard descriptors without Node's streams for them, whose set-up costs a
// short command half of its time and makes the descriptor non-blocking for everyone who shares it.
import { fstatSync, statSync, writeSync } from "node:fs";
import { LooprError, messageOf, systemCode } from "./errors.ts";

type Descriptor = 0 | 1 | 2;

/** How long to wait when a reader is slow, before trying again. */
const fullPipeRetryMs = 2;

/**
 * Writes everything before it returns. A reader who has gone (`loopr … | head`) ends the process quietly:
 * that is no error of ours. Throws LooprError `output_failed` where stdout cannot be written, a full disk for
 * one; what cannot be said on stderr cannot be said anywhere.
 */
export function writeOut(fd: 1 | 2, text: string): void {
  let rest: Uint8Array = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      const code = systemCode(error);
      if (code === "EPIPE") process.exit(0);
      if (code === "EBADF") return; // Started with the descriptor closed.
      if (code !== "EAGAIN") {
        if (fd === 2) return;
        throw outputFailed(error);
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, fullPipeRetryMs);
    }
  }
}

function outputFailed(cause: unknown): LooprError {
  return new LooprError(
    "output_failed",
    `standard output cannot be written: ${messageOf(cause)}`,
    systemCode(cause) === "ENOSPC"
      ? "make room where the output goes to, or send it elsewhere"
      : "send the output elsewhere",
    { cause },
  );
}

/** Whether a descriptor is a terminal. What cannot be one is told without loading the module that knows. */
export function isTerminal(fd: Descriptor): boolean {
  try {
    const stats = fstatSync(fd);
    if (!stats.isCharacterDevice() || stats.rdev === statSync("/dev/null").rdev) return false;
  } catch {
    return false;
  }
  return process.getBuiltinModule("node:tty").isatty(fd);
}
