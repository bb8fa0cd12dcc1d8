// A model server for tests: Anthropic's Messages API over real HTTP, answering what a test tells it to.
//
//   const server = await modelServer([
//     [text("I'll write it."), tool("write_file", { path: "a.txt", content: "a" })],
//     [text("Done.")],
//   ]);
//   … run Loopr with ANTHROPIC_BASE_URL=server.url, ANTHROPIC_API_KEY=anything …
//   expect(server.requests).toHaveLength(2);
//   await server.close();
//
// Instead of a list, a function `(request, n) => reply` may decide; n counts the calls from 0. A reply is a
// list of blocks, one block, or a fault: `status`, `rateLimited`, `truncated`, `errorEvent`,
// `reset`, `hang`, `garbage`, `slow`. Requests that the real API would refuse are answered 400 and listed in `server.refused`.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { messageEvents, wholeMessage, type Block, type Turn } from "./model-messages.ts";
import { problemOf, RecordedRequest } from "./model-request.ts";

export { failingTool, refusal, text, thinking, tool, turn, type Block, type Turn } from "./model-messages.ts";
export type { RecordedRequest } from "./model-request.ts";

interface StatusFault {
  fault: "status";
  status: number;
  headers: Record<string, string>;
  type: string;
  message: string;
}
export type Fault =
  | StatusFault
  | { fault: "truncated"; turn: Turn; events: number }
  | { fault: "error_event"; turn: Turn; type: string; message: string }
  | { fault: "reset"; turn: Turn | null }
  | { fault: "hang"; headers: boolean }
  | { fault: "garbage"; body: string; contentType: string }
  | { fault: "slow"; turn: Turn; delayMs: number };
export type Reply = Block | Block[] | Turn | Fault;
export type Handler = (request: RecordedRequest, n: number) => Reply | Promise<Reply>;

export interface ModelServer {
  /** For ANTHROPIC_BASE_URL. */
  url: string;
  /** Everything that was asked, refused requests included, in order. */
  requests: RecordedRequest[];
  /** What the real API would not have accepted: normally empty. */
  refused: { request: RecordedRequest; message: string }[];
  /** Connections that the client left before its reply was complete. */
  aborted: number;
  close(): Promise<void>;
}

/** An answer with a status code; `headers` such as `retry-after` are sent as given. */
export function status(code: number, message = "", headers: Record<string, string> = {}): StatusFault {
  const type = errorTypes[code] ?? "api_error";
  return { fault: "status", status: code, headers, type, message: message || type };
}

export function rateLimited(retryAfter: string | number): Fault {
  return status(429, "This request would exceed your rate limit.", { "retry-after": String(retryAfter) });
}

/** Ends the stream, as if complete, after some of its events. */
export function truncated(reply: Block | Block[], events = 3): Fault {
  return { fault: "truncated", turn: turnOf(reply), events };
}

/** Fails in the middle of a stream that began well, as an overloaded server does. */
export function errorEvent(reply: Block | Block[], type = "overloaded_error", message = "Overloaded"): Fault {
  return { fault: "error_event", turn: turnOf(reply), type, message };
}

/** Breaks the connection: before any answer, or in the middle of one. */
export function reset(reply?: Block | Block[]): Fault {
  return { fault: "reset", turn: reply === undefined ? null : turnOf(reply) };
}

/** Takes the request and never answers; with `headers` the stream begins and then nothing comes. */
export function hang(headers = false): Fault {
  return { fault: "hang", headers };
}

export function garbage(body: string, contentType = "text/event-stream"): Fault {
  return { fault: "garbage", body, contentType };
}

/** A good answer with a pause before each event. */
export function slow(reply: Block | Block[], delayMs: number): Fault {
  return { fault: "slow", turn: turnOf(reply), delayMs };
}

const errorTypes: Record<number, string> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  529: "overloaded_error",
};

export async function modelServer(script: readonly Reply[] | Handler): Promise<ModelServer> {
  const handler: Handler =
    typeof script === "function" ? script : (_, n) => script[n] ?? usedUp(script.length);
  const state: Omit<ModelServer, "url" | "close"> = { requests: [], refused: [], aborted: 0 };
  const stopping = new AbortController();
  let calls = 0;
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const request = new RecordedRequest(incoming, await bodyOf(incoming));
    state.requests.push(request);
    outgoing.on("close", () => (state.aborted += outgoing.writableFinished ? 0 : 1));
    const problem = problemOf(request);
    if (problem) {
      state.refused.push({ request, message: problem.message });
      return sendError(outgoing, status(problem.status, problem.message));
    }
    await send(outgoing, await handler(request, calls++), request, stopping.signal);
  };
  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing).catch((error: unknown) => {
      // A handler that throws is a mistake in the test: the client sees a refusal that names it.
      if (!outgoing.headersSent)
        sendError(outgoing, status(400, `model server of the test: ${String(error)}`));
      else outgoing.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () => {
    stopping.abort();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    return closed;
  };
  return Object.assign(state, { url, close });
}

function usedUp(length: number): Fault {
  return status(400, `model server of the test: only ${length} replies were scripted`);
}

function turnOf(reply: Block | Block[] | Turn): Turn {
  if (Array.isArray(reply)) return { blocks: reply };
  return "blocks" in reply ? reply : { blocks: [reply] };
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

async function send(
  outgoing: ServerResponse,
  reply: Reply,
  request: RecordedRequest,
  signal: AbortSignal,
): Promise<void> {
  if (Array.isArray(reply) || !("fault" in reply)) return sendTurn(outgoing, turnOf(reply), request);
  switch (reply.fault) {
    case "status":
      return sendError(outgoing, reply);
    case "truncated":
      startStream(outgoing);
      for (const event of messageEvents(reply.turn, request).slice(0, reply.events)) outgoing.write(event);
      outgoing.end();
      return;
    case "error_event": {
      startStream(outgoing);
      const events = messageEvents(reply.turn, request);
      for (const event of events.slice(0, Math.ceil(events.length / 2))) outgoing.write(event);
      const error = { type: reply.type, message: reply.message };
      outgoing.end(`event: error\ndata: ${JSON.stringify({ type: "error", error })}\n\n`);
      return;
    }
    case "reset":
      return breakConnection(outgoing, reply.turn, request);
    case "hang":
      if (reply.headers) startStream(outgoing);
      return;
    case "garbage":
      outgoing.writeHead(200, { "content-type": reply.contentType });
      outgoing.end(reply.body);
      return;
    case "slow":
      startStream(outgoing);
      for (const event of messageEvents(reply.turn, request)) {
        await pause(reply.delayMs, signal);
        if (outgoing.destroyed) return;
        outgoing.write(event);
      }
      outgoing.end();
  }
}

function sendTurn(outgoing: ServerResponse, turn: Turn, request: RecordedRequest): void {
  if (!request.stream) {
    outgoing.writeHead(200, { "content-type": "application/json", "request-id": "req_test" });
    outgoing.end(JSON.stringify(wholeMessage(turn, request)));
    return;
  }
  startStream(outgoing);
  for (const event of messageEvents(turn, request)) outgoing.write(event);
  outgoing.end();
}

function startStream(outgoing: ServerResponse): void {
  outgoing.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    "request-id": "req_test",
  });
  outgoing.flushHeaders();
}

function sendError(outgoing: ServerResponse, fault: StatusFault): void {
  outgoing.writeHead(fault.status, { "content-type": "application/json", ...fault.headers });
  const error = { type: fault.type, message: fault.message };
  outgoing.end(JSON.stringify({ type: "error", error, request_id: "req_test" }));
}

/** Some events first, where a turn is given, and a moment for them to arrive: then the socket is gone. */
async function breakConnection(
  outgoing: ServerResponse,
  turn: Turn | null,
  request: RecordedRequest,
): Promise<void> {
  if (turn) {
    startStream(outgoing);
    const events = messageEvents(turn, request);
    for (const event of events.slice(0, Math.ceil(events.length / 2))) {
      await new Promise((resolve) => outgoing.write(event, resolve));
    }
  }
  outgoing.socket?.destroy();
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
