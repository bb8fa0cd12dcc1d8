// Puts a streamed answer of Anthropic's Messages API together. Every event is parsed: what the server sends
// is foreign. https://platform.claude.com/docs/en/build-with-claude/streaming
import * as z from "zod/mini";
import type { ContentBlock, TurnResult, Usage } from "../engine/ports.ts";
import { AttemptFailure } from "./failure.ts";
import { isRecord, toolInput } from "./tool-input.ts";

/** An answer beyond this is no answer of a model that was asked for a few thousand tokens. */
const answerCharsMax = 32 * 1024 * 1024;

const tokens = z.optional(z.nullable(z.number().check(z.nonnegative())));
const ApiUsage = z.object({
  input_tokens: tokens,
  output_tokens: tokens,
  cache_read_input_tokens: tokens,
  cache_creation_input_tokens: tokens,
});
const index = z.int().check(z.nonnegative());
const Event = z.discriminatedUnion("type", [
  z.object({ type: z.literal("message_start"), message: z.object({ usage: ApiUsage }) }),
  z.object({
    type: z.literal("content_block_start"),
    index,
    content_block: z.looseObject({ type: z.string() }),
  }),
  z.object({ type: z.literal("content_block_delta"), index, delta: z.looseObject({ type: z.string() }) }),
  z.object({ type: z.literal("content_block_stop"), index }),
  z.object({
    type: z.literal("message_delta"),
    delta: z.object({ stop_reason: z.optional(z.nullable(z.string())) }),
    usage: z.optional(z.nullable(ApiUsage)),
  }),
  z.object({ type: z.literal("message_stop") }),
]);
type Event = z.infer<typeof Event>;
const known = new Set<unknown>(
  Event.def.options.flatMap((option): unknown[] => option.shape.type.def.values),
);

const ToolUseStart = z.object({
  id: z.string().check(z.minLength(1)),
  name: z.string().check(z.minLength(1)),
  input: z.optional(z.unknown()),
});

/** A block that is being received. `raw` is the provider's own, for what goes back unchanged. */
interface Draft {
  type: string;
  raw: Record<string, unknown>;
  text: string;
  json: string;
  signature: string;
}

export class StreamedAnswer {
  readonly usage: Usage = { input: 0, output: 0, cache_read: 0, cache_write: 0 };
  /** Whether any text was handed to `onText`. */
  spoke = false;
  readonly #drafts: Draft[] = [];
  readonly #onText: (text: string) => void;
  #started = false;
  #stopped = false;
  #stopReason: string | null = null;
  #chars = 0;

  constructor(onText: (text: string) => void) {
    this.#onText = onText;
  }

  /** Events of kinds that are not known here are left out: the API may add some at any time. */
  accept(value: unknown): void {
    if (!isRecord(value) || typeof value["type"] !== "string") throw broken("an event without a type");
    if (!known.has(value["type"])) return;
    const event = Event.safeParse(value);
    if (!event.success) throw broken(`a malformed ${value["type"]} event`);
    this.#apply(event.data);
  }

  /** Throws AttemptFailure where the stream ended before the answer did. */
  finish(): Pick<TurnResult, "content" | "stop"> {
    if (!this.#started) throw broken("no message: is the base URL that of an Anthropic API?");
    if (!this.#stopped) throw broken("an end before the message was complete");
    const content = this.#drafts.map(blockOf).filter((block) => block !== null);
    const stop = stopOf(this.#stopReason, content);
    // A refusal may break in upon a tool call, which then is none.
    return {
      content: stop === "refusal" ? content.filter((block) => block.type !== "tool_use") : content,
      stop,
    };
  }

  #apply(event: Event): void {
    switch (event.type) {
      case "message_start":
        this.#started = true;
        this.#count(event.message.usage);
        return;
      case "content_block_start":
        this.#begin(event.index, event.content_block);
        return;
      case "content_block_delta":
        this.#append(this.#draft(event.index), event.delta);
        return;
      case "content_block_stop":
        this.#draft(event.index);
        return;
      case "message_delta":
        this.#stopReason = event.delta.stop_reason ?? this.#stopReason;
        if (event.usage) this.#count(event.usage);
        return;
      case "message_stop":
        this.#stopped = true;
    }
  }

  #begin(at: number, raw: { type: string; [key: string]: unknown }): void {
    if (at !== this.#drafts.length) throw broken("content blocks out of order");
    const draft: Draft = { type: raw.type, raw, text: "", json: "", signature: "" };
    this.#drafts.push(draft);
    if (raw.type === "tool_use") {
      const start = ToolUseStart.safeParse(raw);
      if (!start.success) throw broken("a tool call without id or name");
      // Some servers send the arguments whole, and no deltas.
      if (isRecord(start.data.input) && Object.keys(start.data.input).length > 0) {
        draft.json = JSON.stringify(start.data.input);
      }
    } else if (raw.type === "text" && typeof raw["text"] === "string") {
      this.#say(draft, raw["text"]);
    }
  }

  #append(draft: Draft, delta: Record<string, unknown>): void {
    const part = (key: string): string => {
      const value = delta[key];
      if (typeof value !== "string") throw broken(`a ${String(delta["type"])} without ${key}`);
      this.#chars += value.length;
      if (this.#chars > answerCharsMax) throw broken("far more than was asked for");
      return value;
    };
    if (delta["type"] === "text_delta") this.#say(draft, part("text"));
    else if (delta["type"] === "input_json_delta") draft.json += part("partial_json");
    else if (delta["type"] === "thinking_delta") draft.text += part("thinking");
    else if (delta["type"] === "signature_delta") draft.signature += part("signature");
  }

  #say(draft: Draft, text: string): void {
    draft.text += text;
    if (text === "") return;
    this.spoke = true;
    this.#onText(text);
  }

  #draft(at: number): Draft {
    const draft = this.#drafts[at];
    if (!draft) throw broken("a part of a content block that never began");
    return draft;
  }

  /** Counts are cumulative: the last one of each kind is right. */
  #count(usage: z.infer<typeof ApiUsage>): void {
    this.usage.input = usage.input_tokens ?? this.usage.input;
    this.usage.output = usage.output_tokens ?? this.usage.output;
    this.usage.cache_read = usage.cache_read_input_tokens ?? this.usage.cache_read;
    this.usage.cache_write = usage.cache_creation_input_tokens ?? this.usage.cache_write;
  }
}

/** Null for a text block without text, which the API sends and does not take back. */
function blockOf(draft: Draft): ContentBlock | null {
  switch (draft.type) {
    case "text":
      return draft.text.trim() === "" ? null : { type: "text", text: draft.text };
    case "tool_use": {
      const { id, name } = ToolUseStart.parse(draft.raw);
      return { type: "tool_use", id, name, input: toolInput(draft.json) };
    }
    case "thinking": {
      const initial = (key: string) => (typeof draft.raw[key] === "string" ? draft.raw[key] : "");
      const text = initial("thinking") + draft.text;
      const opaque = { ...draft.raw, thinking: text, signature: initial("signature") + draft.signature };
      return { type: "thinking", text, opaque };
    }
    default:
      // Redacted thinking, and whatever else a model may need to see again.
      return { type: "thinking", text: "", opaque: draft.raw };
  }
}

function stopOf(reason: string | null, content: readonly ContentBlock[]): TurnResult["stop"] {
  switch (reason) {
    case "max_tokens":
    case "model_context_window_exceeded":
      return "max_tokens";
    case "refusal":
      return "refusal";
    default:
      return content.some((block) => block.type === "tool_use") ? "tool_use" : "end";
  }
}

function broken(what: string): AttemptFailure {
  return new AttemptFailure("unavailable", `The model provider sent a broken answer: ${what}.`);
}
