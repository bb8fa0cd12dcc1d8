// What loops use up while they run: time since their tasks began, and what model calls under way have leased. Kept
// in memory only: with the daemon its calls end, and what they have cost by then is in the store.
import {
  amountOf,
  boundsOf,
  codeOf,
  grantCall,
  type Bound,
  type CallPlan,
  type Use,
} from "../domain/bounds.ts";
import type { Loop } from "../domain/loop.ts";
import type { Clock } from "../lib/clock.ts";
import { deferred } from "../lib/deferred.ts";
import { LooprError } from "../lib/errors.ts";
import type { Ledger } from "./ledger.ts";

const msPerMinute = 60_000;

export interface Lease {
  /** How long the answer may get. */
  maxTokens: number;
  giveBack(): void;
}

export class Spending {
  readonly #ledger: Ledger;
  readonly #clock: Clock;
  /** Loops whose tasks run: when they began, and how long they had run before. */
  readonly #running = new Map<string, { sinceMs: number; beforeMs: number }>();
  readonly #leases = new Map<string, Pick<Use, "usd" | "tokens">>();
  /** Loops with others below them that run: how many, since when, and the time of those before. */
  readonly #above = new Map<string, { count: number; sinceMs: number; beforeMs: number }>();
  #returned = deferred<null>();

  constructor(ledger: Ledger, clock: Clock) {
    this.#ledger = ledger;
    this.#clock = clock;
  }

  begins(id: string): void {
    const beforeMs = this.#ledger.loop(id).context.running_ms;
    this.#running.set(id, { sinceMs: this.#clock.now(), beforeMs });
    for (const above of this.#ancestorsOf(id)) {
      const known = this.#above.get(above.id);
      if (known) known.count += 1;
      else
        this.#above.set(above.id, {
          count: 1,
          sinceMs: this.#clock.now(),
          beforeMs: this.#belowBefore(above),
        });
    }
  }

  /** Its running time is stored, however it ended. */
  ends(id: string): void {
    const running_ms = this.runningMs(id);
    this.#running.delete(id);
    const loop = this.#ledger.find(id);
    if (loop && loop.context.running_ms !== running_ms)
      this.#ledger.update(id, { context: { ...loop.context, running_ms } });
    for (const above of this.#ancestorsOf(id)) this.#endsBelow(above);
  }

  /** With the last of those below a loop their time is stored. */
  #endsBelow(above: Loop): void {
    const known = this.#above.get(above.id);
    if (known === undefined) return;
    known.count -= 1;
    if (known.count > 0) return;
    const below_ms = this.belowMs(above.id);
    this.#above.delete(above.id);
    if (above.context.below_ms !== below_ms)
      this.#ledger.update(above.id, { context: { ...above.context, below_ms } });
  }

  /** What a daemon that died has not stored of the time below a loop is told by its children at the least. */
  #belowBefore({ id, context }: Loop): number {
    const known = this.#ledger
      .childrenOf(id)
      .map((child) => child.context.running_ms + (child.context.below_ms ?? 0));
    return Math.max(context.below_ms ?? 0, ...known);
  }

  #ancestorsOf(id: string): Loop[] {
    const ancestors: Loop[] = [];
    let parentId = this.#ledger.find(id)?.parent_id ?? null;
    while (parentId !== null) {
      const parent = this.#ledger.find(parentId);
      if (parent !== null) ancestors.push(parent);
      parentId = parent?.parent_id ?? null;
    }
    return ancestors;
  }

  /** The time in which anything below the loop was running. */
  belowMs(id: string): number {
    const known = this.#above.get(id);
    if (known === undefined) return this.#ledger.find(id)?.context.below_ms ?? 0;
    return known.beforeMs + this.#clock.now() - known.sinceMs;
  }

  runningMs(id: string): number {
    const running = this.#running.get(id);
    if (running === undefined) return this.#ledger.find(id)?.context.running_ms ?? 0;
    return running.beforeMs + this.#clock.now() - running.sinceMs;
  }

  bounds(id: string): Bound[] {
    const loop = this.#ledger.loop(id);
    return boundsOf(loop, this.#ledger.run(loop.root_id), {
      family: this.#ledger.loopsOf(loop.root_id),
      minutesOf: (one: Loop) => this.runningMs(one.id) / msPerMinute,
      minutesBelow: (one: Loop) => this.belowMs(one.id) / msPerMinute,
      leases: this.#leases,
    });
  }

  /** Milliseconds that the loop may certainly run on, and the bound that ends it then. */
  timeLeft(id: string): { ms: number; bound: Bound } | null {
    const bounds = this.bounds(id).filter(({ kind }) => kind === "minutes");
    const running = Math.max(1, this.#running.size);
    const left = bounds.map((bound) => ({
      bound,
      // Loops that run at the same time use the run's minutes up together, and a parent's once.
      ms: ((bound.limit - bound.used) * msPerMinute) / (bound.owner === null ? running : 1),
    }));
    return left.toSorted((a, b) => a.ms - b.ms)[0] ?? null;
  }

  /**
   * Leases what a model call may use at most. Waits while other calls hold what is missing, since they return
   * what they do not use. Throws LooprError `budget_…` where it is used up.
   */
  async lease(id: string, call: CallPlan, signal: AbortSignal): Promise<Lease> {
    for (;;) {
      signal.throwIfAborted();
      const grant = grantCall(this.bounds(id), call);
      if (grant.kind === "used_up") throw usedUp(this.#ledger.loop(id), grant.bound, grant.needed);
      if (grant.kind === "granted") {
        this.#leases.set(id, grant.lease);
        return {
          maxTokens: grant.maxTokens,
          giveBack: () => {
            this.#leases.delete(id);
            this.#returned.resolve(null);
            this.#returned = deferred<null>();
          },
        };
      }
      await this.#returned.promise;
    }
  }
}

/** The loop pauses with it until a person raises the bound. */
export function usedUp(loop: Loop, bound: Bound, needed: number): LooprError {
  const { owner, kind, limit, used } = bound;
  const whose =
    owner === null
      ? "the run"
      : owner === loop.id
        ? `${loop.loop_type} "${loop.title}"`
        : `its parent ${owner}, with all that is below it,`;
  const amount = amountOf(kind, limit);
  const time = kind === "minutes" ? " of running time" : "";
  const short =
    used < limit
      ? `the next model call needs ${amountOf(kind, needed)}, and of the bound of ${amount} for ${whose} only ${amountOf(kind, limit - used)} is left`
      : `${whose} has used up its bound of ${amount}${time}`;
  const option = { usd: "--add 5", tokens: "--tokens 100000", minutes: "--minutes 60" }[kind];
  const target = owner ?? loop.root_id;
  return new LooprError(
    codeOf(bound),
    short,
    `loopr budget ${target} ${option} raises it, then loopr resume ${loop.root_id}; resume alone grants as much again`,
  );
}
