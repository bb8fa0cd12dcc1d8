// The tasks of running loops: one a loop, started when the loop gets its slot, and ended by itself or by whoever
// stops it. What became of a task is told to the engine, which applies it.
import { LooprError, messageOf } from "../lib/errors.ts";
import { noRoom, roomOnDisk } from "./no-room.ts";
import type { Parts } from "./parts.ts";
import { runTask, type TaskEnd } from "./task.ts";

interface Task {
  abort: AbortController;
  done: Promise<void>;
}

export interface TaskListener {
  /** A task that nobody has stopped has come to its end. */
  ended(id: string, end: TaskEnd): Promise<void>;
  /** A task is gone, however it ended: its slot is free. */
  gone(): void;
}

export class Tasks {
  readonly #parts: Parts;
  readonly #listener: TaskListener;
  readonly #tasks = new Map<string, Task>();

  constructor(parts: Parts, listener: TaskListener) {
    this.#parts = parts;
    this.#listener = listener;
  }

  get size(): number {
    return this.#tasks.size;
  }

  ids(): string[] {
    return [...this.#tasks.keys()];
  }

  has(id: string): boolean {
    return this.#tasks.has(id);
  }

  start(id: string): void {
    const abort = new AbortController();
    // A task of the same loop that is just ending has to be gone first: they share a worktree.
    const before = this.#tasks.get(id)?.done ?? Promise.resolve();
    const done = before
      .then(() => this.#run(id, abort.signal))
      .finally(() => {
        if (this.#tasks.get(id)?.done === done) this.#tasks.delete(id);
        this.#listener.gone();
      });
    this.#tasks.set(id, { abort, done });
  }

  /** Resolves when the task is gone. */
  async stop(id: string): Promise<void> {
    const task = this.#tasks.get(id);
    if (!task) return;
    task.abort.abort(new LooprError("cancelled", `${id} was stopped`));
    await task.done;
  }

  async #run(id: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    let end: TaskEnd;
    try {
      end = await runTask(this.#parts, id, signal);
    } catch (error) {
      if (signal.aborted) return; // whoever aborted has said what becomes of the loop
      end = this.#unexpected(id, error);
    }
    if (signal.aborted) return;
    try {
      await this.#listener.ended(id, end);
    } catch (error) {
      // The store refused: nothing was changed, and the next daemon finds the loop running and resumes it.
      this.#parts.log.error("the end of a loop's task could not be stored", {
        loop: id,
        error: messageOf(error),
      });
    }
  }

  #unexpected(id: string, error: unknown): TaskEnd {
    const full = noRoom(error);
    if (full !== null) return { kind: "pause", waitingFor: roomOnDisk, failure: full };
    this.#parts.log.error("a loop's task failed unexpectedly", { loop: id, error: messageOf(error) });
    const message = `unexpected failure in the daemon: ${messageOf(error)}`;
    return {
      kind: "fail",
      failure: { code: "internal", message, hint: "the daemon's log says more: loopr logs" },
    };
  }
}
