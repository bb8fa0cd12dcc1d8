// Answers that may be long, in pages: a message is one line of at most 1 MiB, and a client whose queue passes
// 4 MiB is cut off. Nothing is kept between two pages; each says where the next one begins.
import type { Evidence, IterationRecord } from "../domain/evidence.ts";
import type { Loop } from "../domain/loop.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import type { Result } from "../protocol/methods.ts";

/** A page is full when its entries pass this, as JSON. Bytes. */
const pageBytesMax = 384 * 1024;

/** As many of the entries as fit into a message, one in any case; `more`: there are others behind them. */
export function fitting<T>(entries: Iterable<T>): { page: T[]; more: boolean } {
  const page: T[] = [];
  let bytes = 0;
  for (const entry of entries) {
    const length = Buffer.byteLength(JSON.stringify(entry) ?? "");
    if (page.length > 0 && bytes + length > pageBytesMax) return { page, more: true };
    page.push(entry);
    bytes += length;
  }
  return { page, more: false };
}

/**
 * The newest loops are on the first page, which is all that a client sees who does not ask on. Pages are cut by id,
 * which no loop changes; each of them has what was updated last at its beginning.
 */
export function loopsPage(loops: readonly Loop[], cursor: string | null | undefined): Result<"loop.list"> {
  const rest = loops
    .filter(({ id }) => cursor == null || id < cursor)
    .toSorted((a, b) => (a.id < b.id ? 1 : -1));
  const { page, more } = fitting(rest);
  return {
    cursor: more ? (page.at(-1)?.id ?? null) : null,
    loops: page.sort((a, b) => b.updated_at - a.updated_at),
  };
}

/** The iterations first, then the evidence. A cursor says how many of each were handed out: both grow meanwhile. */
export function iterationsPage(
  iterations: readonly IterationRecord[],
  evidence: readonly Evidence[],
  cursor: string | null | undefined,
): Result<"loop.iterations"> {
  const begun = cursor == null ? { iterations: 0, evidence: 0 } : countsOf(cursor);
  const left = iterations.slice(begun.iterations);
  const { page, more } = fitting<IterationRecord | Evidence>([...left, ...evidence.slice(begun.evidence)]);
  const ended = {
    iterations: begun.iterations + Math.min(page.length, left.length),
    evidence: begun.evidence + Math.max(0, page.length - left.length),
  };
  return {
    iterations: iterations.slice(begun.iterations, ended.iterations),
    evidence: evidence.slice(begun.evidence, ended.evidence),
    cursor: more ? `${ended.iterations}:${ended.evidence}` : null,
  };
}

function countsOf(cursor: string): { iterations: number; evidence: number } {
  const [, iterations, evidence] = /^(\d{1,9}):(\d{1,9})$/.exec(cursor) ?? [];
  if (iterations !== undefined && evidence !== undefined)
    return { iterations: Number(iterations), evidence: Number(evidence) };
  const message = "Invalid 'cursor' parameter: it is what the page before has answered";
  throw new RpcError(rpcCodes.invalidParams, message, { parameter: "cursor" });
}
