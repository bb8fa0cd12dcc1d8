// What happens to a run as a whole, one step at a time per run: integration of complete code loops, the
// final verification, the merge, and the clean-up of worktrees.
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Loop, RunState } from "../domain/loop.ts";
import type { LoopEvent } from "../domain/transition.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { mergeOntoTarget, moveBranch, verifyOnTarget, type Verification } from "./finish.ts";
import { integrate } from "./integrate.ts";
import { loopRef, openWorkspace, openWorkspaceOrNull, type Parts } from "./parts.ts";
import type { TargetBlocked } from "./ports.ts";
import { cleanUp } from "./task.ts";
import { undo } from "./undo.ts";
import type { Workspace } from "./workspace.ts";

/** States in which nothing of the run is left to do, so that no worktree is needed. */
const settledStates: ReadonlySet<RunState> = new Set([
  "merged",
  "verified",
  "failed",
  "stalled",
  "cancelled",
]);

export class Integrator {
  readonly #parts: Parts;
  readonly #wake: () => void;
  readonly #chains = new Map<string, Promise<void>>();
  readonly #abort = new AbortController();

  constructor(parts: Parts, wake: () => void) {
    this.#parts = parts;
    this.#wake = wake;
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

  /** Removes the worktrees of a loop that has ended. */
  cleanUp(loop: Loop): void {
    this.#enqueue(loop.root_id, async () => {
      await this.#clean([loop]);
      await this.#cleanIfSettled(loop.root_id);
    });
  }

  /** Before a loop's end is told: its worktrees are gone, and all of the run's where it ends with this. */
  async cleanBefore(loop: Loop, event: LoopEvent): Promise<void> {
    const after = this.#parts.ledger.preview(loop.id, event);
    const all = after !== null && settledStates.has(after);
    await this.#clean(all ? this.#parts.ledger.loopsOf(loop.root_id) : [loop]);
    if (all && after !== "merged" && after !== "verified") await this.#dropEmptyBranch(loop.root_id);
  }

  /** Removes what is kept of a run beside its branch: worktrees, records, and refs that the target contains. */
  async forget(root: Loop): Promise<void> {
    const { ledger } = this.#parts;
    const run = ledger.run(root.id);
    const projectDir = this.#parts.projectDir(run.project.hash);
    const workspace = await openWorkspaceOrNull(this.#parts, root.id);
    for (const loop of ledger.loopsOf(root.id)) {
      await this.#clean([loop]);
      await rm(join(projectDir, "records", loop.id), { recursive: true, force: true });
      // Without its repository a worktree is only files that nobody can get at any more.
      if (workspace === null)
        await rm(join(projectDir, "worktrees", loop.id), { recursive: true, force: true });
      else if (run.merged_commit !== null) await workspace.repository.deleteRef(loopRef(loop.id));
    }
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
    // Looked up afresh each time: others complete while one is integrated.
    for (;;) {
      const next = ledger.loopsOf(rootId).find(awaitsIntegration);
      if (!next) break;
      await this.#integrate(next.id);
    }
    const root = ledger.loop(rootId);
    const run = ledger.run(rootId);
    if (root.run_state === "integrating" || (root.run_state === "verified" && run.merge_requested))
      await this.#finish(rootId);
    if (ledger.run(rootId).undo?.state === "requested") await this.#undo(rootId);
    await this.#cleanIfSettled(rootId);
  }

  async #undo(rootId: string): Promise<void> {
    const { ledger } = this.#parts;
    const root = ledger.loop(rootId);
    const run = ledger.run(rootId);
    const workspace = await openWorkspace(this.#parts, run);
    const end = await undo(this.#parts, root, workspace, this.#abort.signal);
    await this.#clean([root]);
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

  async #cleanIfSettled(rootId: string): Promise<void> {
    const { ledger } = this.#parts;
    const state = ledger.loop(rootId).run_state;
    if (state === null || !settledStates.has(state)) return;
    await this.#clean(ledger.loopsOf(rootId));
    if (state !== "merged" && state !== "verified") await this.#dropEmptyBranch(rootId);
  }

  /** A run that ended before anything was integrated leaves no branch that says nothing. */
  async #dropEmptyBranch(rootId: string): Promise<void> {
    const run = this.#parts.ledger.run(rootId);
    const workspace = await openWorkspaceOrNull(this.#parts, rootId);
    if (run.branch === null || run.tip !== run.target_commit || workspace === null) return;
    const ref = `refs/heads/${run.branch}`;
    if ((await workspace.repository.resolve(ref)) !== run.tip) return;
    await workspace.repository.deleteRef(ref);
    this.#parts.ledger.updateRun(rootId, { branch: null }, { branch: null });
  }

  async #integrate(loopId: string): Promise<void> {
    const { ledger } = this.#parts;
    const loop = ledger.loop(loopId);
    const workspace = await openWorkspace(this.#parts, ledger.run(loop.root_id));
    const result = await integrate(this.#parts, loop, workspace, this.#abort.signal);
    if (result.kind === "sent_back") {
      await this.#sendBack(loopId, workspace, result);
      return;
    }
    const { context } = ledger.loop(loopId);
    ledger.update(
      loopId,
      { progress: "integrated", context: { ...context, integrated_commit: result.commit } },
      { run: { tip: result.commit } },
    );
    await this.#clean([loop]);
    this.#wake();
  }

  async #sendBack(
    loopId: string,
    workspace: Workspace,
    to: { feedback: string; base: string; checkpoint: string },
  ): Promise<void> {
    const { ledger } = this.#parts;
    const loop = ledger.loop(loopId);
    await workspace.repository.updateRef(
      loopRef(loopId),
      to.checkpoint,
      await workspace.repository.resolve(loopRef(loopId)),
    );
    const entry = { iteration: loop.iteration, layer: "integration", text: to.feedback };
    ledger.apply(
      loopId,
      { kind: "send_back" },
      {
        patch: {
          base_commit: to.base,
          progress: "sent back by the integration queue",
          context: { ...loop.context, integrated_commit: null, feedback: [...loop.context.feedback, entry] },
        },
      },
    );
    this.#wake();
  }

  async #finish(rootId: string): Promise<void> {
    const { ledger } = this.#parts;
    const root = ledger.loop(rootId);
    const run = ledger.run(rootId);
    const workspace = await openWorkspace(this.#parts, run);
    const wanted = run.merge || run.merge_requested || run.config.git.auto_merge;
    if (!wanted) {
      const verification = await verifyOnTarget(this.#parts, root, workspace, this.#abort.signal);
      if (verification.kind === "verified") await this.#verified(rootId, verification.commit);
      else await this.#notMerged(rootId, workspace, verification);
      return;
    }
    ledger.record({
      events: [{ event: "merge.started", loop_id: rootId, root_id: rootId, data: { id: rootId } }],
    });
    const merge = await mergeOntoTarget(this.#parts, root, workspace, this.#abort.signal);
    if (merge.kind === "not_merged") {
      await this.#notMerged(rootId, workspace, merge.verification);
      return;
    }
    await this.#clean(ledger.loopsOf(rootId));
    const data = { id: rootId, commit: merge.commit, branch: run.target_branch };
    ledger.update(
      rootId,
      { progress: `merged onto ${run.target_branch}`, failure: null, waiting_for: null },
      {
        run: {
          verified_commit: merge.commit,
          merged_commit: merge.commit,
          merged_at: this.#parts.clock.now(),
          merge_requested: false,
        },
        change: { events: [{ event: "merge.completed", loop_id: rootId, root_id: rootId, data }] },
      },
    );
  }

  async #verified(rootId: string, commit: string): Promise<void> {
    const { ledger } = this.#parts;
    await this.#clean(ledger.loopsOf(rootId));
    ledger.updateRun(
      rootId,
      { verified_commit: commit },
      { progress: "verified; not merged yet", failure: null, waiting_for: "merge" },
    );
  }

  async #notMerged(rootId: string, workspace: Workspace, why: Verification | TargetBlocked): Promise<void> {
    const { ledger } = this.#parts;
    if (why.kind === "verified") return;
    if (why.kind === "failed_on_target") {
      await moveBranch(this.#parts, ledger.loop(rootId), workspace, why.tip, why.target);
      ledger.updateRun(rootId, { verified_commit: null });
      const last = lastIntegrated(ledger.loopsOf(rootId));
      const feedback = `Meanwhile the target branch has moved on, and together with its new commits the work fails. Your worktree now holds both.\n\n${why.feedback}`;
      if (last) await this.#sendBack(last.id, workspace, { feedback, base: why.tip, checkpoint: why.tip });
      return;
    }
    const failure =
      "code" in why
        ? { code: why.code, message: why.message, hint: why.hint }
        : {
            code: `merge_${why.reason}`,
            message: why.message,
            hint: `${why.command}, or loopr merge ${rootId} once that is mended`,
          };
    await this.#clean(ledger.loopsOf(rootId));
    const run = ledger.run(rootId);
    ledger.update(
      rootId,
      { progress: "verified; could not be merged", failure, waiting_for: "merge" },
      {
        run: { verified_commit: run.tip, merge_requested: false },
        change: {
          events: [
            {
              event: "merge.conflict",
              loop_id: rootId,
              root_id: rootId,
              data: { id: rootId, message: failure.message, hint: failure.hint },
            },
          ],
        },
      },
    );
  }

  /** What cannot be removed is told and left, with all that is in it; it stands in the way of nothing. */
  async #clean(loops: readonly Loop[]): Promise<void> {
    for (const loop of loops) {
      try {
        const workspace = await openWorkspaceOrNull(this.#parts, loop.root_id);
        if (workspace && existsSync(workspace.directoryOf(loop.id))) await cleanUp(loop, workspace);
      } catch (error) {
        this.#parts.log.warn("a worktree could not be removed", { loop: loop.id, error: messageOf(error) });
      }
    }
  }
}

function awaitsIntegration(loop: Loop): boolean {
  return loop.loop_type === "code" && loop.status === "complete" && loop.context.integrated_commit === null;
}

function lastIntegrated(loops: readonly Loop[]): Loop | undefined {
  return loops
    .filter((loop) => loop.loop_type === "code" && loop.status === "complete")
    .toSorted((a, b) => a.updated_at - b.updated_at)
    .at(-1);
}
