// What loops say and run, live: the stored output and the chunks that come in, joined without gap or repetition.
import { plain } from "../lib/plain.ts";

/** So much of what was shown is kept to recognise where a text read anew goes on. UTF-16 units. */
const tailUnits = 1024;
/** A line without end is shown when it is this long. UTF-16 units. */
const openLineUnitsMax = 4096;

interface Source {
  /** The end of everything taken so far. */
  tail: string;
  /** What comes after the last line end. */
  open: string;
  /** Chunks that arrive while the stored output is being read; null: none is. */
  held: string | null;
}

export class Transcript {
  readonly #write: (lines: string) => void;
  readonly #header: (id: string) => string;
  readonly #sources = new Map<string, Source>();
  #speaker: string | null = null;

  /** `header` announces whose output follows, where several loops speak. */
  constructor(write: (lines: string) => void, header: (id: string) => string) {
    this.#write = write;
    this.#header = header;
  }

  /** The loops whose output has been shown. */
  get ids(): string[] {
    return [...this.#sources.keys()];
  }

  chunk(id: string, text: string): void {
    const source = this.#source(id);
    if (source.held === null) this.#take(id, source, text);
    else source.held += text;
  }

  /** Call before the stored output is asked for; `stored` with the answer, or null where there was none. */
  reading(id: string): (stored: string | null) => void {
    const source = this.#source(id);
    source.held ??= "";
    return (stored) => {
      const held = source.held ?? "";
      source.held = null;
      if (stored === null) {
        this.#take(id, source, held);
        return;
      }
      this.#take(id, source, afterTail(source.tail, stored));
      this.#take(id, source, afterOverlap(stored, held));
    };
  }

  /** Shows what has no line end. */
  flush(): void {
    for (const [id, source] of this.#sources) this.#flush(id, source);
  }

  #source(id: string): Source {
    const known = this.#sources.get(id);
    if (known) return known;
    const source: Source = { tail: "", open: "", held: null };
    this.#sources.set(id, source);
    return source;
  }

  #take(id: string, source: Source, text: string): void {
    if (text === "") return;
    source.tail = (source.tail + text).slice(-tailUnits);
    const all = source.open + text;
    const end = all.length > openLineUnitsMax ? all.length : all.lastIndexOf("\n") + 1;
    source.open = all.slice(end);
    if (end > 0) this.#show(id, all.slice(0, end));
  }

  #flush(id: string, source: Source): void {
    const { open } = source;
    source.open = "";
    if (open !== "") this.#show(id, open);
  }

  #show(id: string, text: string): void {
    if (this.#speaker !== id) {
      const before = this.#speaker === null ? undefined : this.#sources.get(this.#speaker);
      if (before && this.#speaker !== null) {
        const { open } = before;
        before.open = "";
        if (open !== "") this.#write(plain(open));
      }
      if (this.#speaker !== null) this.#write(this.#header(id));
      this.#speaker = id;
    }
    this.#write(plain(text).replace(/\n$/, ""));
  }
}

/** What a text read anew holds beyond what was shown; all of it where it does not contain the end of that. */
export function afterTail(tail: string, stored: string): string {
  const at = tail === "" ? -1 : stored.lastIndexOf(tail);
  return at < 0 ? stored : stored.slice(at + tail.length);
}

/** What `next` holds beyond the part with which `before` ends already. */
export function afterOverlap(before: string, next: string): string {
  for (let length = Math.min(before.length, next.length); length > 0; length -= 1) {
    if (before.endsWith(next.slice(0, length))) return next.slice(length);
  }
  return next;
}
