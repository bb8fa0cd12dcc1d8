// Signals: a person tells loops and what is below them to stop, wait, go on, rebase or run again. Each is stored as
// an intent before anything is done about it, and forgotten when all of it is done, so that a daemon that dies in
// between has its successor do the rest.
import { selectLoops, type Term } from "../domain/selector.ts";
import type { Failure, Loop, LoopStatus } from "../domain/loop.ts";
import type { Intent, Run } from "../domain/run.ts";
import type { Signal } from "../domain/signal.ts";
import type { LoopEvent } from "../domain/transition.ts";
import { LooprError } from "../lib/errors.ts";
import { grantAgain, raiseBounds, type Raise } from "./bounds.ts";
import type { Core } from "./core.ts";
import type { Applied } from "./ledger.ts";
import { nothingToDo, requireNotOver } from "./refusals.ts";
import { invalidate } from "./rerun.ts";

/** In which states of a loop a signal has something to do. */
const fitting: Readonly<Record<Signal, readonly LoopStatus[]>> = {
  stop: ["pending", "running", "awaiting_approval", "paused", "rebasing", "stalled", "failed"],
  pause: ["pending", "running", "awaiting_approval", "rebasing"],
  resume: ["paused", "stalled", "failed"],
  rebase: ["pending", "running", "awaiting_approval", "paused", "stalled", "failed"],
  invalidate: ["running", "awaiting_approval", "paused", "rebasing", "complete", "failed", "stalled"],
};

/** As people call them. */
const verbs: Readonly<Record<Signal, string>> = {
  stop: "cancel",
  pause: "pause",
  resume: "resume",
  rebase: "rebase",
  invalidate: "run again",
};

/** What a person says with a signal. */
export interface Said {
  /** For the loop that runs again. */
  feedback?: string | null;
  /** Globs of protected files that the resumed loops may change from now on. */
  mayChange?: readonly string[];
  /** Which key pays for a run once the signal is accepted; of a signal that is refused nothing is kept. */
  credentialsFor?: (run: Run) => Run["credentials"];
}

export class Signals {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** The loops that any of the selectors means, of those that `within` lets through. */
  named(selectors: readonly Term[][], within: (loop: Loop) => boolean): Loop[] {
    const { ledger } = this.#core;
    for (const id of selectors.flatMap((terms) => terms.flatMap((term) => ("id" in term ? [term.id] : []))))
      ledger.loop(id); // throws where there is none
    const all = ledger.all().filter(within);
    // An id names a loop wherever it is.
    const poolOf = (terms: Term[]) => (terms.some((term) => "id" in term) ? ledger.all() : all);
    const named = new Set(selectors.flatMap((terms) => selectLoops(terms, poolOf(terms))));
    if (named.size > 0) return [...named];
    const here = all.length === 1 ? "is 1 loop" : `are ${all.length} loops`;
    throw new LooprError(
      "loop_not_found",
      `no loop is what the selector says: there ${here}, and it holds for none`,
      "loopr list shows them with their types and states",
    );
  }

  /**
   * Sends a signal to loops and all that is below them. Resolves when it is acted on: what was running has ended
   * with `stop` and `pause`, and what runs again is pending with `invalidate`.
   */
  async send(signal: Signal, ids: readonly string[], said: Said = {}): Promise<Loop[]> {
    const { ledger } = this.#core;
    const tree = this.#closure(signal, ids);
    const chosen = tree.filter((loop) => this.#fits(signal, loop));
    if (chosen.length === 0) throw this.#refusal(signal, tree);
    const byRun = Map.groupBy(chosen, (loop) => loop.root_id);
    const intents = [...byRun].map(([rootId, loops]) => ({
      rootId,
      intent: {
        id: crypto.randomUUID(),
        signal,
        loops: loops.map(({ id }) => id),
        feedback: said.feedback ?? null,
        ...(said.mayChange?.length && { may_change: [...said.mayChange] }),
      },
    }));
    ledger.putRuns(
      intents.map(({ rootId, intent }) => {
        const run = ledger.run(rootId);
        const credentials = said.credentialsFor ? said.credentialsFor(run) : run.credentials;
        return { ...run, credentials, intents: [...(run.intents ?? []), intent] };
      }),
    );
    await Promise.all(intents.map(({ rootId, intent }) => this.#act(rootId, intent)));
    for (const { rootId } of intents) this.#requireDone(rootId, signal);
    return chosen.flatMap(({ id }) => ledger.find(id) ?? []);
  }

  /** The loops themselves and all below them; with `invalidate` only the topmost, which take the rest with them. */
  #closure(signal: Signal, ids: readonly string[]): Loop[] {
    const { ledger } = this.#core;
    const named = [...new Set(ids)].toSorted();
    const topmost = named.filter((id) => !named.some((other) => id.startsWith(`${other}-`)));
    if (signal === "invalidate") return topmost.map((id) => ledger.loop(id));
    return topmost.flatMap((id) => ledger.withDescendants(id));
  }

  #fits(signal: Signal, loop: Loop): boolean {
    const { ledger } = this.#core;
    const run = ledger.run(loop.root_id);
    if (signal === "rebase" && loop.loop_type !== "code") return false;
    if (signal === "invalidate" && run.merged_commit !== null) return false;
    if (signal === "resume" && loop.parent_id === null && run.blocked !== null) return true;
    return fitting[signal].includes(loop.status);
  }

  #refusal(signal: Signal, tree: readonly Loop[]): LooprError {
    const merged = tree.find((loop) => this.#core.ledger.run(loop.root_id).merged_commit !== null);
    if (signal !== "invalidate" || merged === undefined) return nothingToDo(tree, verbs[signal]);
    return new LooprError(
      "invalid_state",
      `run ${merged.root_id} is merged: none of it can run again`,
      `loopr undo ${merged.root_id} takes it back`,
    );
  }

  /** What git refused is told to whoever asked; the intent stays, and resuming the run takes it up again. */
  #requireDone(rootId: string, signal: Signal): void {
    const { blocked, intents } = this.#core.ledger.run(rootId);
    if (signal !== "invalidate" || blocked === null || !intents?.length) return;
    throw new LooprError(blocked.code, blocked.message, blocked.hint);
  }

  /** Resolves when the intent is carried out and forgotten. */
  async #act(rootId: string, intent: Intent): Promise<void> {
    const { integrator } = this.#core;
    if (intent.signal === "invalidate") {
      integrator.between(rootId, () => invalidate(this.#core, intent));
      await integrator.settled(rootId);
      return;
    }
    const applied = this.#apply(intent);
    this.#forget(rootId, intent);
    if (intent.signal === "stop" || intent.signal === "pause")
      await Promise.all(applied.map(({ loop }) => this.#core.tasks.stop(loop.id)));
    for (const one of applied) this.#core.perform(one);
    for (const open of this.#core.ledger.run(rootId).intents ?? [])
      if (intent.signal === "resume") integrator.between(rootId, () => invalidate(this.#core, open));
    integrator.advance(rootId);
    this.#core.wake();
    if (intent.signal === "stop") await integrator.settled(rootId);
  }

  /** The part of an intent that is done in the store alone. */
  #apply(intent: Intent): Applied[] {
    const { ledger, parts } = this.#core;
    if (intent.signal === "invalidate") return []; // needs git, too
    // Children first: until their parents follow, one that ends cannot make its run look finished.
    const loops = intent.loops.toReversed().flatMap((id) => ledger.find(id) ?? []);
    const applied: Applied[] = [];
    for (const loop of loops) {
      const run = ledger.run(loop.root_id);
      if (intent.signal === "resume" && run.blocked !== null)
        ledger.updateRun(run.id, { blocked: null }, { failure: null, waiting_for: null });
      if (!fitting[intent.signal].includes(loop.status)) continue;
      if (intent.signal === "rebase") {
        ledger.update(loop.id, { context: { ...loop.context, rebase: true } });
        continue;
      }
      const patch =
        intent.signal === "resume" ? { ...grantAgain(parts, loop.id), ...told(loop, intent) } : {};
      applied.push(ledger.apply(loop.id, eventOf(intent.signal), { patch }));
    }
    return applied;
  }

  #forget(rootId: string, intent: Intent): void {
    const run = this.#core.ledger.run(rootId);
    const intents = (run.intents ?? []).filter(({ id }) => id !== intent.id);
    this.#core.ledger.putRuns([{ ...run, intents }]);
  }

  /** Before the daemon listens: intents that its predecessor did not get to, as far as the store alone is concerned. */
  recover(): void {
    for (const [rootId, intent] of this.#open()) {
      if (intent.signal === "invalidate") continue;
      this.#apply(intent);
      this.#forget(rootId, intent);
    }
  }

  /** After it listens: the rest of them. */
  start(): void {
    for (const [rootId, intent] of this.#open()) void this.#act(rootId, intent);
  }

  #open(): [string, Intent][] {
    const roots = this.#core.ledger.all().filter(({ parent_id }) => parent_id === null);
    return roots.flatMap(({ id }) =>
      (this.#core.ledger.run(id).intents ?? []).map((intent): [string, Intent] => [id, intent]),
    );
  }

  /** Pauses what is at work in a run, for a reason that is not a person's. */
  pauseFor(rootId: string, waitingFor: string, failure: Failure): void {
    const { ledger, tasks } = this.#core;
    for (const { id, status } of ledger.loopsOf(rootId).toReversed()) {
      if (!["pending", "running", "rebasing"].includes(status)) continue;
      ledger.apply(id, { kind: "pause", waitingFor, failure });
      void tasks.stop(id);
    }
  }

  /** Raises what bounds a loop; see `raiseBounds`. Throws `invalid_state` where it is over. */
  raiseBounds(id: string, raise: Raise): Run {
    const { ledger } = this.#core;
    requireNotOver(ledger.loop(id), ledger.loop(ledger.loop(id).root_id));
    raiseBounds(this.#core.parts, id, raise);
    return ledger.run(ledger.loop(id).root_id);
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

/** What a person says with `resume`: for the next prompt. Loops made below it later inherit what may change. */
function told(loop: Loop, intent: Intent): Pick<Loop, "context"> | null {
  const may = intent.may_change ?? [];
  const texts = may.length
    ? [`A person allows you to change these protected files where the task needs it: ${may.join(", ")}.`]
    : [];
  if (intent.feedback !== null) texts.push(intent.feedback);
  if (texts.length === 0) return null;
  const { context, iteration } = loop;
  const said = texts.map((text) => ({ iteration, layer: "person", text }));
  return {
    context: {
      ...context,
      may_change: [...new Set([...context.may_change, ...may])],
      feedback: [...context.feedback, ...said],
    },
  };
}

function eventOf(signal: Exclude<Signal, "rebase" | "invalidate">): LoopEvent {
  switch (signal) {
    case "stop":
      return { kind: "cancel" };
    case "pause":
      return { kind: "pause", waitingFor: "resume", failure: null };
    case "resume":
      return { kind: "resume" };
  }
}
