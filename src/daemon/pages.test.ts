import { describe, expect, test } from "bun:test";
import { makeLoop } from "../../test/support/fake-daemon.ts";
import { joined } from "../client/pages.ts";
import type { Evidence, IterationRecord } from "../domain/evidence.ts";
import { lineBytesMax } from "../protocol/messages.ts";
import { encodeLine } from "../rpc/lines.ts";
import { iterationsPage, loopsPage } from "./pages.ts";

/** Like ids: the later one is greater. */
const idOf = (n: number) => `17000000${String(n).padStart(5, "0")}-a1b2c3d4e5f60718`;

function record(iteration: number, feedback: string): IterationRecord {
  return {
    loop_id: idOf(1),
    iteration,
    started_at: 0,
    ended_at: 1,
    outcome: "failed",
    layer: "check",
    feedback,
    commit: null,
    tree: null,
    diffstat: null,
    turns: 1,
    tool_calls: 1,
    model_retries: 0,
    tokens_in: 1,
    tokens_out: 1,
    cost_usd: 0,
    directory: "/nowhere",
  };
}

function evidence(iteration: number): Evidence {
  const base = { loop_id: idOf(1), stage: "iteration" as const, verified: false, checks: [] };
  return { ...base, iteration, protected_changed: [], reused: false, at: iteration };
}

describe("5,000 loops", () => {
  const loops = Array.from({ length: 5000 }, (_, n) =>
    makeLoop({ id: idOf(n), updated_at: (n * 7919) % 5000 }),
  );

  test("come in pages that fit a message, and together are all of them, each once", async () => {
    let pages = 0;
    const page = (cursor: string | null) => {
      const answer = loopsPage(loops, cursor);
      expect(encodeLine({ id: 1, result: answer }).length).toBeLessThan(lineBytesMax);
      pages += 1;
      return Promise.resolve(answer);
    };
    const { loops: all, cursor } = await joined(await page(null), page);
    expect(pages).toBeGreaterThan(2);
    expect(cursor).toBeNull();
    expect(all.map(({ id }) => id).sort()).toEqual(loops.map(({ id }) => id));
  });

  test("who does not ask on sees the newest", () => {
    const { loops: first, cursor } = loopsPage(loops, null);
    expect(first.some(({ id }) => id === idOf(4999))).toBe(true);
    expect(cursor).toBeString();
    const times = first.map(({ updated_at }) => updated_at);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
  });
});

test("few loops are one answer, those updated last first, and without more to ask for", () => {
  const few = [3, 1, 2].map((n) => makeLoop({ id: idOf(n), updated_at: n }));
  const { loops, cursor } = loopsPage(few, null);
  expect(loops.map(({ id }) => id)).toEqual([idOf(3), idOf(2), idOf(1)]);
  expect(cursor).toBeNull();
});

describe("1,000 iterations of large records", () => {
  test("come in pages, also where others are added meanwhile", async () => {
    const records = Array.from({ length: 1000 }, (_, n) => record(n + 1, "x".repeat(20_000)));
    const proofs = Array.from({ length: 1000 }, (_, n) => evidence(n + 1));
    const page = (cursor: string | null) => {
      const answer = iterationsPage(records, proofs, cursor);
      expect(encodeLine({ id: 1, result: answer }).length).toBeLessThan(lineBytesMax);
      if (cursor === null) {
        records.push(record(1001, ""));
        proofs.push(evidence(1001));
      }
      return Promise.resolve(answer);
    };
    const all = await joined(await page(null), page);
    expect(all.iterations.map(({ iteration }) => iteration)).toEqual(
      records.map(({ iteration }) => iteration),
    );
    expect(all.evidence.map(({ iteration }) => iteration)).toEqual(proofs.map(({ iteration }) => iteration));
  });

  test("one that alone is larger than a page comes all the same", () => {
    const { iterations, cursor } = iterationsPage([record(1, "x".repeat(600_000)), record(2, "")], [], null);
    expect(iterations).toHaveLength(1);
    expect(cursor).toBe("1:0");
  });

  test("a cursor of another kind is refused", () => {
    expect(() => iterationsPage([], [], "next")).toThrow("Invalid 'cursor' parameter");
  });
});
