// The daemon's socket as any program would use it: lines of JSON, and nothing of our own client.
import { connect, type Socket } from "node:net";
import { until } from "./harness.ts";

export interface WireMessage {
  id?: number;
  result?: unknown;
  error?: { code: number; message: string; data?: Record<string, unknown> };
  event?: string;
  data?: unknown;
  seq?: number;
}

export interface Wire {
  readonly messages: WireMessage[];
  readonly socket: Socket;
  isClosed(): boolean;
  /** Sends a request and returns its answer. */
  call(method: string, params?: unknown): Promise<WireMessage>;
  /** Sends bytes as they are. */
  raw(text: string | Uint8Array): void;
  /** The first message, received already or to come, that the test wants. */
  next(wanted: (message: WireMessage) => boolean, deadlineMs?: number): Promise<WireMessage>;
  close(): void;
}

const answerDeadlineMs = 10_000;

export async function wire(path: string): Promise<Wire> {
  const socket = connect(path);
  const messages: WireMessage[] = [];
  let rest = "";
  let closed = false;
  let nextId = 1;
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.once("connect", () => resolve());
  });
  socket.on("error", () => {});
  socket.on("close", () => (closed = true));
  socket.setEncoding("utf8");
  socket.on("data", (text: string) => {
    rest += text;
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) messages.push(JSON.parse(line) as WireMessage);
  });
  const next: Wire["next"] = (wanted, deadlineMs = answerDeadlineMs) =>
    until(() => messages.find(wanted), deadlineMs, "a message of the daemon");
  return {
    messages,
    socket,
    next,
    isClosed: () => closed,
    raw: (text) => void socket.write(text),
    call: (method, params) => {
      const id = nextId++;
      socket.write(JSON.stringify({ id, method, ...(params === undefined ? {} : { params }) }) + "\n");
      return next((message) => message.id === id);
    },
    close: () => socket.destroy(),
  };
}
