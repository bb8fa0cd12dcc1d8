// The engine: decides what runs, owns the tasks, and applies what became of them. Woken by events, never by
// polling. Every status change goes through the ledger; this file says which, when.
import type { Loop } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";
import { schedule, type ScheduleLimits } from "../domain/schedule.ts";
import type { Effect, LoopEvent } from "../domain/transition.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { askedText } from "./asked.ts";
import { childrenOf, renderArtifact } from "./artifacts.ts";
import { granted } from "./bounds.ts";
import { Ledger, type Extra } from "./ledger.ts";
import type { EngineOptions, Parts } from "./parts.ts";
import { Integrator } from "./integrator.ts";
import { nothingToDo, requireEnded, requireMergeable } from "./refusals.ts";
import { runTask, type TaskEnd } from "./task.ts";
import { requireUndoable } from "./undo.ts";
import { Verifier } from "./verify.ts";
import { PlanArtifact } from "../domain/artifacts.ts";

interface Task {
  abort: AbortController;
  done: Promise<void>;
}

export class Engine {
  readonly ledger: Ledger;
  readonly parts: Parts;
  readonly verifier: Verifier;
  readonly #limits: ScheduleLimits;
  readonly #tasks = new Map<string, Task>();
  readonly #integrator: Integrator;
  #stopping = false;
  #held = false;

  constructor(options: EngineOptions & { limits: ScheduleLimits }) {
    this.ledger = new Ledger(options.store, options.clock);
    this.parts = { ...options, ledger: this.ledger, isHeld: () => this.#held };
    this.#limits = options.limits;
    this.verifier = new Verifier(this.parts);
    this.#integrator = new Integrator(this.parts, () => {
      this.wake();
    });
  }

  // ------------------------------------------------------------ life

  /** Before the daemon listens: what was running when it died is pending again. Only the store is touched. */
  recover(): number {
    const running = this.ledger
      .all()
      .filter((loop) => loop.status === "running" || loop.status === "rebasing");
    for (const loop of running) this.#interrupt(loop);
    return running.length;
  }

  /** After it listens: git is repaired, queues go on, loops are scheduled. */
  start(): void {
    this.verifier.start();
    for (const loop of this.ledger.all()) {
      // It died between a plan that passed and the approval that its run was given beforehand.
      if (loop.status === "awaiting_approval" && loop.loop_type === "plan") this.#approveAsTold(loop);
      if (loop.parent_id === null) this.#integrator.advance(loop.id);
    }
    this.wake();
  }

  /** Running loops are interrupted at once, marked, and resumed by the next daemon. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const ids = [...this.#tasks.keys()];
    await Promise.all([
      ...ids.map((id) => this.#stopTask(id)),
      this.#integrator.stop(),
      this.verifier.stop(),
    ]);
    for (const id of ids) {
      const loop = this.ledger.find(id);
      if (loop?.status === "running" || loop?.status === "rebasing") this.#interrupt(loop);
    }
  }

  #interrupt(loop: Loop): void {
    const data = { id: loop.id, from_status: loop.status, to_status: "pending" };
    this.ledger.apply(
      loop.id,
      { kind: "interrupt" },
      {
        patch: { progress: "interrupted; goes on from its last commit" },
        change: { events: [{ event: "loop.recovered", loop_id: loop.id, root_id: loop.root_id, data }] },
      },
    );
  }

  // ------------------------------------------------------------ scheduling

  /** While held, running iterations come to their end and nothing starts. Returns what is still at work. */
  hold(held: boolean): { running: number; integrating: number } {
    this.#held = held;
    this.wake();
    return { running: this.#tasks.size, integrating: this.#integrator.runsAtWork };
  }

  wake(): void {
    if (this.#stopping || this.#held) return;
    const live = this.ledger.all();
    for (const loop of schedule(live, this.#limits, this.parts.clock.now())) {
      if (this.#tasks.has(loop.id)) continue; // its last task is still ending; that wakes us again
      this.#perform(this.ledger.apply(loop.id, { kind: "start" }));
    }
  }

  #perform({ loop, effects }: { loop: Loop; effects: Effect[] }): void {
    for (const effect of effects) {
      if (effect === "run_task") this.#startTask(loop.id);
      else if (effect === "schedule" || effect === "spawn_children") this.wake();
      else if (effect === "integrate") this.#integrator.advance(loop.root_id);
      else if (effect === "clean_up") this.#integrator.cleanUp(loop);
      // stop_task: whoever applies such an event to a running loop stops its task itself, and waits for it.
    }
  }

  #startTask(id: string): void {
    const abort = new AbortController();
    // A task of the same loop that is just ending has to be gone first: they share a worktree.
    const before = this.#tasks.get(id)?.done ?? Promise.resolve();
    const done = before
      .then(() => this.#runTask(id, abort.signal))
      .finally(() => {
        if (this.#tasks.get(id)?.done === done) this.#tasks.delete(id);
        this.wake();
      });
    this.#tasks.set(id, { abort, done });
  }

  async #runTask(id: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    let end: TaskEnd;
    try {
      end = await runTask(this.parts, id, signal);
    } catch (error) {
      if (signal.aborted) return; // whoever aborted has said what becomes of the loop
      this.parts.log.error("a loop's task failed unexpectedly", { loop: id, error: messageOf(error) });
      const message = `unexpected failure in the daemon: ${messageOf(error)}`;
      end = {
        kind: "fail",
        failure: { code: "internal", message, hint: "the daemon's log says more: loopr logs" },
      };
    }
    if (signal.aborted) return;
    try {
      await this.#endTask(id, end);
    } catch (error) {
      // The store refused: nothing was changed, and the next daemon finds the loop running and resumes it.
      this.parts.log.error("the end of a loop's task could not be stored", {
        loop: id,
        error: messageOf(error),
      });
    }
  }

  async #endTask(id: string, end: TaskEnd): Promise<void> {
    if (end.kind === "pass") {
      this.#passed(id);
      return;
    }
    if (end.kind === "held") {
      const loop = this.ledger.loop(id);
      if (loop.status === "running") this.#interrupt(loop);
      return;
    }
    if (end.kind === "ask") {
      this.#asked(id, end.files);
      return;
    }
    const event: LoopEvent = end;
    if (end.kind !== "pause") await this.#integrator.cleanBefore(this.ledger.loop(id), event);
    if (this.ledger.loop(id).status !== "running") return; // a person was quicker
    this.parts.log.info(`loop ${end.kind}`, {
      loop: id,
      code: end.failure.code,
      message: end.failure.message,
    });
    const { loop } = this.ledger.apply(id, event);
    this.#integrator.advance(loop.root_id);
  }

  #passed(id: string): void {
    const loop = this.ledger.loop(id);
    if (loop.loop_type !== "plan") {
      this.#perform(this.ledger.apply(id, { kind: "pass" }, this.#withChildren(loop)));
      return;
    }
    const plan = PlanArtifact.parse(this.parts.store.artifact(id));
    const data = { id, content: renderArtifact(this.parts, loop), specs: plan.specs };
    this.ledger.apply(
      id,
      { kind: "pass" },
      {
        patch: { progress: `plan with ${plan.specs.length} specs`, title: plan.title },
        change: { events: [{ event: "plan.awaiting_approval", loop_id: id, root_id: id, data }] },
      },
    );
    this.#approveAsTold(loop);
  }

  /** The loop waits until a person has decided about the protected files that it changed. */
  #asked(id: string, files: string[]): void {
    const loop = this.ledger.loop(id);
    if (loop.status !== "running") return; // a person was quicker
    const data = { id, content: askedText(loop, files), specs: [] };
    this.ledger.apply(
      id,
      { kind: "ask", files },
      {
        patch: { progress: `passes only with changed protected files: ${files.join(", ")}` },
        change: { events: [{ event: "plan.awaiting_approval", loop_id: id, root_id: loop.root_id, data }] },
      },
    );
  }

  /** `--yes`: the person has approved whatever the plan will be. */
  #approveAsTold(plan: Loop): void {
    if (this.ledger.run(plan.root_id).approve) this.approve(plan.id);
  }

  #withChildren(loop: Loop): Extra {
    return loop.loop_type === "code" ? {} : { created: childrenOf(this.parts, loop) };
  }

  // ------------------------------------------------------------ what people and clients ask for

  create(run: Run, root: Loop): void {
    this.ledger.create(run, root);
    this.wake();
  }

  /** Returns how many children were made. */
  approve(id: string): number {
    const loop = this.ledger.loop(id);
    if (loop.context.asked) return this.#allow(loop, loop.context.asked);
    if (loop.status !== "awaiting_approval") this.ledger.apply(id, { kind: "approve" }); // refuses, saying why
    const created = childrenOf(this.parts, loop);
    const data = { id, specs_spawned: created.length };
    this.#perform(
      this.ledger.apply(
        id,
        { kind: "approve" },
        {
          created,
          change: { events: [{ event: "plan.approved", loop_id: id, root_id: loop.root_id, data }] },
        },
      ),
    );
    return created.length;
  }

  /** The person lets the loop change these protected files: its work passes as it is. */
  #allow(loop: Loop, files: string[]): number {
    const { id, context, root_id } = loop;
    const record = this.parts.store.iterations(id).at(-1);
    const passed = { outcome: "passed", feedback: null } as const;
    this.#perform(
      this.ledger.apply(
        id,
        { kind: "approve" },
        {
          patch: {
            progress: "passed, with your permission",
            context: { ...context, may_change: [...context.may_change, ...files] },
          },
          change: {
            iterations: record ? [{ ...record, ...passed }] : [],
            events: [{ event: "plan.approved", loop_id: id, root_id, data: { id, specs_spawned: 0 } }],
          },
        },
      ),
    );
    return 0;
  }

  /** A plan has failed with that; a question about protected files goes back to its loop as feedback. */
  reject(id: string, reason: string): void {
    const { asked } = this.ledger.loop(id).context;
    if (asked) {
      const why = reason ? `: ${reason}` : "";
      this.iterate(
        id,
        `A person has refused your changes to ${asked.join(", ")}${why}. The check passes only with them. ` +
          "Put these files back as they were and make the code pass them.",
      );
      return;
    }
    const events = [
      { event: "plan.rejected", loop_id: id, root_id: this.ledger.loop(id).root_id, data: { id, reason } },
    ];
    this.#perform(this.ledger.apply(id, { kind: "reject", reason }, { change: { events } }));
  }

  iterate(id: string, feedback: string): void {
    const loop = this.ledger.loop(id);
    const entry = { iteration: loop.iteration, layer: "person", text: feedback };
    // A person asks for another iteration: the bound must not refuse it.
    const max_iterations = Math.max(loop.max_iterations, loop.iteration + 1);
    const context = { ...loop.context, feedback: [...loop.context.feedback, entry] };
    this.#perform(this.ledger.apply(id, { kind: "iterate" }, { patch: { context, max_iterations } }));
  }

  async pause(id: string): Promise<void> {
    const event: LoopEvent = { kind: "pause", waitingFor: "resume", failure: null };
    await this.#forTree(id, event, ["pending", "running", "awaiting_approval"]);
  }

  /** Also grants what was used up again: iterations, minutes, money, tokens. */
  resume(id: string): void {
    const root = this.ledger.loop(id).root_id;
    const loops = this.ledger
      .withDescendants(id)
      .filter((loop) => ["paused", "stalled", "failed"].includes(loop.status));
    const run = this.ledger.run(root);
    if (loops.length === 0 && run.blocked === null)
      throw nothingToDo(this.ledger.withDescendants(id), "resume");
    const budget_usd =
      run.cost_usd >= run.budget_usd ? run.cost_usd + run.config.limits.run_usd : run.budget_usd;
    if (run.blocked || budget_usd !== run.budget_usd) {
      this.ledger.updateRun(
        root,
        { blocked: null, budget_usd },
        run.blocked ? { failure: null, waiting_for: null } : {},
      );
    }
    for (const loop of loops)
      this.#perform(this.ledger.apply(loop.id, { kind: "resume" }, { patch: granted(loop, run) }));
    this.#integrator.advance(root);
    this.wake();
  }

  /** Raises the bound on the cost of a loop's whole run. */
  raiseBudget(id: string, addUsd: number): Run {
    const { root_id } = this.ledger.loop(id);
    const run = this.ledger.run(root_id);
    return this.ledger.updateRun(root_id, { budget_usd: Math.max(run.budget_usd, run.cost_usd) + addUsd });
  }

  async cancel(id: string): Promise<void> {
    const stoppable = ["pending", "running", "awaiting_approval", "paused", "rebasing", "stalled", "failed"];
    await this.#forTree(id, { kind: "cancel" }, stoppable);
    await this.#integrator.settled(this.ledger.loop(id).root_id);
  }

  /** Applies an event to a loop and its descendants, where it fits, and waits until their tasks have ended. */
  async #forTree(id: string, event: LoopEvent, statuses: readonly string[]): Promise<void> {
    const tree = this.ledger.withDescendants(id);
    const fitting = tree.filter((loop) => statuses.includes(loop.status));
    if (fitting.length === 0) throw nothingToDo(tree, event.kind);
    // Parents last: until then a child that ends cannot make its run look finished.
    const applied = fitting.toReversed().map((loop) => this.ledger.apply(loop.id, event));
    await Promise.all(fitting.map((loop) => this.#stopTask(loop.id)));
    for (const one of applied) this.#perform(one);
  }

  async #stopTask(id: string): Promise<void> {
    const task = this.#tasks.get(id);
    if (!task) return;
    task.abort.abort(new LooprError("cancelled", `${id} was stopped`));
    await task.done;
  }

  /** Brings a verified run onto its target. The outcome is told by merge.* events and run_state. */
  merge(id: string): void {
    requireMergeable(this.ledger.loop(id));
    this.ledger.updateRun(
      id,
      { merge_requested: true },
      { failure: null, waiting_for: null, progress: "merging" },
    );
    this.#integrator.advance(id);
  }

  /** Takes a merged run back; resolves when that is done. Throws why it could not be. */
  async undo(id: string, again: boolean): Promise<{ commit: string; branch: string }> {
    const run = this.ledger.run(this.ledger.loop(id).root_id);
    if (again && run.undo?.commit) return { commit: run.undo.commit, branch: run.target_branch };
    requireUndoable(this.ledger.loop(id), run);
    if (run.undo?.state !== "requested") {
      const requested = { state: "requested", commit: null, failure: null } as const;
      this.ledger.updateRun(id, { undo: requested }, { progress: "undoing" });
    }
    this.#integrator.advance(id);
    await this.#integrator.settled(id);
    const { undo, blocked, target_branch } = this.ledger.run(id);
    if (undo?.commit) return { commit: undo.commit, branch: target_branch };
    const failure = undo?.failure ?? blocked;
    throw new LooprError(
      failure?.code ?? "cancelled",
      failure?.message ?? "the daemon is stopping; it goes on when it is back",
      failure?.hint ?? `loopr undo ${id}`,
    );
  }

  async delete(id: string): Promise<void> {
    const root = this.ledger.loop(id);
    const tree = this.ledger.loopsOf(root.root_id);
    requireEnded(root, tree);
    await this.#integrator.forget(root);
    this.ledger.forget(tree.map((loop) => loop.id));
  }

  /** A client has brought a key: the runs that waited for it go on. */
  credentialsArrived(serves: (run: Run) => boolean): void {
    for (const loop of this.ledger.all()) {
      if (loop.status !== "paused" || loop.failure?.code !== "no_credentials") continue;
      if (serves(this.ledger.run(loop.root_id)))
        this.#perform(this.ledger.apply(loop.id, { kind: "resume" }));
    }
  }
}
