// The last lines of a file, read backwards from its end: as far as it takes, and no further.
import { readSync } from "node:fs";

const blockBytes = 512 * 1024;
/** A daemon's own lines are far shorter. What is longer is named and left out: it would fill the memory. */
const lineBytesMax = 16 * 1024 * 1024;
const newline = 0x0a;

export interface LastLines {
  /** In the order of the file. */
  lines: string[];
  /** What follows the last newline. */
  open: Buffer;
}

/** So many of the whole lines that are wanted, of the file's first `size` bytes. Blank ones count as none. */
export function lastLines(
  fd: number,
  size: number,
  count: number,
  isWanted: (line: string) => boolean,
): LastLines {
  const lines: string[] = [];
  let open: Buffer | null = null;
  let rest = new LineEnd();
  const take = (): void => {
    if (open === null) open = rest.bytes();
    else {
      const line = rest.text();
      if (line !== "" && isWanted(line)) lines.push(line);
    }
    rest = new LineEnd();
  };
  let end = size;
  while (end > 0 && lines.length < count) {
    const start = Math.max(0, end - blockBytes);
    const block = Buffer.alloc(end - start);
    let to = readSync(fd, block, 0, block.length, start);
    while (to > 0 && lines.length < count) {
      const at = block.lastIndexOf(newline, to - 1);
      rest.prepend(block.subarray(at + 1, to));
      to = Math.max(0, at);
      if (at >= 0) take();
    }
    end = start;
  }
  if (lines.length < count) take();
  return { lines: lines.reverse(), open: open ?? Buffer.alloc(0) };
}

/** A line whose beginning has not been reached. */
class LineEnd {
  #pieces: Buffer[] = [];
  #length = 0;

  prepend(piece: Buffer): void {
    this.#length += piece.length;
    if (this.#length > lineBytesMax) this.#pieces = [];
    else this.#pieces.unshift(piece);
  }

  bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  text(): string {
    if (this.#length <= lineBytesMax) return this.bytes().toString("utf8");
    return `(a line of ${Math.round(this.#length / 1024 / 1024)} MB is left out)`;
  }
}
