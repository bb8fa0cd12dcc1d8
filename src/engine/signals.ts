// Signals: a person, or a parent, tells a loop and what is below it to stop, wait, or go on.
import type { LoopEvent } from "../domain/transition.ts";
import type { Run } from "../domain/run.ts";
import { grantAgain, raiseBounds, type Raise } from "./bounds.ts";
import type { Core } from "./core.ts";
import { nothingToDo } from "./refusals.ts";

export class Signals {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  async pause(id: string): Promise<void> {
    const event: LoopEvent = { kind: "pause", waitingFor: "resume", failure: null };
    await this.#forTree(id, event, ["pending", "running", "awaiting_approval"]);
  }

  /** Also grants what was used up again: iterations, minutes, money, tokens. */
  resume(id: string): void {
    const root = this.#core.ledger.loop(id).root_id;
    const loops = this.#core.ledger
      .withDescendants(id)
      .filter((loop) => ["paused", "stalled", "failed"].includes(loop.status));
    const run = this.#core.ledger.run(root);
    if (loops.length === 0 && run.blocked === null)
      throw nothingToDo(this.#core.ledger.withDescendants(id), "resume");
    if (run.blocked)
      this.#core.ledger.updateRun(root, { blocked: null }, { failure: null, waiting_for: null });
    for (const loop of loops)
      this.#core.perform(
        this.#core.ledger.apply(
          loop.id,
          { kind: "resume" },
          { patch: grantAgain(this.#core.parts, loop.id) },
        ),
      );
    this.#core.integrator.advance(root);
    this.#core.wake();
  }

  /** Raises what bounds a loop; see `raiseBounds`. */
  raiseBounds(id: string, raise: Raise): Run {
    raiseBounds(this.#core.parts, id, raise);
    return this.#core.ledger.run(this.#core.ledger.loop(id).root_id);
  }

  async cancel(id: string): Promise<void> {
    const stoppable = ["pending", "running", "awaiting_approval", "paused", "rebasing", "stalled", "failed"];
    await this.#forTree(id, { kind: "cancel" }, stoppable);
    await this.#core.integrator.settled(this.#core.ledger.loop(id).root_id);
  }

  /** Applies an event to a loop and its descendants, where it fits, and waits until their tasks have ended. */
  async #forTree(id: string, event: LoopEvent, statuses: readonly string[]): Promise<void> {
    const tree = this.#core.ledger.withDescendants(id);
    const fitting = tree.filter((loop) => statuses.includes(loop.status));
    if (fitting.length === 0) throw nothingToDo(tree, event.kind);
    // Parents last: until then a child that ends cannot make its run look finished.
    const applied = fitting.toReversed().map((loop) => this.#core.ledger.apply(loop.id, event));
    await Promise.all(fitting.map((loop) => this.#core.tasks.stop(loop.id)));
    for (const one of applied) this.#core.perform(one);
  }

  /** A client has brought a key: the runs that waited for it go on. */
  credentialsArrived(serves: (run: Run) => boolean): void {
    for (const loop of this.#core.ledger.all()) {
      if (loop.status !== "paused" || loop.failure?.code !== "no_credentials") continue;
      if (serves(this.#core.ledger.run(loop.root_id)))
        this.#core.perform(this.#core.ledger.apply(loop.id, { kind: "resume" }));
    }
  }
}
