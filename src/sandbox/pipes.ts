// Real pipes for what a job prints. The runtime's own "pipe" is a socket, and `echo oops > /dev/stderr`
// fails on a socket with "No such device or address": a check would fail here that passes in a terminal.
// The runtime cannot make pipes, so they are made as FIFOs, opened, and unlinked at once.
import { execFile } from "node:child_process";
import { closeSync, constants, mkdirSync, openSync, readSync, rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { LooprError, messageOf, systemCode } from "../lib/errors.ts";

/** Made by one `mkfifo`, so that most jobs wait for none. */
const fifosPerBatch = 16;
const readBytes = 64 * 1024;
/** After so many full reads other work gets its turn. */
const readsPerTurn = 16;
/** How long a silent pipe is left alone, at most. */
const pollMsMax = 20;

export interface Pipe {
  readFd: number;
  writeFd: number;
}

/** FIFOs made ahead, in a private directory. */
export class PipeSource {
  /** Private; made with the first pipe. */
  readonly directory: string;
  #names: string[] = [];
  #made = 0;
  #filling: Promise<void> | null = null;

  constructor(directory: string) {
    this.directory = directory;
  }

  async take(): Promise<Pipe> {
    while (this.#names.length === 0) await this.#fill();
    const path = join(this.directory, this.#names.pop() ?? "");
    if (this.#names.length < fifosPerBatch / 4) void this.#fill().catch(() => {}); // the next take() reports it
    // Without O_NONBLOCK an open for reading would wait for a writer.
    const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writeFd = openSync(path, constants.O_WRONLY);
    unlinkSync(path);
    return { readFd, writeFd };
  }

  close(): void {
    this.#names = [];
    rmSync(this.directory, { recursive: true, force: true });
  }

  #fill(): Promise<void> {
    this.#filling ??= this.#make().finally(() => (this.#filling = null));
    return this.#filling;
  }

  async #make(): Promise<void> {
    const names = Array.from({ length: fifosPerBatch }, () => `pipe-${this.#made++}`);
    try {
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      const paths = names.map((name) => join(this.directory, name));
      await promisify(execFile)("mkfifo", ["-m", "600", "--", ...paths]);
    } catch (cause) {
      const message = `no pipes can be made in ${this.directory}: ${messageOf(cause)}`;
      throw new LooprError(
        "pipes_unavailable",
        message,
        "install coreutils (mkfifo), and make room on the disk",
        {
          cause,
        },
      );
    }
    this.#names.push(...names);
  }
}

export interface PipeReader {
  /** Settles at the end of the stream: when every process that held the pipe has closed it. */
  ended: Promise<void>;
  /** Reads what is there now and closes, whoever still holds the other end. */
  finish(): void;
}

/** Reads a pipe to its end. Always: a job must never block on a full pipe. */
export function readPipe(fd: number, onData: (chunk: Buffer) => void): PipeReader {
  const buffer = Buffer.allocUnsafe(readBytes);
  let open = true;
  let pauseMs = 1;
  let cancelNext = () => {};
  let markEnded = () => {};
  const ended = new Promise<void>((resolve) => (markEnded = resolve));

  const close = (): void => {
    if (!open) return;
    open = false;
    cancelNext();
    closeSync(fd);
    markEnded();
  };
  /** Whether there may be more at once. */
  const readAvailable = (reads: number): boolean => {
    for (let n = 0; n < reads && open; n++) {
      const count = readSome(fd, buffer);
      if (count === null) return false;
      if (count === 0) close();
      else onData(Buffer.from(buffer.subarray(0, count)));
    }
    return open;
  };
  const turn = (): void => {
    if (readAvailable(readsPerTurn)) {
      pauseMs = 1;
      const next = setImmediate(turn);
      cancelNext = () => clearImmediate(next);
    } else if (open) {
      const next = setTimeout(turn, pauseMs);
      pauseMs = Math.min(pauseMs * 2, pollMsMax);
      cancelNext = () => clearTimeout(next);
    }
  };
  turn();
  return {
    ended,
    finish: () => {
      // A pipe holds 64 KiB by default and 1 MiB at most: whoever still writes does not keep us here.
      readAvailable((1024 * 1024) / readBytes + 1);
      close();
    },
  };
}

/** Null: nothing there now. 0: the end. */
function readSome(fd: number, buffer: Buffer): number | null {
  try {
    return readSync(fd, buffer, 0, buffer.length, null);
  } catch (error) {
    if (systemCode(error) === "EAGAIN" || systemCode(error) === "EINTR") return null;
    return 0;
  }
}
