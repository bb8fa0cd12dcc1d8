// A turn as a request to Anthropic's Messages API.
import type { MessageCreateParamsStreaming, MessageParam } from "@anthropic-ai/sdk/resources/messages";
import type { ContentBlock, Message, TurnRequest } from "../engine/ports.ts";
import { isRecord } from "./tool-input.ts";

type Block = Exclude<MessageParam["content"], string>[number];

/** Kept by the server for five minutes after each use. */
const cached = { cache_control: { type: "ephemeral" } } as const;
/** An assistant's turn must have content; a model may send none. */
const silence: Block = { type: "text", text: "(nothing)" };

/**
 * Three cache points. Tools and system prompt, the same for every iteration of a type; the newest message, so
 * that the next turn reads everything up to there; and the newest message of the turn before, which is where
 * this turn reads: the server looks only 20 blocks back for it by itself, and a turn may add more.
 */
export function requestBody(request: TurnRequest): MessageCreateParamsStreaming {
  const messages = request.messages.map(messageParam);
  const userMessages = messages.filter((message) => message.role === "user");
  for (const message of userMessages.slice(-2)) markLast(message.content);
  return {
    model: request.model,
    max_tokens: request.max_tokens,
    stream: true,
    ...(request.system.trim() !== "" && { system: [{ type: "text", text: request.system, ...cached }] }),
    messages,
    ...(request.tools.length > 0 && {
      tools: request.tools.map(({ name, description, input_schema }) => ({
        name,
        description,
        input_schema: { ...input_schema, type: "object" },
      })),
    }),
  };
}

function messageParam(message: Message): { role: "user" | "assistant"; content: Block[] } {
  const content = message.content.flatMap(blockParam);
  // The API takes no turn that ends in thinking: what was cut off there is of no use to it.
  while (message.role === "assistant" && content.length > 0 && isThinking(content.at(-1))) content.pop();
  return { role: message.role, content: content.length > 0 ? content : [silence] };
}

function blockParam(block: ContentBlock): Block[] {
  switch (block.type) {
    case "text":
      return block.text.trim() === "" ? [] : [{ type: "text", text: block.text }];
    case "thinking":
      return isApiBlock(block.opaque) ? [block.opaque] : [];
    case "tool_use":
      return [{ type: "tool_use", id: block.id, name: block.name, input: block.input }];
    case "tool_result":
      return [
        {
          type: "tool_result",
          tool_use_id: block.tool_use_id,
          content: block.content,
          ...(block.is_error && { is_error: true }),
        },
      ];
  }
}

/** What this adapter itself took from an answer; the API checks its signature. */
function isApiBlock(opaque: unknown): opaque is Block {
  return isRecord(opaque) && typeof opaque["type"] === "string";
}

function isThinking(block: Block | undefined): boolean {
  return block?.type === "thinking" || block?.type === "redacted_thinking";
}

function markLast(content: Block[]): void {
  const last = content.at(-1);
  if (last?.type === "text" || last?.type === "tool_result") Object.assign(last, cached);
}
