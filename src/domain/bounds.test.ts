import { describe, expect, test } from "bun:test";
import { loopRecord, runRecord } from "../../test/support/records.ts";
import { boundsOf, codeOf, grantCall, type Bound, type Spending } from "./bounds.ts";

const root = "1000-00000000000000aa";
const run = runRecord();
const budget = { iterations: 30, turns: 50, minutes: 120, usd: null, tokens: null };
const plan = loopRecord({ id: root, loop_type: "plan", budget: { ...budget, usd: 5 }, cost_usd: 1 });
const child = (n: number, cost_usd: number, patch = {}) =>
  loopRecord({ id: `${root}-00${n}`, parent_id: root, budget: { ...budget, ...patch }, cost_usd });

const spending = (family: Spending["family"], leases: Spending["leases"] = new Map()): Spending => ({
  family,
  minutesOf: () => 3,
  minutesBelow: ({ id }) => (id === root ? 5 : 0),
  leases,
});

describe("boundsOf", () => {
  test("a loop's own bounds, its ancestors' with all below them, and the run's", () => {
    const [a, b] = [child(1, 1.5), child(2, 2, { usd: 3, tokens: 100 })];
    const leases = new Map([[a.id, { usd: 0.25, tokens: 10 }]]);
    expect(boundsOf(b, { ...run, budget_minutes: 60 }, spending([plan, a, b], leases))).toEqual([
      { owner: root, kind: "minutes", limit: 120, used: 8, leased: 0 },
      { owner: root, kind: "usd", limit: 5, used: 4.5, leased: 0.25 },
      { owner: b.id, kind: "minutes", limit: 120, used: 3, leased: 0 },
      { owner: b.id, kind: "usd", limit: 3, used: 2, leased: 0 },
      { owner: b.id, kind: "tokens", limit: 100, used: 0, leased: 0 },
      { owner: null, kind: "usd", limit: 10, used: 4.5, leased: 0.25 },
      { owner: null, kind: "minutes", limit: 60, used: 9, leased: 0 },
    ]);
  });

  test("a sibling whose id begins alike does not count", () => {
    const [one, eleven] = [child(1, 1, { usd: 2 }), loopRecord({ id: `${root}-0011`, cost_usd: 7 })];
    const own = boundsOf(one, run, spending([plan, one, eleven])).find(({ owner }) => owner === one.id);
    expect(own).toMatchObject({ kind: "minutes", used: 3 });
    expect(boundsOf(one, run, spending([plan, one, eleven]))).toContainEqual({
      owner: one.id,
      kind: "usd",
      limit: 2,
      used: 1,
      leased: 0,
    });
  });
});

describe("grantCall", () => {
  /** A dollar a thousand tokens, in or out. */
  const call = { inputTokens: 1000, maxTokens: 8000, priceOf: (i: number, o: number) => (i + o) / 1000 };
  const usd = (limit: number, used = 0, leased = 0): Bound => ({
    owner: null,
    kind: "usd",
    limit,
    used,
    leased,
  });
  const tokens = (limit: number, used = 0, leased = 0): Bound => ({
    ...usd(limit, used, leased),
    kind: "tokens",
  });

  test("no bound in the way: all that was asked for, and that is leased", () => {
    expect(grantCall([usd(100)], call)).toEqual({
      kind: "granted",
      maxTokens: 8000,
      lease: { usd: 9, tokens: 9000 },
    });
  });

  test("the answer is no longer than the tightest bound allows", () => {
    expect(grantCall([usd(5), tokens(9000)], call)).toMatchObject({ kind: "granted", maxTokens: 4000 });
    expect(grantCall([usd(5), tokens(3000)], call)).toMatchObject({ kind: "granted", maxTokens: 2000 });
  });

  test("what others have leased may come back: waited for rather than cut short", () => {
    expect(grantCall([usd(10, 0, 9)], call)).toEqual({ kind: "wait" });
    expect(grantCall([usd(10, 0, 1)], call)).toMatchObject({ kind: "granted", maxTokens: 8000 });
  });

  test("used up, or too little left for an answer worth its prompt", () => {
    expect(grantCall([usd(10, 10)], call)).toMatchObject({ kind: "used_up", needed: 2 });
    expect(grantCall([usd(10, 8.5)], call)).toMatchObject({ kind: "used_up", needed: 2 });
    expect(grantCall([{ ...usd(3, 3), kind: "minutes" }], call)).toMatchObject({ kind: "used_up" });
  });

  test("a model that nobody pays for is bounded by tokens alone", () => {
    const free = { ...call, priceOf: () => 0 };
    expect(grantCall([usd(0.01)], free)).toMatchObject({ kind: "granted", maxTokens: 8000 });
    expect(grantCall([usd(0.01, 0.02)], free)).toMatchObject({ kind: "used_up" });
  });

  test("the code says whose bound it is", () => {
    expect(codeOf({ owner: null, kind: "tokens" })).toBe("budget_run_tokens");
    expect(codeOf({ owner: root, kind: "usd" })).toBe("budget_usd");
  });
});
