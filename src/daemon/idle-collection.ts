// What loops leave behind in memory when they begin, end or go one step further is collected as soon as nothing
// happens any more. By itself the runtime waits until new work needs the room, and keeps it from others until then.

/** Nothing has happened for so long: a collection (some 25 ms) is in nobody's way. */
const quietMs = 1_000;
/** From one collection to the next at least. */
const everyMs = 3_000;

export class IdleCollection {
  readonly #collect: () => void;
  readonly #quietMs: number;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | null = null;
  #touched = false;

  constructor(collect: () => void = collectNow, quiet = quietMs, every = everyMs) {
    this.#collect = collect;
    this.#quietMs = quiet;
    this.#everyMs = every;
  }

  /** Something has happened. Costs nothing, and may be said at any rate. */
  touch(): void {
    this.#touched = true;
    if (this.#timer === null) this.#wait(this.#quietMs);
  }

  end(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #wait(ms: number): void {
    this.#touched = false;
    this.#timer = setTimeout(() => {
      if (this.#touched) return this.#wait(this.#quietMs);
      this.#collect();
      // What happens during the pause is heard, and waits for its end.
      this.#timer = setTimeout(() => {
        this.#timer = null;
        if (this.#touched) this.touch();
      }, this.#everyMs);
      this.#timer.unref();
    }, ms);
    this.#timer.unref();
  }
}

/** Bun's own; another runtime collects when it likes. */
function collectNow(): void {
  const runtime: unknown = Reflect.get(globalThis, "Bun");
  if (typeof runtime !== "object" || runtime === null || !("gc" in runtime)) return;
  if (typeof runtime.gc === "function") Reflect.apply(runtime.gc, runtime, [true]);
}
