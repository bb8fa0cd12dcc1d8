// A request to the model server: what a test looks at, and what the real API would say against it.
import type { IncomingMessage } from "node:http";

type Json = Record<string, unknown>;

export class RecordedRequest {
  readonly method: string;
  readonly path: string;
  /** Lower-case names. The key is in here: see `key`. */
  readonly headers: Record<string, string>;
  readonly text: string;
  /** Empty where the body is no JSON object. */
  readonly body: Json;
  readonly at: number;

  constructor(incoming: IncomingMessage, text: string) {
    this.method = incoming.method ?? "";
    this.path = incoming.url ?? "";
    this.headers = Object.fromEntries(
      Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
    );
    this.text = text;
    this.body = objectIn(text);
    this.at = Date.now();
  }

  /** The API key or token, however it was sent; empty without one. */
  get key(): string {
    return this.headers["x-api-key"] ?? this.headers["authorization"]?.replace(/^Bearer /i, "") ?? "";
  }

  get model(): string {
    return String(this.body["model"]);
  }

  get stream(): boolean {
    return this.body["stream"] === true;
  }

  /** The system prompt's text. */
  get system(): string {
    return textOf(this.body["system"]);
  }

  /** Names of the tools on offer. */
  get tools(): string[] {
    return list(this.body["tools"]).map((tool) => String(tool["name"]));
  }

  get messages(): Json[] {
    return list(this.body["messages"]);
  }

  /** The text of the first user message: the iteration's prompt. */
  get prompt(): string {
    return textOf(this.messages[0]?.["content"]);
  }

  /** How many turns of this conversation the model has already taken: 0 at the start of an iteration. */
  get turn(): number {
    return this.messages.filter((message) => message["role"] === "assistant").length;
  }

  /** What the tools of the last turn answered. */
  get results(): { id: string; content: string; isError: boolean }[] {
    return blocksOf(this.messages.at(-1) ?? {})
      .filter((block) => block["type"] === "tool_result")
      .map((block) => ({
        id: String(block["tool_use_id"]),
        content: textOf(block["content"]),
        isError: block["is_error"] === true,
      }));
  }
}

/** Why the real API would refuse a request; null where it would not. */
export function problemOf(request: RecordedRequest): { status: number; message: string } | null {
  if (request.method !== "POST" || request.path.split("?")[0] !== "/v1/messages") {
    return { status: 404, message: `no such endpoint: ${request.method} ${request.path}` };
  }
  if (!request.key) return { status: 401, message: "x-api-key header is required" };
  if (!request.headers["anthropic-version"]) {
    return { status: 400, message: "anthropic-version: header is required" };
  }
  const { body } = request;
  const message =
    (Object.keys(body).length === 0 && "the body is not a JSON object") ||
    ((typeof body["model"] !== "string" || !body["model"]) && "model: field required") ||
    (!(Number.isInteger(body["max_tokens"]) && Number(body["max_tokens"]) > 0) &&
      "max_tokens: must be a positive integer") ||
    systemProblem(body["system"]) ||
    toolsProblem(list(body["tools"])) ||
    messagesProblem(request.messages) ||
    cacheProblem(request.text);
  return message ? { status: 400, message } : null;
}

function systemProblem(system: unknown): string | null {
  if (system === undefined || typeof system === "string") return null;
  if (!Array.isArray(system)) return "system: must be a string or a list of text blocks";
  return list(system).some((block) => block["type"] !== "text" || !block["text"])
    ? "system: text content blocks must be non-empty"
    : null;
}

function toolsProblem(tools: Json[]): string | null {
  const names = new Set<unknown>();
  for (const tool of tools) {
    const name = tool["name"];
    if (typeof name !== "string" || !/^[a-zA-Z0-9_-]{1,128}$/.test(name)) return "tools: bad name";
    if (names.has(name)) return `tools: names must be unique (${name})`;
    names.add(name);
    const schema = tool["input_schema"];
    if (!isObject(schema) || schema["type"] !== "object")
      return `tools.${name}.input_schema: type must be object`;
  }
  return null;
}

function messagesProblem(messages: Json[]): string | null {
  if (messages.length === 0) return "messages: at least one message is required";
  let open = new Set<string>();
  for (const [at, message] of messages.entries()) {
    const role = at % 2 === 0 ? "user" : "assistant";
    if (message["role"] !== role) return `messages.${at}: roles must alternate; expected ${role}`;
    const blocks = blocksOf(message);
    if (blocks.length === 0) return `messages.${at}: content must be non-empty`;
    const problem = blocks.map(blockProblem).find((found) => found !== null) ?? resultsProblem(blocks, open);
    if (blocks.at(-1)?.["type"] === "thinking") {
      return `messages.${at}: the final block in an assistant message cannot be thinking`;
    }
    if (problem) return `messages.${at}: ${problem}`;
    open = new Set(
      blocks.filter((block) => block["type"] === "tool_use").map((block) => String(block["id"])),
    );
  }
  return open.size > 0 ? "messages: the last message must be the user's" : null;
}

function blockProblem(block: Json): string | null {
  switch (block["type"]) {
    case "text":
      return block["text"] ? null : "text content blocks must be non-empty";
    case "tool_use":
      if (!/^[a-zA-Z0-9_-]+$/.test(String(block["id"]))) return "tool_use.id: bad characters";
      return isObject(block["input"]) ? null : "tool_use.input: must be an object";
    case "thinking":
      return block["signature"] ? null : "thinking.signature: field required";
    case "tool_result":
      return typeof block["tool_use_id"] === "string" ? null : "tool_result.tool_use_id: field required";
    default:
      return `unknown block type ${String(block["type"])}`;
  }
}

/** Every tool_use of the turn before is answered, once, before anything else; nothing else is. */
function resultsProblem(blocks: Json[], open: ReadonlySet<string>): string | null {
  const results = blocks.filter((block) => block["type"] === "tool_result");
  const answered = new Set(results.map((block) => String(block["tool_use_id"])));
  for (const id of open) {
    if (!answered.has(id))
      return `tool_use ids were found without tool_result blocks immediately after: ${id}`;
  }
  for (const id of answered) if (!open.has(id)) return `unexpected tool_use_id in tool_result: ${id}`;
  if (answered.size < results.length) return "each tool_use must have a single result";
  return blocks.slice(0, results.length).every((block) => block["type"] === "tool_result")
    ? null
    : "tool_result blocks must come first";
}

function cacheProblem(text: string): string | null {
  return text.split('"cache_control"').length - 1 > 4 ? "at most 4 blocks may have cache_control" : null;
}

function blocksOf(message: Json): Json[] {
  const content = message["content"];
  if (typeof content === "string") return content ? [{ type: "text", text: content }] : [];
  return list(content);
}

function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  return list(content)
    .map((block) => (block["type"] === "text" ? String(block["text"]) : ""))
    .filter(Boolean)
    .join("\n");
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function objectIn(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
