// Which files a loop has seen in its iteration: edit_file changes only what the model has read.
import type { BigIntStats } from "node:fs";

/** Loops remembered at once. The oldest is forgotten: its model is told to read again. */
const loopsMax = 1_000;

interface Seen {
  iteration: number;
  files: Map<string, string>;
}

export class FileReads {
  readonly #loops = new Map<string, Seen>();

  /** Notes that the loop knows the file as it is now. `path` is real. */
  note(loopId: string, iteration: number, path: string, stat: BigIntStats): void {
    let seen = this.#loops.get(loopId);
    if (seen?.iteration !== iteration) seen = { iteration, files: new Map() };
    this.#loops.delete(loopId); // the order of insertion is the order of age
    this.#loops.set(loopId, seen);
    seen.files.set(path, fingerprint(stat));
    const oldest = this.#loops.keys().next().value;
    if (this.#loops.size > loopsMax && oldest !== undefined) this.#loops.delete(oldest);
  }

  check(loopId: string, iteration: number, path: string, stat: BigIntStats): "read" | "unread" | "changed" {
    const seen = this.#loops.get(loopId);
    const known = seen?.iteration === iteration ? seen.files.get(path) : undefined;
    if (known === undefined) return "unread";
    return known === fingerprint(stat) ? "read" : "changed";
  }
}

function fingerprint(stat: BigIntStats): string {
  return `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`;
}
