// A client's request, as the daemon takes it.
import * as z from "zod/mini";
import { isRecord } from "./shape.ts";

/** Highest `id` of a request: beyond it JSON's numbers are not told apart. */
export const requestIdMax = Number.MAX_SAFE_INTEGER;

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
  if (!isRecord(value)) return false;
  const { id, method, params } = value;
  const isId = typeof id === "number" && Number.isSafeInteger(id) && id >= 0;
  return isId && typeof method === "string" && (params === undefined || params === null || isRecord(params));
}
