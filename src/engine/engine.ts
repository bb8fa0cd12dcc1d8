// The engine: decides what runs, and applies what became of it. Woken by events, never by polling. Every status
// change goes through the ledger. What people decide is in gate.ts, what they signal in signals.ts.
import type { Loop } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";
import { schedule, type ScheduleLimits } from "../domain/schedule.ts";
import type { LoopEvent } from "../domain/transition.ts";
import { LooprError } from "../lib/errors.ts";
import { Gate } from "./gate.ts";
import { Ledger, type Applied } from "./ledger.ts";
import type { EngineOptions, Parts } from "./parts.ts";
import { Integrator } from "./integrator.ts";
import { NoRoom, noRoom, roomOnDisk } from "./no-room.ts";
import type { Change } from "./ports.ts";
import { requireEnded, requireMergeable } from "./refusals.ts";
import { retried } from "./retry.ts";
import { Signals } from "./signals.ts";
import { Spending } from "./spending.ts";
import type { TaskEnd } from "./task.ts";
import { Tasks } from "./tasks.ts";
import { requireUndoable } from "./undo.ts";
import { Verifier } from "./verify.ts";

const tickMsDefault = 30_000;

export class Engine {
  readonly ledger: Ledger;
  readonly parts: Parts;
  readonly verifier: Verifier;
  readonly #limits: ScheduleLimits;
  readonly #tickMs: number;
  readonly gate: Gate;
  readonly signals: Signals;
  readonly #tasks: Tasks;
  readonly #integrator: Integrator;
  #ticking: NodeJS.Timeout | undefined;
  readonly #noRoom: NoRoom;
  #stopping = false;
  #held = false;

  constructor(options: EngineOptions & { limits: ScheduleLimits; tickMs?: number | undefined }) {
    this.#tickMs = options.tickMs ?? tickMsDefault;
    this.ledger = new Ledger(options.store, options.clock);
    const spending = new Spending(this.ledger, options.clock);
    this.parts = {
      ...options,
      ledger: this.ledger,
      spending,
      iterationEnded: (rootId) => {
        this.#integrator.advance(rootId);
      },
      isHeld: () => this.#held,
    };
    this.#limits = options.limits;
    this.verifier = new Verifier(this.parts);
    const wake = () => {
      this.wake();
    };
    this.#tasks = new Tasks(this.parts, { ended: (id, end) => this.#ended(id, end), gone: wake });
    this.#noRoom = new NoRoom(this.parts, (rootIds) => {
      for (const id of rootIds) this.#integrator.advance(id);
      this.wake();
    });
    this.#integrator = new Integrator(this.parts, {
      wake,
      pause: (rootId, failure) => {
        this.signals.pauseFor(rootId, "divergence", failure);
      },
      noRoom: (rootId, failure) => {
        this.#noRoom.stepWaits(failure, rootId);
      },
    });
    const core = {
      parts: this.parts,
      ledger: this.ledger,
      tasks: this.#tasks,
      integrator: this.#integrator,
      perform: (applied: Applied) => {
        this.#perform(applied);
      },
      wake,
    };
    this.gate = new Gate(core);
    this.signals = new Signals(core);
  }

  // ------------------------------------------------------------ life

  /** Before the daemon listens: what was running when it died is pending again. Only the store is touched. */
  recover(): number {
    const running = this.ledger
      .all()
      .filter((loop) => loop.status === "running" || loop.status === "rebasing");
    for (const loop of running) this.#interrupt(loop);
    this.signals.recover();
    return running.length;
  }

  /** After it listens: git is repaired, queues go on, loops are scheduled. */
  start(): void {
    this.verifier.start();
    this.signals.start();
    for (const loop of this.ledger.all()) {
      // It died between a plan that passed and the approval that its run was given beforehand.
      if (loop.status === "awaiting_approval" && loop.loop_type === "plan") this.gate.approveAsTold(loop);
      if (loop.parent_id === null) this.#integrator.advance(loop.id);
    }
    this.wake();
    this.#ticking = setInterval(() => {
      this.#tick();
    }, this.#tickMs).unref();
  }

  /** For what no event tells of: loops grow older in the queue, and somebody may have moved a target. */
  #tick(): void {
    for (const { id, run_state } of this.ledger.all())
      if (run_state === "executing" || run_state === "planning") this.#integrator.advance(id);
    this.wake();
  }

  /** Running loops are interrupted at once, marked, and resumed by the next daemon. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#ticking);
    this.#noRoom.stop();
    const ids = this.#tasks.ids();
    await Promise.all([
      ...ids.map((id) => this.#tasks.stop(id)),
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
        patch: { progress: "interrupted; goes on where it was" },
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

  get atWork(): boolean {
    return this.#tasks.size > 0 || this.#integrator.runsAtWork > 0 || this.#noRoom.isWaiting;
  }

  wake(): void {
    if (this.#stopping || this.#held) return;
    const live = this.ledger.all();
    for (const loop of schedule(live, this.#limits, this.parts.clock.now())) {
      if (this.#tasks.has(loop.id)) continue; // its last task is still ending; that wakes us again
      if (!this.#started(loop.id)) return;
    }
  }

  /** False where there is no room to store it: then none is for the next one, either. */
  #started(id: string): boolean {
    try {
      this.#perform(this.ledger.apply(id, { kind: "start" }));
      return true;
    } catch (error) {
      const failure = noRoom(error);
      if (failure === null) throw error;
      this.#noRoom.stepWaits(failure);
      return false;
    }
  }

  #perform({ loop, effects }: Applied): void {
    for (const effect of effects) {
      if (effect === "run_task") this.#tasks.start(loop.id);
      else if (effect === "schedule" || effect === "spawn_children") this.wake();
      else if (effect === "integrate") this.#integrator.advance(loop.root_id);
      else if (effect === "clean_up") this.#integrator.discard(loop);
      // stop_task: whoever applies such an event to a running loop stops its task itself, and waits for it.
    }
  }

  async #ended(id: string, end: TaskEnd): Promise<void> {
    try {
      if (end.kind === "pause" && end.waitingFor === roomOnDisk) this.#noRoom.loopWaits(id, end.failure);
      else await this.#endTask(id, end);
    } catch (error) {
      const failure = noRoom(error);
      if (failure === null) throw error;
      this.#noRoom.loopWaits(id, failure);
    }
  }

  async #endTask(id: string, end: TaskEnd): Promise<void> {
    if (end.kind === "pass") {
      this.gate.passed(id, end.change);
      return;
    }
    if (end.kind === "held") {
      const loop = this.ledger.loop(id);
      if (loop.status === "running") this.#interrupt(loop);
      return;
    }
    if (end.kind === "ask") {
      this.gate.asked(id, end.files, end.change);
      return;
    }
    const event: LoopEvent = end;
    if (end.kind !== "pause" && (await retried(this.parts, this.#integrator, id, end.failure))) {
      this.wake();
      return;
    }
    if (end.kind !== "pause") await this.#integrator.cleanUp.before(this.ledger.loop(id), event);
    if (!["running", "rebasing"].includes(this.ledger.loop(id).status)) return; // a person was quicker
    this.parts.log.info(`loop ${end.kind}`, {
      loop: id,
      code: end.failure.code,
      message: end.failure.message,
    });
    const { loop } = this.ledger.apply(id, event);
    this.#integrator.advance(loop.root_id);
  }

  // ------------------------------------------------------------ what people and clients ask for

  /** `records`: what is on record of the root already. */
  create(run: Run, root: Loop, records: Pick<Change, "iterations" | "artifacts"> = {}): void {
    this.ledger.create(run, root, records);
    this.wake();
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
    requireEnded(root, tree, this.ledger.run(root.root_id));
    await this.#integrator.cleanUp.forget(root);
    this.ledger.forget(tree.map((loop) => loop.id));
  }
}
