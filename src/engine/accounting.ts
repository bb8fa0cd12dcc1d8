// What an iteration's model calls used up, added up for its record. Loop and run count each call by themselves.
import type { IterationRecord } from "../domain/evidence.ts";
import type { TurnResult } from "./ports.ts";

export type Usage = Pick<
  IterationRecord,
  "turns" | "tool_calls" | "model_retries" | "tokens_in" | "tokens_out" | "cost_usd"
>;

export function noUsage(): Usage {
  return { turns: 0, tool_calls: 0, model_retries: 0, tokens_in: 0, tokens_out: 0, cost_usd: 0 };
}

export function addTurn(usage: Usage, turn: TurnResult): void {
  usage.tokens_in += turn.usage.input + turn.usage.cache_read + turn.usage.cache_write;
  usage.tokens_out += turn.usage.output;
  usage.cost_usd += turn.cost_usd;
  usage.model_retries += turn.retries;
}
