// The loops as the engine sees them, and the single writer of their status. Each change is one store
// transaction that holds the loop, its root's run_state, and the events that tell of it.
import { runStateOf, transition, type Effect, type LoopEvent } from "../domain/transition.ts";
import { toldAbove } from "../domain/failure-below.ts";
import type { Loop, RunState } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";
import type { Clock } from "../lib/clock.ts";
import { LooprError } from "../lib/errors.ts";
import type { Change, Store } from "./ports.ts";

export interface Applied {
  loop: Loop;
  effects: Effect[];
}

/** Changes of other records that belong into the same transaction. */
export interface Extra {
  patch?: Partial<Omit<Loop, "status" | "version" | "id">>;
  run?: Partial<Run>;
  created?: Loop[];
  change?: Omit<Change, "loops" | "runs">;
}

export class Ledger {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #loops = new Map<string, Loop>();
  readonly #byRoot = new Map<string, Set<string>>();
  readonly #runs = new Map<string, Run>();

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    for (const run of store.runs()) this.#runs.set(run.id, run);
    for (const loop of store.loops()) this.#remember(loop);
  }

  find(id: string): Loop | null {
    return this.#loops.get(id) ?? null;
  }

  loop(id: string): Loop {
    const loop = this.#loops.get(id);
    if (!loop) throw new LooprError("loop_not_found", `Loop not found: ${id}`, "loopr list shows the loops");
    return loop;
  }

  run(rootId: string): Run {
    const run = this.#runs.get(rootId);
    if (!run) throw new LooprError("store_inconsistent", `the run of ${rootId} is not in the store`);
    return run;
  }

  findRun(rootId: string): Run | null {
    return this.#runs.get(rootId) ?? null;
  }

  all(): Loop[] {
    return [...this.#loops.values()];
  }

  /** All loops of the run that `rootId` is the root of, the root included, in order of their ids. */
  loopsOf(rootId: string): Loop[] {
    return [...(this.#byRoot.get(rootId) ?? [])].sort().flatMap((id) => this.#loops.get(id) ?? []);
  }

  childrenOf(id: string): Loop[] {
    const loop = this.#loops.get(id);
    return loop ? this.loopsOf(loop.root_id).filter((child) => child.parent_id === id) : [];
  }

  /** The loop and everything below it, parents first. */
  withDescendants(id: string): Loop[] {
    return [this.loop(id), ...this.childrenOf(id).flatMap((child) => this.withDescendants(child.id))];
  }

  /** Stores a new run with its root loop. */
  create(run: Run, root: Loop, records: Pick<Change, "iterations" | "artifacts"> = {}): void {
    this.#commit({ ...records, runs: [run], loops: [root], events: [event("loop.created", root)] });
  }

  /** Applies an event to a loop. Throws LooprError `invalid_state` where the state machine refuses it. */
  apply(id: string, loopEvent: LoopEvent, extra: Extra = {}): Applied {
    const loop = this.loop(id);
    const result = transition(loop, loopEvent);
    if (result.kind === "refusal") {
      throw new LooprError("invalid_state", result.message, `loopr status ${id} shows how it stands`);
    }
    // The caller's context wins over the transition's only in the fields that it has changed itself.
    const patch = { ...result.patch, ...extra.patch };
    // Where the hint was written nobody knew of which run it is.
    if (patch.failure) {
      const hint = patch.failure.hint.replaceAll("<id>", loop.root_id);
      patch.failure = { ...patch.failure, hint };
    }
    if (result.patch.context && extra.patch?.context) {
      patch.context = { ...extra.patch.context, ...changed(loop.context, result.patch.context) };
    }
    return {
      loop: this.#write({ ...loop, ...patch, status: result.status }, extra),
      effects: result.effects,
    };
  }

  /** The run_state that an event would lead to; null where the state machine refuses it. */
  preview(id: string, loopEvent: LoopEvent): RunState | null {
    const loop = this.loop(id);
    const result = transition(loop, loopEvent);
    if (result.kind === "refusal") return null;
    const after = { ...loop, ...result.patch, status: result.status };
    const family = this.loopsOf(loop.root_id).map((one) => (one.id === id ? after : one));
    const root = family.find((one) => one.id === loop.root_id);
    return root ? runStateOf(root, family, this.run(loop.root_id)) : null;
  }

  /**
   * Shows what an event makes of a loop, and of its run, without storing it: where there is no room for it.
   * The next change that can be stored stores that, too. Returns what is shown; nothing where it is refused.
   */
  pretend(id: string, loopEvent: LoopEvent): Loop[] {
    const loop = this.loop(id);
    const result = transition(loop, loopEvent);
    if (result.kind === "refusal") return [];
    this.#remember({ ...loop, ...result.patch, status: result.status });
    const root = this.loop(loop.root_id);
    const run_state = runStateOf(root, this.loopsOf(root.id), this.run(root.id));
    this.#remember({ ...root, run_state });
    return [...new Set([id, root.id])].map((shown) => this.loop(shown));
  }

  /** Changes fields other than the status. */
  update(id: string, patch: NonNullable<Extra["patch"]>, extra: Extra = {}): Loop {
    return this.#write({ ...this.loop(id), ...patch }, extra);
  }

  updateRun(rootId: string, patch: Partial<Run>, rootPatch: NonNullable<Extra["patch"]> = {}): Run {
    this.#write({ ...this.loop(rootId), ...rootPatch }, { run: patch });
    return this.run(rootId);
  }

  /** Changes runs without their loops, all of them or none. */
  putRuns(runs: readonly Run[]): void {
    this.#commit({ runs: [...runs] });
  }

  /** Records that change no loop: iterations, evidence, artifacts, events. */
  record(change: Omit<Change, "loops" | "runs">): void {
    this.#commit(change);
  }

  forget(ids: readonly string[]): void {
    const deleted = ids.map((id) => this.loop(id));
    this.#commit({ deletes: [...ids], events: deleted.map((loop) => event("loop.deleted", loop)) });
    for (const loop of deleted) {
      this.#loops.delete(loop.id);
      this.#byRoot.get(loop.root_id)?.delete(loop.id);
      this.#runs.delete(loop.id);
    }
  }

  #write(changedLoop: Loop, extra: Extra): Loop {
    const now = this.#clock.now();
    const run = { ...this.run(changedLoop.root_id), ...extra.run };
    const stored = { ...changedLoop, version: changedLoop.version + 1, updated_at: now };
    const loops = new Map([[stored.id, stored]]);
    for (const child of extra.created ?? []) loops.set(child.id, child);

    const family = [...this.loopsOf(run.id).filter((loop) => !loops.has(loop.id)), ...loops.values()];
    const root = family.find((loop) => loop.id === run.id);
    if (stored.parent_id !== null && stored.parent_id !== run.id) {
      for (const above of toldAbove(stored, new Map(family.map((loop) => [loop.id, loop]))))
        loops.set(above.id, { ...above, version: above.version + 1, updated_at: now });
    }
    if (root) {
      const runState = runStateOf(root, family, run);
      if (loops.has(root.id)) loops.set(root.id, { ...root, run_state: runState });
      else if (root.run_state !== runState || run.cost_usd !== this.run(run.id).cost_usd) {
        loops.set(root.id, { ...root, run_state: runState, version: root.version + 1, updated_at: now });
      }
    }
    const created = new Set((extra.created ?? []).map((loop) => loop.id));
    const told = extra.change?.events ?? [];
    this.#commit({
      ...extra.change,
      loops: [...loops.values()],
      runs: extra.run ? [run] : [],
      events: [
        ...told.filter(endsIteration),
        ...[...loops.values()].map((loop) =>
          event(created.has(loop.id) ? "loop.created" : "loop.updated", loop),
        ),
        ...told.filter((one) => !endsIteration(one)),
      ],
    });
    return this.loop(stored.id);
  }

  #commit(change: Change): void {
    this.#store.commit(change);
    for (const run of change.runs ?? []) this.#runs.set(run.id, run);
    for (const loop of change.loops ?? []) this.#remember(loop);
  }

  #remember(loop: Loop): void {
    this.#loops.set(loop.id, loop);
    const family = this.#byRoot.get(loop.root_id);
    if (family) family.add(loop.id);
    else this.#byRoot.set(loop.root_id, new Set([loop.id]));
  }
}

/** It is told before what becomes of the loop: it came before. */
function endsIteration({ event }: { event: string }): boolean {
  return event === "loop.iteration";
}

function event(name: string, loop: Loop) {
  return { event: name, loop_id: loop.id, root_id: loop.root_id, data: loop };
}

function changed<T extends object>(before: T, after: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(after).filter(([key, value]) => before[key as keyof T] !== value),
  ) as Partial<T>;
}
