// What a job prints: kept up to a limit, head and tail; all of it in a file, up to another; live in chunks.
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import { messageOf } from "../lib/errors.ts";

/** Most that a result carries, whatever a job asks for: escaped as JSON it must fit into a frame. */
const outputBytesMax = 2 * 1024 * 1024;
/** Bound of the file that holds the whole output. */
const spillBytesMaxDefault = 64 * 1024 * 1024;
/** Live output is sent at most so often, … */
const liveIntervalMs = 50;
/** … and at most so much each time. Who wants more reads the file. */
const liveCharsMax = 16 * 1024;

export type StreamName = "stdout" | "stderr";

export interface OutputOptions {
  bytesMax: number;
  /** The whole output goes there. Replaced if it exists, never followed if it is a link. */
  spillPath?: string;
  spillBytesMax?: number;
  onLive?: (stream: StreamName, text: string) => void;
}

export interface Output {
  text: string;
  truncated: boolean;
  /** Where the whole of it is; undefined where there was none, or the file could not be written. */
  path?: string;
}

/** Both streams in the order they came, as valid UTF-8 whatever they held. */
export class OutputCollector {
  readonly #kept: HeadAndTail;
  readonly #spill: Spill | null;
  readonly #live: Live | null;
  readonly #decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };

  constructor(options: OutputOptions) {
    this.#kept = new HeadAndTail(Math.min(Math.max(options.bytesMax, 1), outputBytesMax));
    this.#spill = options.spillPath
      ? new Spill(options.spillPath, options.spillBytesMax ?? spillBytesMaxDefault)
      : null;
    this.#live = options.onLive ? new Live(options.onLive) : null;
  }

  /** A character that is split between two chunks of a stream is put together again. */
  push(stream: StreamName, chunk: Buffer): void {
    this.#spill?.write(chunk);
    this.#add(stream, this.#decoders[stream].write(chunk));
  }

  finish(): Output {
    for (const stream of ["stdout", "stderr"] as const) this.#add(stream, this.#decoders[stream].end());
    this.#live?.flush();
    const path = this.#spill?.close() ?? null;
    return { ...this.#kept.result(), ...(path === null ? {} : { path }) };
  }

  #add(stream: StreamName, text: string): void {
    if (text === "") return;
    this.#kept.push(Buffer.from(text));
    this.#live?.push(stream, text);
  }
}

/** Memory is bounded by twice the limit, however much is pushed. */
class HeadAndTail {
  readonly #headMax: number;
  readonly #tailMax: number;
  #head: Buffer[] = [];
  #headBytes = 0;
  #tail: Buffer[] = [];
  #tailBytes = 0;
  #total = 0;

  constructor(bytesMax: number) {
    this.#headMax = Math.ceil(bytesMax / 2);
    this.#tailMax = Math.floor(bytesMax / 2);
  }

  push(chunk: Buffer): void {
    this.#total += chunk.length;
    const headPart = chunk.subarray(0, this.#headMax - this.#headBytes);
    if (headPart.length > 0) {
      this.#head.push(headPart);
      this.#headBytes += headPart.length;
    }
    const tailPart = chunk.subarray(headPart.length);
    if (tailPart.length === 0) return;
    this.#tail.push(
      tailPart.length > this.#tailMax ? tailPart.subarray(tailPart.length - this.#tailMax) : tailPart,
    );
    this.#tailBytes += this.#tail.at(-1)?.length ?? 0;
    // Joined only now and then: joining for each chunk would cost a flood the square of its length.
    if (this.#tailBytes > 2 * this.#tailMax || this.#tail.length > 1024) this.#trimTail();
  }

  result(): { text: string; truncated: boolean } {
    this.#trimTail();
    const head = Buffer.concat(this.#head);
    const tail = Buffer.concat(this.#tail);
    if (head.length + tail.length === this.#total) {
      return { text: Buffer.concat([head, tail]).toString("utf8"), truncated: false };
    }
    const start = head.subarray(0, wholeCharacters(head));
    const end = tail.subarray(firstCharacter(tail));
    const cut = this.#total - start.length - end.length;
    const text = `${start.toString("utf8")}\n[… ${cut} bytes of output cut here …]\n${end.toString("utf8")}`;
    return { text, truncated: true };
  }

  #trimTail(): void {
    const joined = Buffer.concat(this.#tail);
    const kept = joined.subarray(Math.max(0, joined.length - this.#tailMax));
    this.#tail = kept.length > 0 ? [Buffer.from(kept)] : [];
    this.#tailBytes = kept.length;
  }
}

/** Length without a character that has been cut off at the end. */
function wholeCharacters(bytes: Buffer): number {
  let start = bytes.length - 1;
  while (start > 0 && bytes.length - start < 4 && isContinuation(bytes[start])) start--;
  const first = bytes[start] ?? 0;
  const needed = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  return bytes.length - start < needed ? start : bytes.length;
}

/** Where the first whole character begins. */
function firstCharacter(bytes: Buffer): number {
  let start = 0;
  while (start < bytes.length && start < 4 && isContinuation(bytes[start])) start++;
  return start;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** A full disk costs the file, never the job. */
class Spill {
  readonly #path: string;
  readonly #bytesMax: number;
  #fd: number | null = null;
  #bytes = 0;
  #failed = false;

  constructor(path: string, bytesMax: number) {
    this.#path = path;
    this.#bytesMax = bytesMax;
  }

  write(chunk: Buffer): void {
    if (this.#failed || this.#bytes >= this.#bytesMax) return;
    const part = chunk.subarray(0, this.#bytesMax - this.#bytes);
    try {
      this.#fd ??= openSync(this.#path, spillFlags, 0o600);
      this.#writeAll(this.#fd, part);
      this.#bytes += part.length;
      if (this.#bytes >= this.#bytesMax) {
        this.#writeAll(this.#fd, Buffer.from(`\n[… the rest is cut: ${this.#bytesMax} bytes are kept …]\n`));
      }
    } catch (error) {
      this.#failed = true;
      console.error(`the output file ${this.#path} cannot be written: ${messageOf(error)}`);
    }
  }

  /** The path, if there is something at it. */
  close(): string | null {
    if (this.#fd === null) return null;
    closeSync(this.#fd);
    this.#fd = null;
    return this.#failed ? null : this.#path;
  }

  #writeAll(fd: number, bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
  }
}

const spillFlags =
  constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Joins what comes within an interval, and leaves out what would drown the channel. */
class Live {
  readonly #send: (stream: StreamName, text: string) => void;
  #pending: { stream: StreamName; text: string }[] = [];
  #pendingChars = 0;
  #skippedChars = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(send: (stream: StreamName, text: string) => void) {
    this.#send = send;
  }

  push(stream: StreamName, text: string): void {
    // In characters, which are three bytes at most: exactness is not worth counting a flood twice.
    const shown = text.slice(0, Math.max(0, liveCharsMax - this.#pendingChars)).toWellFormed();
    this.#skippedChars += text.length - shown.length;
    const last = this.#pending.at(-1);
    if (last?.stream === stream) last.text += shown;
    else if (shown !== "") this.#pending.push({ stream, text: shown });
    this.#pendingChars += shown.length;
    this.#timer ??= setTimeout(() => this.flush(), liveIntervalMs);
  }

  flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    for (const { stream, text } of this.#pending) this.#send(stream, text);
    if (this.#skippedChars > 0)
      this.#send("stderr", `\n[… ${this.#skippedChars} characters not shown live …]\n`);
    this.#pending = [];
    this.#pendingChars = 0;
    this.#skippedChars = 0;
  }
}
