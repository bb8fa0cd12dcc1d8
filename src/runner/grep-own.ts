// grep's own search, for machines without ripgrep, with ripgrep's results.
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { linesPerFileMax, patternFailure, type FoundFile, type FoundLine, type Search } from "./grep.ts";
import { compileRegex, type LineMatcher } from "./regex/match.ts";
import { RegexError } from "./regex/parse.ts";
import { breather } from "./tool.ts";

const chunkBytes = 1024 * 1024;
/** UTF-16 files are converted as a whole; larger ones are not searched. */
const utf16BytesMax = 64 * 1024 * 1024;

export async function searchOurselves(search: Search): Promise<{ unreadable: number }> {
  const matcher = compile(search.pattern);
  const breathe = breather(search.signal);
  let unreadable = 0;
  for (const path of search.files) {
    await breathe();
    const fd = openFile(join(search.worktree, path));
    if (fd === null) {
      unreadable++;
      continue;
    }
    try {
      const found = await searchFile(fd, path, new LineScan(matcher, search.context), breathe);
      if (found && !search.onFile(found)) break;
    } catch (error) {
      search.signal.throwIfAborted();
      if (!(error instanceof Error && "syscall" in error)) throw error;
      unreadable++;
    } finally {
      closeSync(fd);
    }
  }
  return { unreadable };
}

function compile(pattern: string): LineMatcher {
  try {
    return compileRegex(pattern);
  } catch (error) {
    if (error instanceof RegexError) throw patternFailure(error.message);
    throw error;
  }
}

/** Null: nothing found, or a binary file. */
async function searchFile(
  fd: number,
  path: string,
  scan: LineScan,
  breathe: () => Promise<void> | void,
): Promise<FoundFile | null> {
  const chunk = Buffer.allocUnsafe(chunkBytes);
  let first = true;
  for (;;) {
    const count = readSync(fd, chunk, 0, chunk.length, null);
    if (count === 0) break;
    const bytes = chunk.subarray(0, count);
    const utf16 = first ? utf16Decoder(bytes) : null;
    if (utf16) {
      const text = utf16.decode(wholeFile(fd));
      scan.push(Buffer.from(text));
      break;
    }
    if (bytes.includes(0)) return null;
    const hasMark = first && count >= 3 && bytes.readUIntBE(0, 3) === 0xefbbbf;
    scan.push(hasMark ? bytes.subarray(3) : bytes);
    first = false;
    await breathe();
  }
  const lines = scan.end();
  return lines.length > 0 ? { path, lines } : null;
}

/** Takes a file's bytes in order; collects the lines that match and those around them. */
class LineScan {
  readonly #matcher: LineMatcher;
  readonly #context: number;
  readonly #lines: FoundLine[] = [];
  /** The last lines that did not match, in case the next one does. */
  #before: FoundLine[] = [];
  #afterLeft = 0;
  #number = 0;
  #open: Buffer[] = [];

  constructor(matcher: LineMatcher, context: number) {
    this.#matcher = matcher;
    this.#context = context;
  }

  push(bytes: Buffer): void {
    let start = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, start)) {
      if (this.#open.length > 0) this.#joined(bytes.subarray(start, end));
      else this.#line(bytes, start, end);
      start = end + 1;
    }
    if (start < bytes.length) this.#open.push(Buffer.from(bytes.subarray(start)));
  }

  end(): FoundLine[] {
    if (this.#open.length > 0) this.#joined(Buffer.alloc(0));
    return this.#lines;
  }

  #joined(rest: Buffer): void {
    const line = Buffer.concat([...this.#open, rest]);
    this.#open = [];
    this.#line(line, 0, line.length);
  }

  #line(bytes: Buffer, start: number, end: number): void {
    this.#number++;
    if (this.#lines.length >= linesPerFileMax) return;
    const found = (match: boolean) => ({
      number: this.#number,
      bytes: Buffer.from(bytes.subarray(start, end)),
      match,
    });
    if (this.#matcher.matches(bytes, start, end)) {
      this.#lines.push(...this.#before, found(true));
      this.#before = [];
      this.#afterLeft = this.#context;
    } else if (this.#afterLeft > 0) {
      this.#lines.push(found(false));
      this.#afterLeft--;
    } else if (this.#context > 0) {
      this.#before.push(found(false));
      if (this.#before.length > this.#context) this.#before.shift();
    }
  }
}

function openFile(path: string): number | null {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
  } catch {
    // Not ours to read, or gone since it was listed.
  }
  return null;
}

function utf16Decoder(start: Buffer): InstanceType<typeof TextDecoder> | null {
  const mark = start.length >= 2 ? start.readUInt16BE(0) : 0;
  if (mark !== 0xfffe && mark !== 0xfeff) return null;
  return new TextDecoder(mark === 0xfffe ? "utf-16le" : "utf-16be");
}

function wholeFile(fd: number): Buffer {
  const size = Math.min(fstatSync(fd).size, utf16BytesMax);
  const bytes = Buffer.alloc(size);
  let at = 0;
  while (at < size) {
    const count = readSync(fd, bytes, at, size - at, at);
    if (count === 0) break;
    at += count;
  }
  return bytes.subarray(0, at);
}
