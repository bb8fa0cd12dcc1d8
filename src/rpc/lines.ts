// Codec of the client protocol: UTF-8 JSON Lines.
import { isUtf8 } from "node:buffer";

export type Line = { kind: "line"; text: string } | { kind: "not_utf8" } | { kind: "too_long" };

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
    const lines: Line[] = [];
    let start = 0;
    while (!this.#broken) {
      const end = chunk.indexOf(0x0a, start);
      const piece = end < 0 ? chunk.subarray(start) : chunk.subarray(start, end);
      this.#length += piece.length;
      if (this.#length > this.#bytesMax) {
        this.#broken = true;
        this.#chunks = [];
        lines.push({ kind: "too_long" });
        break;
      }
      if (end < 0) {
        if (piece.length) this.#chunks.push(piece);
        break;
      }
      const line = this.#take(piece);
      if (line.kind !== "line" || line.text !== "") lines.push(line);
      start = end + 1;
    }
    return lines;
  }

  #take(last: Buffer): Line {
    const whole = this.#chunks.length ? Buffer.concat([...this.#chunks, last]) : last;
    this.#chunks = [];
    this.#length = 0;
    const text = whole.toString("utf8");
    // Only a text that holds the character, its own or for broken bytes, needs the second look.
    if (text.includes(replacementCharacter) && !isUtf8(whole)) return { kind: "not_utf8" };
    return { kind: "line", text: text.trim() };
  }
}

export function encodeLine(message: unknown): string {
  return JSON.stringify(message) + "\n";
}
