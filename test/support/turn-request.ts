// A turn of a code loop's first iteration, for tests of models.
import type { TurnRequest } from "../../src/engine/ports.ts";
import { toolSchema } from "../../src/tools/schemas.ts";

export function turnRequest(over: Partial<TurnRequest> = {}): TurnRequest {
  return {
    system: "You write code.",
    messages: [{ role: "user", content: [{ type: "text", text: "Add a greeting." }] }],
    tools: [toolSchema("read_file"), toolSchema("write_file")],
    model: "claude-sonnet-5-5",
    max_tokens: 1000,
    timeout_ms: 60_000,
    loop: { id: "1-aa", type: "code", title: "Add a greeting", iteration: 1, turn: 1 },
    ...over,
  };
}
