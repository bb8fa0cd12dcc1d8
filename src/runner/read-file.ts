// read_file: a page of numbered lines.
import { closeSync, readSync } from "node:fs";
import type { BigIntStats } from "node:fs";
import { locate, openForReading } from "./paths.ts";
import { breather, shownName, ToolFailure, type ToolContext } from "./tool.ts";

const linesDefault = 2_000;
/** A longer line (minified code, data) is shown cut. */
const lineBytesMax = 8 * 1024;
const chunkBytes = 256 * 1024;
/** Files up to this size are read to their end, to say how many lines there are. */
const countBytesMax = 64 * 1024 * 1024;
/** As git does: a NUL this early makes a file binary. */
const binaryProbeBytes = 8_000;
/** Kept free for what is said about the page. */
const noteBytes = 512;

export interface ReadFileInput {
  path: string;
  offset?: number | undefined;
  limit?: number | undefined;
}

export async function readFile(input: ReadFileInput, context: ToolContext): Promise<string> {
  const { job } = context;
  const located = locate(job.worktree_dir, input.path);
  const { fd, stat } = openForReading(located);
  try {
    refuseBinary(fd, stat, shownName(located.shown));
    const page = new Page(input.offset ?? 1, input.limit ?? linesDefault, context.bytesMax - noteBytes);
    await scan(fd, page, Number(stat.size) > countBytesMax, context.signal);
    context.reads.note(job.loop_id, job.iteration, located.path, stat);
    return page.text(shownName(located.shown));
  } finally {
    closeSync(fd);
  }
}

async function scan(fd: number, page: Page, stopWhenFull: boolean, signal: AbortSignal): Promise<void> {
  const breathe = breather(signal);
  const chunk = Buffer.allocUnsafe(chunkBytes);
  for (;;) {
    const count = readSync(fd, chunk, 0, chunk.length, null);
    if (count === 0) return page.end();
    page.push(chunk.subarray(0, count));
    if (stopWhenFull && page.full) return;
    await breathe();
  }
}

function refuseBinary(fd: number, stat: BigIntStats, name: string): void {
  const start = Buffer.alloc(binaryProbeBytes);
  const count = readSync(fd, start, 0, start.length, 0);
  if (count >= 2 && (start.readUInt16BE(0) === 0xfffe || start.readUInt16BE(0) === 0xfeff)) {
    throw new ToolFailure(`${name} is UTF-16 text. Convert it first: iconv -f UTF-16 -t UTF-8`);
  }
  if (start.subarray(0, count).includes(0)) {
    throw new ToolFailure(`${name} is a binary file (${stat.size} bytes) and is not shown`);
  }
}

/** Takes a file's bytes in order and keeps the lines of one page. */
class Page {
  readonly #first: number;
  readonly #limit: number;
  readonly #bytesMax: number;
  readonly #lines: string[] = [];
  #bytes = 0;
  /** Whole lines seen so far. */
  #count = 0;
  /** The start of the line that is being read, up to what is shown of it, and its length. */
  #open: Buffer[] = [];
  #openBytes = 0;
  #openKept = 0;
  #ended = false;
  #invalid = false;
  #carriageReturns = 0;
  full = false;

  constructor(first: number, limit: number, bytesMax: number) {
    this.#first = first;
    this.#limit = limit;
    this.#bytesMax = bytesMax;
  }

  push(bytes: Buffer): void {
    let start = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      this.#extend(bytes.subarray(start, end));
      this.#finishLine();
      start = end + 1;
    }
    this.#extend(bytes.subarray(start));
  }

  end(): void {
    if (this.#openBytes > 0) this.#finishLine();
    this.#ended = true;
  }

  text(name: string): string {
    if (this.#ended && this.#count === 0) return `(${name} is empty)`;
    if (this.#lines.length === 0) {
      throw new ToolFailure(`${name} has ${this.#count} lines: there is no line ${this.#first}`);
    }
    const last = this.#first + this.#lines.length - 1;
    const notes = [];
    if (!this.#ended) notes.push(`lines ${this.#first}–${last}; more follow: offset ${last + 1}`);
    else if (last < this.#count) {
      notes.push(`lines ${this.#first}–${last} of ${this.#count}; the next page: offset ${last + 1}`);
    }
    if (this.#carriageReturns === this.#lines.length) notes.push("lines end with CRLF");
    if (this.#invalid) notes.push("not valid UTF-8: edit_file refuses it, use run_command");
    return [...this.#lines, ...notes.map((note) => `[${note}]`)].join("\n");
  }

  #extend(bytes: Buffer): void {
    const kept = this.#wanted() ? bytes.subarray(0, Math.max(0, lineBytesMax - this.#openKept)) : null;
    if (kept?.length) this.#open.push(Buffer.from(kept));
    this.#openKept += kept?.length ?? 0;
    this.#openBytes += bytes.length;
  }

  #finishLine(): void {
    if (this.#wanted()) this.#keep(Buffer.concat(this.#open));
    this.#count++;
    this.#open = [];
    this.#openBytes = 0;
    this.#openKept = 0;
  }

  #keep(bytes: Buffer): void {
    let text = bytes.toString("utf8");
    const cut = this.#openBytes > bytes.length;
    if (cut) text = `${text.replace(/\ufffd+$/, "")} [… the line goes on: ${this.#openBytes} bytes in all]`;
    else if (!Buffer.from(text).equals(bytes)) this.#invalid = true;
    if (text.endsWith("\r")) {
      this.#carriageReturns++;
      text = text.slice(0, -1);
    }
    const line = `${String(this.#count + 1).padStart(6)}\t${text}`;
    this.#bytes += Buffer.byteLength(line) + 1;
    // One line is shown however small the limit is; paging would not get on otherwise.
    if (this.#bytes > this.#bytesMax && this.#lines.length > 0) this.full = true;
    else this.#lines.push(line);
    if (this.#lines.length >= this.#limit) this.full = true;
  }

  #wanted(): boolean {
    return !this.full && this.#count + 1 >= this.#first;
  }
}
