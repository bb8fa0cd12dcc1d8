// Codec of the client protocol: UTF-8 JSON Lines.

export type Line = { kind: "line"; text: string } | { kind: "too_long" };

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
      const text = this.#take(piece);
      if (text !== "") lines.push({ kind: "line", text });
      start = end + 1;
    }
    return lines;
  }

  #take(last: Buffer): string {
    const whole = this.#chunks.length ? Buffer.concat([...this.#chunks, last]) : last;
    this.#chunks = [];
    this.#length = 0;
    return whole.toString("utf8").trim();
  }
}

export function encodeLine(message: unknown): string {
  return JSON.stringify(message) + "\n";
}
