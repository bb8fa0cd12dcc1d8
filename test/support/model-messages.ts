// Messages as Anthropic's API sends them: whole, or as server-sent events.
import type { RecordedRequest } from "./model-request.ts";

export type Block =
  | { type: "text"; text: string }
  | { type: "thinking"; thinking: string; signature: string }
  | { type: "tool_use"; name: string; id?: string; input?: unknown; json?: string };

export interface Turn {
  blocks: Block[];
  /** `end_turn` or `tool_use` by default, as the blocks say. */
  stop?: string;
  usage?: Partial<ApiUsage>;
}

export interface ApiUsage {
  input_tokens: number;
  output_tokens: number;
  cache_creation_input_tokens: number;
  cache_read_input_tokens: number;
}

const defaultUsage: ApiUsage = {
  input_tokens: 100,
  output_tokens: 20,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
};
/** Deltas carry so many characters: more than one of them for most answers. */
const deltaChars = 12;
let messages = 0;
let toolUses = 0;

export function text(content: string): Block {
  return { type: "text", text: content };
}

export function tool(name: string, input: unknown, id?: string): Block {
  return { type: "tool_use", name, input, ...(id === undefined ? {} : { id }) };
}

/** Thinking, as current models send it before text and tool calls: normally signed, its words withheld. */
export function thinking(words = "", signature = "c2lnbmVk"): Block {
  return { type: "thinking", thinking: words, signature };
}

/** A tool call whose arguments are the given text, which need not be JSON. */
export function failingTool(name: string, json: string): Block {
  return { type: "tool_use", name, json };
}

/** Blocks with a stop reason or token counts of their own. */
export function turn(blocks: Block | Block[], over: Omit<Turn, "blocks"> = {}): Turn {
  return { blocks: Array.isArray(blocks) ? blocks : [blocks], ...over };
}

export function refusal(): Turn {
  return { blocks: [], stop: "refusal" };
}

/** The answer to a request without `stream`. */
export function wholeMessage(turn: Turn, request: RecordedRequest): unknown {
  const content = turn.blocks.map((block) =>
    block.type === "tool_use"
      ? { type: "tool_use", id: idOf(block), name: block.name, input: block.input ?? {} }
      : block,
  );
  const usage = { ...defaultUsage, ...turn.usage };
  return { ...frame(request), content, stop_reason: stopOf(turn), usage };
}

/** The server-sent events of a streamed answer, each with its blank line. */
export function messageEvents(turn: Turn, request: RecordedRequest): string[] {
  const usage = { ...defaultUsage, ...turn.usage };
  const start = { ...frame(request), content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } };
  const events: { type: string; [key: string]: unknown }[] = [
    { type: "message_start", message: start },
    { type: "ping" },
  ];
  turn.blocks.forEach((block, index) => events.push(...blockEvents(block, index)));
  events.push({
    type: "message_delta",
    delta: { stop_reason: stopOf(turn), stop_sequence: null },
    usage: { output_tokens: usage.output_tokens },
  });
  events.push({ type: "message_stop" });
  return events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

function blockEvents(block: Block, index: number) {
  const delta = (value: Record<string, string>) => ({ type: "content_block_delta", index, delta: value });
  return [
    { type: "content_block_start", index, content_block: blockStart(block) },
    ...blockDeltas(block).map(delta),
    { type: "content_block_stop", index },
  ];
}

function blockStart(block: Block) {
  switch (block.type) {
    case "text":
      return { type: "text", text: "" };
    case "thinking":
      return { type: "thinking", thinking: "", signature: "" };
    case "tool_use":
      return { type: "tool_use", id: idOf(block), name: block.name, input: {} };
  }
}

function blockDeltas(block: Block): Record<string, string>[] {
  switch (block.type) {
    case "text":
      return pieces(block.text).map((text) => ({ type: "text_delta", text }));
    case "thinking":
      return [
        ...pieces(block.thinking).map((thinking) => ({ type: "thinking_delta", thinking })),
        { type: "signature_delta", signature: block.signature },
      ];
    case "tool_use":
      return pieces(block.json ?? JSON.stringify(block.input ?? {})).map((partial_json) => ({
        type: "input_json_delta",
        partial_json,
      }));
  }
}

/** Cut between code points, as the API does. */
function pieces(content: string): string[] {
  const points = [...content];
  const count = Math.ceil(points.length / deltaChars);
  return Array.from({ length: count }, (_, n) => points.slice(n * deltaChars, (n + 1) * deltaChars).join(""));
}

function frame(request: RecordedRequest) {
  const id = `msg_test_${++messages}`;
  return { id, type: "message", role: "assistant", model: request.model, stop_sequence: null };
}

function idOf(block: Extract<Block, { type: "tool_use" }>): string {
  return block.id ?? `toolu_test_${++toolUses}`;
}

function stopOf(turn: Turn): string {
  return turn.stop ?? (turn.blocks.some((block) => block.type === "tool_use") ? "tool_use" : "end_turn");
}
