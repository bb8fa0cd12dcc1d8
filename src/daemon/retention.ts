// Keeps the iteration records on the disk within bounds of age and size. Only those of runs that have ended go;
// what the store knows of them stays, and says when they went. Branches, refs and commits are not touched.
import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Config } from "../domain/config.ts";
import type { Loop, RunState } from "../domain/loop.ts";
import { recordsToPrune, type EndedRun } from "../domain/retention.ts";
import type { Ledger } from "../engine/ledger.ts";
import type { Store } from "../engine/ports.ts";
import { messageOf, systemCode } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";

/** Not while a daemon is being started for a command that waits. */
const firstAfterMs = 1_000;
const everyMs = 24 * 3_600_000;
/** Between two runs: nobody waits for this. */
const restMs = 20;

/** A run that is verified waits to be merged: it has not ended. */
const endedStates: ReadonlySet<RunState> = new Set(["merged", "failed", "stalled", "cancelled"]);

export interface RetentionNeeds {
  ledger: Ledger;
  store: Store;
  /** `projects/<hash>` in the home. */
  projectDir: (hash: string) => string;
  limits: Config["records"];
  now: () => number;
  log: Log;
}

export class Retention {
  readonly #needs: RetentionNeeds;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  #sweeping: Promise<void> = Promise.resolve();

  constructor(needs: RetentionNeeds) {
    this.#needs = needs;
  }

  start(): void {
    this.#after(firstAfterMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#sweeping;
  }

  #after(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#sweeping = this.#sweep()
        .catch((error: unknown) => {
          this.#needs.log.warn("old records could not be removed", { error: messageOf(error) });
        })
        .finally(() => {
          if (!this.#stopped) this.#after(everyMs);
        });
    }, ms);
    this.#timer.unref();
  }

  async #sweep(): Promise<void> {
    const { ledger, limits, now } = this.#needs;
    const ended: EndedRun[] = [];
    let othersBytes = 0;
    for (const root of ledger.all().filter(({ parent_id }) => parent_id === null)) {
      if (this.#stopped) return;
      const loops = ledger.loopsOf(root.id);
      let bytes = 0;
      for (const loop of loops) bytes += await sizeOf(this.#directoryOf(loop));
      if (!hasEnded(root, loops)) othersBytes += bytes;
      else ended.push({ id: root.id, ended_at: Math.max(...loops.map((loop) => loop.updated_at)), bytes });
    }
    for (const run of recordsToPrune(ended, othersBytes, limits, now())) {
      if (this.#stopped) return;
      await this.#prune(run);
      await new Promise((resolve) => setTimeout(resolve, restMs));
    }
  }

  /** Told first, removed then: after a crash in between the next sweep finds what is left, and removes it. */
  async #prune({ id, bytes }: EndedRun): Promise<void> {
    const { ledger, store, now, log } = this.#needs;
    const root = ledger.find(id);
    // Looked at again: it may have been resumed or deleted while others were removed.
    if (root === null || !hasEnded(root, ledger.loopsOf(id))) return;
    const loops = ledger.loopsOf(id);
    const pruned_at = now();
    const iterations = loops
      .flatMap((loop) => store.iterations(loop.id))
      .map((record) => ({ ...record, pruned_at: record.pruned_at ?? pruned_at }));
    const data = { id, bytes, iterations: iterations.length };
    ledger.record({
      iterations,
      events: [{ event: "records.pruned", loop_id: id, root_id: id, data }],
    });
    for (const loop of loops) await rm(this.#directoryOf(loop), { recursive: true, force: true });
    log.info("records were removed, as records.* in the configuration says", { run: id, bytes });
  }

  #directoryOf(loop: Loop): string {
    const { hash } = this.#needs.ledger.run(loop.root_id).project;
    return join(this.#needs.projectDir(hash), "records", loop.id);
  }
}

function hasEnded(root: Loop, loops: readonly Loop[]): boolean {
  return (
    root.run_state !== null &&
    endedStates.has(root.run_state) &&
    loops.every(({ status }) => !["running", "rebasing"].includes(status))
  );
}

/** Bytes of the files below a directory; 0 where there is none. */
async function sizeOf(path: string): Promise<number> {
  try {
    let bytes = 0;
    for (const entry of await readdir(path, { withFileTypes: true })) {
      const inside = join(path, entry.name);
      bytes += entry.isDirectory() ? await sizeOf(inside) : (await lstat(inside)).size;
    }
    return bytes;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return 0;
    throw error;
  }
}
