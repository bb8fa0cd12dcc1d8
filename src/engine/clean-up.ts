// Worktrees, refs and branches that nobody needs any more. What cannot be removed is told and left, with all
// that is in it; it stands in the way of nothing.
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Loop, RunState } from "../domain/loop.ts";
import type { LoopEvent } from "../domain/transition.ts";
import { messageOf } from "../lib/errors.ts";
import { loopRef, openWorkspaceOrNull, type Parts } from "./parts.ts";
import { cleanUp } from "./task.ts";

/** States in which nothing of the run is left to do, so that no worktree is needed. */
const settledStates: ReadonlySet<RunState> = new Set([
  "merged",
  "verified",
  "failed",
  "stalled",
  "cancelled",
]);

export class CleanUp {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Removes the worktrees of loops that have ended. */
  async of(loops: readonly Loop[]): Promise<void> {
    for (const loop of loops) {
      try {
        const workspace = await openWorkspaceOrNull(this.#parts, loop.root_id);
        if (workspace && existsSync(workspace.directoryOf(loop.id))) await cleanUp(loop, workspace);
      } catch (error) {
        this.#parts.log.warn("a worktree could not be removed", { loop: loop.id, error: messageOf(error) });
      }
    }
  }
  /** Before a loop's end is told: its worktrees are gone, and all of the run's where it ends with this. */
  async before(loop: Loop, event: LoopEvent): Promise<void> {
    const after = this.#parts.ledger.preview(loop.id, event);
    const all = after !== null && settledStates.has(after);
    await this.of(all ? this.#parts.ledger.loopsOf(loop.root_id) : [loop]);
    if (all && after !== "merged" && after !== "verified") await this.#dropEmptyBranch(loop.root_id);
  }

  /** All worktrees of a run in which nothing is left to do. */
  async ifSettled(rootId: string): Promise<void> {
    const { ledger } = this.#parts;
    const state = ledger.loop(rootId).run_state;
    if (state === null || !settledStates.has(state)) return;
    await this.of(ledger.loopsOf(rootId));
    if (state !== "merged" && state !== "verified") await this.#dropEmptyBranch(rootId);
  }

  /** Removes what is kept of a run beside its branch: worktrees, records, and refs that the target contains. */
  async forget(root: Loop): Promise<void> {
    const { ledger } = this.#parts;
    const run = ledger.run(root.id);
    const projectDir = this.#parts.projectDir(run.project.hash);
    const workspace = await openWorkspaceOrNull(this.#parts, root.id);
    for (const loop of ledger.loopsOf(root.id)) {
      await this.of([loop]);
      await rm(join(projectDir, "records", loop.id), { recursive: true, force: true });
      // Without its repository a worktree is only files that nobody can get at any more.
      if (workspace === null)
        await rm(join(projectDir, "worktrees", loop.id), { recursive: true, force: true });
      else if (run.merged_commit !== null) await workspace.repository.deleteRef(loopRef(loop.id));
    }
  }

  /** A run that ended before anything was integrated leaves no branch that says nothing. */
  async #dropEmptyBranch(rootId: string): Promise<void> {
    const run = this.#parts.ledger.run(rootId);
    const workspace = await openWorkspaceOrNull(this.#parts, rootId);
    if (run.branch === null || run.tip !== run.target_commit || workspace === null) return;
    const ref = `refs/heads/${run.branch}`;
    if ((await workspace.repository.resolve(ref)) !== run.tip) return;
    // Forgotten first: a branch that is left over says little, one that is missed stops the run.
    this.#parts.ledger.updateRun(rootId, { branch: null }, { branch: null });
    await workspace.repository.deleteRef(ref);
  }
}
