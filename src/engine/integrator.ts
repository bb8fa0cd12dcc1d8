// What happens to a run as a whole, one step at a time per run: integration of complete code loops, the
// final verification, the merge, and the clean-up of worktrees.
import type { Failure, Loop } from "../domain/loop.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { CleanUp } from "./clean-up.ts";
import { followTarget, targetMoved } from "./divergence.ts";
import { integrate } from "./integrate.ts";
import { noRoom } from "./no-room.ts";
import { openWorkspace, type Parts } from "./parts.ts";
import { endRun } from "./run-end.ts";
import { settleBranch } from "./run-branch.ts";
import { sendBack } from "./send-back.ts";
import { undo } from "./undo.ts";

export interface QueueListener {
  /** Something may start that could not before. */
  wake(): void;
  /** The target has moved, and the person wants to be asked. */
  pause(rootId: string, failure: Failure): void;
  /** A step of the run has found no room on the disk: it has to be taken again when there is some. */
  noRoom(rootId: string, failure: Failure): void;
}

export class Integrator {
  readonly #parts: Parts;
  readonly #listener: QueueListener;
  readonly cleanUp: CleanUp;
  readonly #chains = new Map<string, Promise<void>>();
  readonly #abort = new AbortController();

  constructor(parts: Parts, listener: QueueListener) {
    this.#parts = parts;
    this.cleanUp = new CleanUp(parts);
    this.#listener = listener;
  }

  async stop(): Promise<void> {
    this.#abort.abort(new LooprError("cancelled", "the daemon is stopping"));
    await Promise.all(this.#chains.values());
  }

  get runsAtWork(): number {
    return this.#chains.size;
  }

  /** Resolves when the steps queued for a run have been done. */
  async settled(rootId: string): Promise<void> {
    await this.#chains.get(rootId);
  }

  /** Does whatever the run is ready for. Idempotent: recovery calls it too. */
  advance(rootId: string): void {
    this.#enqueue(rootId, () => this.#step(rootId));
  }

  /** Does something between two steps of the run's queue. */
  between(rootId: string, step: () => Promise<void>): void {
    this.#enqueue(rootId, step);
  }

  /** Removes the worktrees of a loop that has ended. */
  discard(loop: Loop): void {
    this.#enqueue(loop.root_id, async () => {
      await this.cleanUp.of([loop]);
      await this.cleanUp.ifSettled(loop.root_id);
    });
  }

  #enqueue(rootId: string, step: () => Promise<void>): void {
    const before = this.#chains.get(rootId) ?? Promise.resolve();
    const next = before
      .then(async () => {
        if (this.#abort.signal.aborted || this.#parts.ledger.find(rootId) === null) return;
        await step();
      })
      .catch((error: unknown) => {
        if (!this.#abort.signal.aborted) this.#block(rootId, error);
      })
      .finally(() => {
        if (this.#chains.get(rootId) === next) this.#chains.delete(rootId);
      });
    this.#chains.set(rootId, next);
  }

  /** A step that cannot be done stops the run where it is, says why, and waits for a person. */
  #block(rootId: string, error: unknown): void {
    const full = noRoom(error);
    if (full !== null) {
      this.#listener.noRoom(rootId, full);
      return;
    }
    const failure =
      error instanceof LooprError
        ? {
            code: error.code,
            message: error.message,
            hint: error.hint || `loopr resume ${rootId} tries again`,
          }
        : {
            code: "internal",
            message: `unexpected failure in the daemon: ${messageOf(error)}`,
            hint: `loopr resume ${rootId} tries again`,
          };
    this.#parts.log.error("a run cannot go on", { run: rootId, ...failure });
    try {
      this.#parts.ledger.updateRun(rootId, { blocked: failure }, { failure, waiting_for: "person" });
    } catch (storeError) {
      this.#parts.log.error("and that could not be stored", { run: rootId, error: messageOf(storeError) });
    }
  }

  async #step(rootId: string): Promise<void> {
    const { ledger } = this.#parts;
    if (ledger.run(rootId).blocked) return;
    await this.#settle(rootId);
    await this.#follow(rootId);
    // Looked up afresh each time: others complete while one is integrated.
    for (;;) {
      const next = ledger.loopsOf(rootId).find(awaitsIntegration);
      if (!next) break;
      await this.#integrate(next.id);
    }
    const root = ledger.loop(rootId);
    const run = ledger.run(rootId);
    if (root.run_state === "integrating" || (root.run_state === "verified" && run.merge_requested)) {
      await endRun(this.#parts, this.cleanUp, rootId, this.#abort.signal);
      this.#listener.wake(); // it may have sent work back
    }
    if (ledger.run(rootId).undo?.state === "requested") await this.#undo(rootId);
    await this.cleanUp.ifSettled(rootId);
  }

  /** A daemon may have died while it moved the run's branch. */
  async #settle(rootId: string): Promise<void> {
    const { git, ledger } = this.#parts;
    const { branch_from, project } = ledger.run(rootId);
    if (branch_from !== undefined) await settleBranch(this.#parts, await git.reopen(project), rootId);
  }

  /** The target may have moved under the run. */
  async #follow(rootId: string): Promise<void> {
    const followed = await followTarget(this.#parts, rootId, this.#abort.signal);
    if (followed === "rebased") this.#tellSiblings(rootId);
    if (followed !== "pause") return;
    this.#listener.pause(rootId, targetMoved(this.#parts.ledger.run(rootId)));
  }

  async #undo(rootId: string): Promise<void> {
    const { ledger } = this.#parts;
    const root = ledger.loop(rootId);
    const run = ledger.run(rootId);
    const workspace = await openWorkspace(this.#parts, run);
    const end = await undo(this.#parts, root, workspace, this.#abort.signal);
    await this.cleanUp.of([root]);
    const undone = end.commit !== null;
    const data = undone
      ? { id: rootId, commit: end.commit, branch: run.target_branch }
      : { id: rootId, message: end.failure?.message ?? "", hint: end.failure?.hint ?? "" };
    ledger.update(
      rootId,
      {
        undone_commit: end.commit,
        progress: undone ? `undone on ${run.target_branch}` : "could not be undone",
      },
      {
        run: { undo: end },
        change: {
          events: [
            { event: undone ? "undo.completed" : "undo.blocked", loop_id: rootId, root_id: rootId, data },
          ],
        },
      },
    );
  }

  async #integrate(loopId: string): Promise<void> {
    const { ledger } = this.#parts;
    const loop = ledger.loop(loopId);
    const workspace = await openWorkspace(this.#parts, ledger.run(loop.root_id));
    const result = await integrate(this.#parts, loop, workspace, this.#abort.signal);
    if (result.kind === "sent_back") {
      await sendBack(this.#parts, loopId, workspace, result);
      this.#listener.wake();
      return;
    }
    const { context } = ledger.loop(loopId);
    const progress = result.nothingLeft ? "nothing left to do: its changes are in already" : "integrated";
    ledger.update(
      loopId,
      { progress, context: { ...context, integrated_commit: result.commit } },
      { run: { tip: result.commit } },
    );
    this.#tellSiblings(loop.root_id);
    await this.cleanUp.of([loop]);
    this.#listener.wake();
  }

  /** Loops that have begun on an older state of the run's branch rebase at their next safe point. */
  #tellSiblings(rootId: string): void {
    const { ledger } = this.#parts;
    const { tip } = ledger.run(rootId);
    for (const loop of ledger.loopsOf(rootId)) {
      const begun = loop.loop_type === "code" && loop.base_commit !== null && loop.base_commit !== tip;
      const over = ["complete", "cancelled", "invalidated"].includes(loop.status);
      if (begun && !over && loop.context.rebase !== true)
        ledger.update(loop.id, { context: { ...loop.context, rebase: true } });
    }
  }
}

function awaitsIntegration(loop: Loop): boolean {
  return loop.loop_type === "code" && loop.status === "complete" && loop.context.integrated_commit === null;
}
