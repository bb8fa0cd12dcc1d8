import type { Engine } from "../engine/engine.ts";
import type { Store } from "../engine/ports.ts";
import type { ToolCount } from "./tool-counts.ts";

/** For `metrics.get`: counters over everything in the store; `tools` since this daemon started. */
export function metrics(needs: {
  engine: Engine;
  store: Store;
  startedAt: number;
  toolCounts: () => Record<string, ToolCount>;
  now: () => number;
}): Record<string, unknown> {
  const loops = needs.engine.ledger.all();
  const byStatus: Record<string, number> = {};
  const sum = { iterations: 0, llm_calls: 0, tool_calls: 0, tokens_in: 0, tokens_out: 0, cost_usd: 0 };
  for (const loop of loops) {
    byStatus[loop.status] = (byStatus[loop.status] ?? 0) + 1;
    sum.tokens_in += loop.tokens_in;
    sum.tokens_out += loop.tokens_out;
    sum.cost_usd += loop.cost_usd;
    for (const record of needs.store.iterations(loop.id)) {
      sum.iterations += 1;
      sum.llm_calls += record.turns + record.model_retries;
      sum.tool_calls += record.tool_calls;
    }
  }
  return { loops: byStatus, ...sum, tools: needs.toolCounts(), uptime_ms: needs.now() - needs.startedAt };
}
