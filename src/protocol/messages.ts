// The envelopes of the client protocol: JSON Lines, one object a line. Not JSON-RPC.
import * as z from "zod/mini";

export const protocolVersion = "1.0";
/** Longest line, its newline excluded, in bytes. */
export const lineBytesMax = 1024 * 1024;
/** Highest `id` of a request: beyond it JSON's numbers are not told apart. */
export const requestIdMax = Number.MAX_SAFE_INTEGER;
/** A client whose unread output passes this is cut off. Bytes. */
export const clientQueueBytesMax = 4 * 1024 * 1024;
export const clientsMaxDefault = 256;
/** Interval of `stream.heartbeat` to subscribers. */
export const heartbeatMs = 15_000;

export const Request = z.object({
  id: z.int().check(z.nonnegative()),
  method: z.string(),
  params: z.optional(z.nullable(z.record(z.string(), z.unknown()))),
});
export type Request = z.infer<typeof Request>;

/**
 * Whether `Request` takes a value, without the copy that the schema makes, which is a third of what a `ping`
 * costs the daemon. A test holds the two together; what is wrong with a value, the schema says.
 */
export function isRequest(value: unknown): value is Request {
  if (typeof value !== "object" || value === null) return false;
  const { id, method, params } = value as Partial<Record<keyof Request, unknown>>;
  const isId = typeof id === "number" && Number.isSafeInteger(id) && id >= 0;
  return isId && typeof method === "string" && (params === undefined || isRecord(params));
}

function isRecord(value: unknown): boolean {
  return typeof value === "object" && !Array.isArray(value);
}

const ErrorBody = z.object({ code: z.number(), message: z.string(), data: z.optional(z.unknown()) });

export const Response = z.object({
  id: z.number(),
  result: z.optional(z.unknown()),
  error: z.optional(ErrorBody),
});
export type Response = z.infer<typeof Response>;

export const EventMessage = z.object({
  event: z.string(),
  data: z.unknown(),
  /** Stored events are numbered; output and heartbeats are not. */
  seq: z.optional(z.number()),
});
export type EventMessage = z.infer<typeof EventMessage>;
