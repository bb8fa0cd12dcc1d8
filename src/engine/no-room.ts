// A full disk. What cannot be stored must not go on: a loop whose step found no room waits, and is shown as
// paused, with the reason, in memory alone, because nothing can be written. It is tried again every few seconds,
// and goes on by itself as soon as there is room. A daemon that dies meanwhile finds everything as last stored.
import type { Failure } from "../domain/loop.ts";
import { LooprError, messageOf, systemCode } from "../lib/errors.ts";
import type { Parts } from "./parts.ts";

const retryMs = 2_000;
/** What such a loop waits for. */
export const roomOnDisk = "disk";

/** Null where the error tells of anything but a full disk or quota. */
export function noRoom(error: unknown): Failure | null {
  if (error instanceof LooprError && error.code === "store_full") {
    return { code: error.code, message: error.message, hint: `${error.hint} It goes on by itself then.` };
  }
  const isOurs = ["ENOSPC", "EDQUOT"].includes(systemCode(error));
  const isGits =
    error instanceof LooprError && /No space left on device|Disk quota exceeded/.test(error.message);
  if (!isOurs && !isGits) return null;
  return {
    code: "disk_full",
    message: `there is no room left on the disk: ${messageOf(error)}`,
    hint: "free space on that disk, or raise the quota: it goes on by itself then",
  };
}

export class NoRoom {
  readonly #parts: Parts;
  readonly #again: (rootIds: ReadonlySet<string>) => void;
  readonly #loops = new Set<string>();
  readonly #runs = new Set<string>();
  #timer: NodeJS.Timeout | null = null;

  /** `again`: there is room; these runs were stopped in their integration. */
  constructor(parts: Parts, again: (rootIds: ReadonlySet<string>) => void) {
    this.#parts = parts;
    this.#again = again;
  }

  get isWaiting(): boolean {
    return this.#timer !== null;
  }

  /** A loop's task has ended for want of room. */
  loopWaits(id: string, failure: Failure): void {
    this.#loops.add(id);
    for (const loop of this.#parts.ledger.pretend(id, { kind: "pause", waitingFor: roomOnDisk, failure }))
      this.#parts.emit("loop.updated", loop);
    this.#wait(failure);
  }

  /** A step of a run's integration has, or a loop could not be started (then there is no run to tell of). */
  stepWaits(failure: Failure, rootId?: string): void {
    if (rootId !== undefined) this.#runs.add(rootId);
    this.#wait(failure);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #wait(failure: Failure): void {
    if (this.#timer !== null) return;
    this.#parts.log.error("no room on the disk: work waits until there is some", { ...failure });
    this.#timer = setInterval(() => {
      this.#retry();
    }, retryMs);
  }

  #retry(): void {
    try {
      for (const id of this.#loops) {
        const loop = this.#parts.ledger.find(id);
        // A person may have acted on it meanwhile.
        if (loop?.status === "paused" && loop.waiting_for === roomOnDisk)
          this.#parts.ledger.apply(id, { kind: "resume" });
        this.#loops.delete(id);
      }
    } catch (error) {
      if (noRoom(error) !== null) return;
      this.#parts.log.error("a loop that waited for room could not go on", { error: messageOf(error) });
    }
    this.stop();
    this.#parts.log.info("there is room again");
    const runs = new Set(this.#runs);
    this.#runs.clear();
    this.#again(runs); // may find that there is none, and wait again
  }
}
