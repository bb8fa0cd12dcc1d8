// A run's model as one loop may use it: each call is leased from the loop's bounds before it is made, and what it
// cost is stored as soon as it is known.
import { neededFor, type Bound, type CallPlan } from "../domain/bounds.ts";
import { LooprError } from "../lib/errors.ts";
import type { Parts } from "./parts.ts";
import type { Model, TurnRequest, TurnResult } from "./ports.ts";
import { usedUp } from "./spending.ts";

/** English and code have more characters a token than that: the estimate is rather too high than too low. */
const charsPerToken = 3;

export function boundedModel(parts: Parts, id: string, model: Model): Model {
  return {
    priceOf: (name, input, output) => model.priceOf(name, input, output),
    turn: async (request, signal, onText) => {
      const inputTokens = estimatedTokens(request);
      const call = {
        inputTokens,
        maxTokens: request.max_tokens,
        priceOf: (input: number, output: number) => model.priceOf(request.model, input, output),
      };
      const lease = await parts.spending.lease(id, call, signal);
      try {
        const result = await model.turn({ ...request, max_tokens: lease.maxTokens }, signal, onText);
        account(parts, id, result);
        if (result.stop === "max_tokens" && lease.maxTokens < request.max_tokens)
          throw cutShort(parts, id, call);
        return result;
      } finally {
        lease.giveBack();
      }
    },
  };
}

function estimatedTokens({ system, messages, tools }: TurnRequest): number {
  return Math.ceil(JSON.stringify([system, messages, tools]).length / charsPerToken);
}

/** Money and tokens count at once, so that a crash forgets none of them. */
function account(parts: Parts, id: string, { usage, cost_usd }: TurnResult): void {
  const { ledger } = parts;
  const loop = ledger.loop(id);
  ledger.update(
    id,
    {
      tokens_in: loop.tokens_in + usage.input + usage.cache_read + usage.cache_write,
      tokens_out: loop.tokens_out + usage.output,
      cost_usd: loop.cost_usd + cost_usd,
      context: { ...loop.context, running_ms: parts.spending.runningMs(id) },
    },
    {
      run: { cost_usd: ledger.run(loop.root_id).cost_usd + cost_usd },
      change: { synced: "soon" },
    },
  );
}

/** The answer had to be shorter than it wanted to be: half of it is no use, and a longer one is not left. */
function cutShort(parts: Parts, id: string, call: CallPlan): LooprError {
  const tight = parts.spending
    .bounds(id)
    .map((bound) => ({ bound, needed: neededFor(bound.kind, call, call.maxTokens) }))
    .toSorted((a, b) => leftOf(a) - leftOf(b))[0];
  if (tight === undefined) throw new LooprError("internal", "an answer was cut short without a bound");
  return usedUp(parts.ledger.loop(id), tight.bound, tight.needed);
}

function leftOf({ bound, needed }: { bound: Bound; needed: number }): number {
  return needed === 0 ? Infinity : (bound.limit - bound.used) / needed;
}
