// The bounds of a loop and of its run, looked at between turns.
import type { Loop } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";
import { LooprError } from "../lib/errors.ts";

const msPerMinute = 60_000;

/** Throws LooprError `budget_minutes`, `budget_usd`, `budget_tokens` or `budget_run_usd`: the loop then pauses. */
export function assertWithinBounds(loop: Loop, run: Run, runningMs: number): void {
  const { budget } = loop;
  const over = (code: string, used: string) => {
    const more = code === "budget_run_usd" ? `loopr budget ${run.id} --add 5 raises it; ` : "";
    throw new LooprError(
      code,
      `${loop.loop_type} "${loop.title}" has used up its bound of ${used}`,
      `${more}loopr resume ${run.id} goes on, and grants as much again where it is still used up`,
    );
  };
  if (runningMs >= budget.minutes * msPerMinute)
    over("budget_minutes", `${budget.minutes} minutes of running time`);
  if (budget.usd !== null && loop.cost_usd >= budget.usd) over("budget_usd", `$${budget.usd}`);
  if (budget.tokens !== null && loop.tokens_in + loop.tokens_out >= budget.tokens) {
    over("budget_tokens", `${budget.tokens} tokens`);
  }
  const runUsd = run.budget_usd;
  if (run.cost_usd >= runUsd) over("budget_run_usd", `$${runUsd} for the whole run`);
}

/** The bounds in one line, for the start of a run. */
export function describeBounds(loop: Loop, run: Run): string {
  const { budget } = loop;
  const parts = [
    `${budget.iterations} iterations`,
    `${budget.turns} turns each`,
    `${budget.minutes} minutes`,
    ...(budget.usd === null ? [] : [`$${budget.usd} a loop`]),
    ...(budget.tokens === null ? [] : [`${budget.tokens} tokens`]),
    `$${run.budget_usd} for the run`,
  ];
  return parts.join(", ");
}

/** The fields of a loop that resuming it raises, where its bound was used up. */
export function granted(loop: Loop, run: Run): Partial<Loop> {
  const { limits } = run.config;
  const exhausted = loop.iteration >= loop.max_iterations;
  const code = loop.failure?.code;
  const tokens = loop.tokens_in + loop.tokens_out;
  return {
    max_iterations: exhausted ? loop.iteration + limits.iterations[loop.loop_type] : loop.max_iterations,
    budget: {
      ...loop.budget,
      minutes: code === "budget_minutes" ? loop.budget.minutes + limits.minutes : loop.budget.minutes,
      usd: code === "budget_usd" ? loop.cost_usd + (limits.usd ?? 0) : loop.budget.usd,
      tokens: code === "budget_tokens" ? tokens + (limits.tokens ?? 0) : loop.budget.tokens,
    },
  };
}
