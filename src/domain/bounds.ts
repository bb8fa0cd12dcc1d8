// The bounds of a loop: its own, those of its ancestors, on whose budgets it draws, and the run's. What a
// model call may use is leased from all of them before it is made, and returned when it ends. Pure.
import type { Loop } from "./loop.ts";
import type { Run } from "./run.ts";

export const boundKinds = ["usd", "tokens", "minutes"] as const;
export type BoundKind = (typeof boundKinds)[number];

/** What is used, or leased for now. */
export interface Use {
  usd: number;
  tokens: number;
  minutes: number;
}

/** One bound that counts for a loop. */
export interface Bound {
  /** The loop whose bound it is; null: the whole run's. */
  owner: string | null;
  kind: BoundKind;
  limit: number;
  /** With everything below the owner. Minutes are told by the clock, however many run at a time; the run's add up. */
  used: number;
  /** By model calls under way. */
  leased: number;
}

export interface Spending {
  /** The whole run's loops. */
  family: readonly Loop[];
  /** The loop's own running time so far, in minutes. */
  minutesOf(loop: Loop): number;
  /** The time in which anything below the loop was running, in minutes. */
  minutesBelow(loop: Loop): number;
  /** What model calls under way have leased, by loop. */
  leases: ReadonlyMap<string, Pick<Use, "usd" | "tokens">>;
}

/** Every bound that counts for the loop: its own, its ancestors', and the run's. */
export function boundsOf(loop: Loop, run: Run, spending: Spending): Bound[] {
  const bounds: Bound[] = [];
  const bound = (owner: string | null, kind: BoundKind, limit: number | null | undefined, within: Loop[]) => {
    if (limit === null || limit === undefined) return;
    const used = sum(within, (one) => usedBy(one, kind, spending));
    const leased = kind === "minutes" ? 0 : sum(within, ({ id }) => spending.leases.get(id)?.[kind] ?? 0);
    bounds.push({ owner, kind, limit, used, leased });
  };
  for (const owner of spending.family.filter(({ id }) => isWithin(loop.id, id))) {
    const used = spending.minutesOf(owner) + spending.minutesBelow(owner);
    bounds.push({ owner: owner.id, kind: "minutes", limit: owner.budget.minutes, used, leased: 0 });
    const within = spending.family.filter(({ id }) => isWithin(id, owner.id));
    bound(owner.id, "usd", owner.budget.usd, within);
    bound(owner.id, "tokens", owner.budget.tokens, within);
  }
  bound(null, "usd", run.budget_usd, [...spending.family]);
  bound(null, "tokens", run.budget_tokens, [...spending.family]);
  bound(null, "minutes", run.budget_minutes, [...spending.family]);
  return bounds;
}

/** Ids hold their ancestors': a child's begins with its parent's and a hyphen. */
function isWithin(id: string, ancestor: string): boolean {
  return id === ancestor || id.startsWith(`${ancestor}-`);
}

function usedBy(loop: Loop, kind: BoundKind, spending: Spending): number {
  if (kind === "usd") return loop.cost_usd;
  return kind === "tokens" ? loop.tokens_in + loop.tokens_out : spending.minutesOf(loop);
}

function sum(loops: readonly Loop[], of: (loop: Loop) => number): number {
  return loops.reduce((total, loop) => total + of(loop), 0);
}

/** A call that is asked for: its prompt is known, and of its answer the most that it may be. */
export interface CallPlan {
  inputTokens: number;
  maxTokens: number;
  /** Dollars for a prompt and an answer of so many tokens. */
  priceOf(inputTokens: number, outputTokens: number): number;
}

export type Grant =
  | { kind: "granted"; maxTokens: number; lease: Pick<Use, "usd" | "tokens"> }
  /** Calls under way have leased what is missing; what they do not use comes back. */
  | { kind: "wait" }
  /** `needed`: how much has to be left of it before the call can be made. */
  | { kind: "used_up"; bound: Bound; needed: number };

/** A shorter answer than this is hardly worth its prompt: rather a person is asked. */
const usefulTokens = 1_000;

/** How long the answer may get so that no bound is passed, or why the call is not made. */
export function grantCall(bounds: readonly Bound[], call: CallPlan): Grant {
  const least = Math.min(call.maxTokens, usefulTokens);
  let maxTokens = call.maxTokens;
  let waits = false;
  for (const bound of bounds) {
    const free = bound.limit - bound.used;
    const needed = neededFor(bound.kind, call, least);
    if (free <= 0 || free < needed) return { kind: "used_up", bound, needed };
    const now = answerWithin(bound.kind, free - bound.leased, call);
    if (now < call.maxTokens && bound.leased > 0) waits = true;
    maxTokens = Math.min(maxTokens, now);
  }
  if (waits) return { kind: "wait" };
  const usd = call.priceOf(call.inputTokens, maxTokens);
  return { kind: "granted", maxTokens, lease: { usd, tokens: call.inputTokens + maxTokens } };
}

/** How much of a kind has to be left for a call with an answer of so many tokens. */
export function neededFor(kind: BoundKind, call: CallPlan, outputTokens: number): number {
  if (kind === "usd") return call.priceOf(call.inputTokens, outputTokens);
  return kind === "tokens" ? call.inputTokens + outputTokens : 0;
}

/** The longest answer for so much of a kind; prices grow evenly with the answer. */
function answerWithin(kind: BoundKind, left: number, call: CallPlan): number {
  if (kind === "minutes") return call.maxTokens;
  if (kind === "tokens") return Math.floor(left - call.inputTokens);
  const prompt = call.priceOf(call.inputTokens, 0);
  const perToken = (call.priceOf(call.inputTokens, call.maxTokens) - prompt) / call.maxTokens;
  return perToken > 0 ? Math.floor((left - prompt) / perToken) : call.maxTokens;
}

/** The code of the failure with which a loop pauses at a bound. */
export function codeOf(bound: Pick<Bound, "owner" | "kind">): string {
  return bound.owner === null ? `budget_run_${bound.kind}` : `budget_${bound.kind}`;
}

/** An amount with its unit, as people read it. */
export function amountOf(kind: BoundKind, amount: number): string {
  if (kind === "usd") return `$${Number(amount.toFixed(amount < 1 ? 4 : 2))}`;
  if (kind === "tokens") return `${Math.round(amount)} tokens`;
  return `${Number(amount.toFixed(1))} minutes`;
}
