// What goes over the client protocol: JSON Lines, one object a line. Not JSON-RPC. Requests: request.ts.
import { isShaped } from "./shape.ts";

export const protocolVersion = "1.0";
/** Longest line, its newline excluded, in bytes. */
export const lineBytesMax = 1024 * 1024;
/** A client whose unread output passes this is cut off. Bytes. */
export const clientQueueBytesMax = 4 * 1024 * 1024;
export const clientsMaxDefault = 256;
/** Interval of `stream.heartbeat` to subscribers. */
export const heartbeatMs = 15_000;

export interface Response {
  id: number;
  result?: unknown;
  error?: { code: number; message: string; data?: unknown };
}

export interface EventMessage {
  event: string;
  data: unknown;
  /** Stored events are numbered; output and heartbeats are not. */
  seq?: number;
}

export function isEventMessage(value: unknown): value is EventMessage {
  if (!isShaped(value, { event: "string" })) return false;
  return !("seq" in value) || typeof value.seq === "number";
}

export function isResponse(value: unknown): value is Response {
  if (!isShaped(value, { id: "number" })) return false;
  return !("error" in value) || isShaped(value.error, { code: "number", message: "string" });
}
