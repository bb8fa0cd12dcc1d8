// Codec of the client protocol: UTF-8 JSON Lines.
import { isUtf8 } from "node:buffer";

export type Line = { kind: "line"; text: string } | { kind: "not_utf8" } | { kind: "too_long" };

const newline = 0x0a;
/** What stands for broken bytes in a decoded text. */
const replacementCharacter = "\ufffd";

/**
 * Splits bytes, arriving in any pieces, into lines. `\r\n` is tolerated and blank lines are skipped.
 * After `too_long` the stream is unusable: the caller closes it.
 */
export class LineDecoder {
  readonly #bytesMax: number;
  #chunks: Buffer[] = [];
  #length = 0;
  #broken = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  push(chunk: Buffer): Line[] {
    if (this.#broken) return [];
    const end = chunk.lastIndexOf(newline);
    // Many short lines at once, as most chunks are: one conversion for all of them.
    const whole = end >= 0 && this.#length + chunk.length <= this.#bytesMax ? this.#take(chunk, end) : null;
    const text = whole?.toString("utf8") ?? replacementCharacter;
    if (whole === null || (text.includes(replacementCharacter) && !isUtf8(whole))) {
      return this.#oneByOne(whole === null ? chunk : Buffer.concat([whole, chunk.subarray(end)]));
    }
    this.#keep(chunk.subarray(end + 1));
    const lines = text.split("\n").map((line) => line.trim());
    return lines.filter((line) => line !== "").map((line): Line => ({ kind: "line", text: line }));
  }

  /** For lines that are long, or are not UTF-8, which has to be known of each. */
  #oneByOne(chunk: Buffer): Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(newline, start);
      const piece = end < 0 ? chunk.subarray(start) : chunk.subarray(start, end);
      if (this.#length + piece.length > this.#bytesMax) {
        this.#broken = true;
        this.#chunks = [];
        lines.push({ kind: "too_long" });
        return lines;
      }
      if (end < 0) {
        this.#keep(piece);
        return lines;
      }
      const whole = this.#take(chunk.subarray(start), end - start);
      const text = whole.toString("utf8").trim();
      if (!isUtf8(whole)) lines.push({ kind: "not_utf8" });
      else if (text !== "") lines.push({ kind: "line", text });
      start = end + 1;
    }
  }

  /** What was kept, and the chunk up to `end`. */
  #take(chunk: Buffer, end: number): Buffer {
    const last = chunk.subarray(0, end);
    const whole = this.#chunks.length > 0 ? Buffer.concat([...this.#chunks, last]) : last;
    this.#chunks = [];
    this.#length = 0;
    return whole;
  }

  #keep(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#chunks.push(piece);
    this.#length += piece.length;
  }
}

export function encodeLine(message: unknown): string {
  return JSON.stringify(message) + "\n";
}
