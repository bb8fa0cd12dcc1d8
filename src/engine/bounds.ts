// The bounds of loops and runs: told, and raised by a person or by resuming what has paused at one.
import { amountOf, boundKinds, codeOf, type Bound, type BoundKind } from "../domain/bounds.ts";
import type { Loop } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";
import { typeOf } from "../domain/loop-types.ts";
import { LooprError } from "../lib/errors.ts";
import type { Parts } from "./parts.ts";

/** The bounds in one line, for the start of a run. */
export function describeBounds(loop: Loop, run: Run): string {
  const { budget } = loop;
  const run_ = [
    amountOf("usd", run.budget_usd),
    ...(run.budget_tokens ? [amountOf("tokens", run.budget_tokens)] : []),
    ...(run.budget_minutes ? [amountOf("minutes", run.budget_minutes)] : []),
  ];
  const parts = [
    `${budget.iterations} iterations`,
    `${budget.turns} turns each`,
    `${budget.minutes} minutes${loop.loop_type === "code" ? "" : " with all that is below it"}`,
    ...(budget.usd === null ? [] : [`$${budget.usd} a loop`]),
    ...(budget.tokens === null ? [] : [`${budget.tokens} tokens a loop`]),
    `${run_.join(" and ")} for the run`,
  ];
  return parts.join(", ");
}

/** How much more a person allows, by kind. */
export interface Raise {
  usd?: number;
  tokens?: number;
  minutes?: number;
  iterations?: number;
}

type Needs = Pick<Parts, "ledger" | "spending">;

/**
 * Raises what bounds the loop: its own bound, with a root the run's, and what a loop below it has paused at. Bounds
 * further up are raised only as far as the loop can then use what it was given.
 */
export function raiseBounds(needs: Needs, id: string, raise: Raise): void {
  const { ledger } = needs;
  const loop = ledger.loop(id);
  if (raise.iterations !== undefined) {
    const max_iterations = loop.max_iterations + raise.iterations;
    ledger.update(id, { max_iterations, budget: { ...loop.budget, iterations: max_iterations } });
  }
  for (const kind of boundKinds) {
    const more = raise[kind];
    if (more === undefined) continue;
    raiseKind(needs, ledger.loop(id), kind, more);
    for (const below of ledger.withDescendants(id)) {
      const paused = below.status === "paused" && below.failure?.code === codeOf({ owner: below.id, kind });
      if (paused && below.id !== id) raiseTightest(needs, below, kind, more);
      tellRaised(needs, below.id, kind);
    }
  }
}

function raiseKind(needs: Needs, loop: Loop, kind: BoundKind, more: number): void {
  const bounds = needs.spending.bounds(loop.id).filter((bound) => bound.kind === kind);
  const isOwn = ({ owner }: Bound) => owner === loop.id || (owner === null && loop.parent_id === null);
  const own = bounds.some(isOwn) ? bounds.filter(isOwn) : bounds.filter(({ owner }) => owner === null);
  if (own.length === 0) {
    throw new LooprError(
      "invalid_state",
      `${loop.loop_type} ${loop.id} has no bound on ${kind}: there is nothing to raise`,
      `loopr status ${loop.id} shows the bounds that it has`,
    );
  }
  for (const bound of bounds) {
    const { limit, used } = bound;
    if (own.includes(bound)) put(needs, loop, bound, Math.max(limit, used) + more);
    else if (limit - used < more) put(needs, loop, bound, used + more);
  }
}

/** Of the bounds of a kind the one that has the least left. */
function raiseTightest(needs: Needs, loop: Loop, kind: BoundKind, more: number): void {
  const [tightest] = needs.spending
    .bounds(loop.id)
    .filter((bound) => bound.kind === kind)
    .toSorted((a, b) => a.limit - a.used - (b.limit - b.used));
  if (tightest && tightest.limit - tightest.used < more) put(needs, loop, tightest, tightest.used + more);
}

function put({ ledger }: Needs, loop: Loop, { owner, kind }: Bound, limit: number): void {
  if (owner !== null) {
    ledger.update(owner, { budget: { ...ledger.loop(owner).budget, [kind]: limit } });
    return;
  }
  if (kind === "usd") ledger.updateRun(loop.root_id, { budget_usd: limit });
  else if (kind === "tokens") ledger.updateRun(loop.root_id, { budget_tokens: limit });
  else ledger.updateRun(loop.root_id, { budget_minutes: limit });
}

/** What has paused at a bound of that kind now only waits to be resumed. */
function tellRaised({ ledger }: Needs, id: string, kind: BoundKind): void {
  const loop = ledger.loop(id);
  if (loop.status !== "paused" || !loop.failure?.code.match(`^budget_(run_)?${kind}$`)) return;
  const message = `${loop.failure.message}; it was raised since`;
  ledger.update(id, {
    failure: { code: "budget_raised", message, hint: `loopr resume ${loop.root_id} lets it go on` },
  });
}

/** What resuming a loop grants where it had used something up: as much as it was given at first. */
export function grantAgain(needs: Needs, id: string): Partial<Loop> {
  const loop = needs.ledger.loop(id);
  const run = needs.ledger.run(loop.root_id);
  const { limits } = typeOf(run, loop);
  const [, whole, kind] = /^budget_(run_)?(usd|tokens|minutes)$/.exec(loop.failure?.code ?? "") ?? [];
  const known = boundKinds.find((one) => one === kind);
  if (known) {
    const amount = whole ? run.config.limits[`run_${known}`] : limits[known];
    raiseTightest(needs, loop, known, amount ?? loop.budget[known] ?? 0);
  }
  if (loop.iteration < loop.max_iterations) return {};
  const max_iterations = loop.iteration + limits.iterations;
  return { max_iterations, budget: { ...needs.ledger.loop(id).budget, iterations: max_iterations } };
}
