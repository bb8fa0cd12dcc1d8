import { describe, expect, test } from "bun:test";
import type { StoredEvent } from "../engine/ports.ts";
import { costAt, endedAt } from "./run-history.ts";

let seq = 0;
const event = (at: number, loop_id: string, data: object, name = "loop.updated"): StoredEvent => ({
  seq: ++seq,
  event: name,
  loop_id,
  root_id: "r",
  at,
  data: { run_state: null, cost_usd: 0, ...data },
});

describe("the cost of a run at a moment", () => {
  const loops = [
    { id: "r", created_at: 10 },
    { id: "r-001", created_at: 30 },
  ];
  const events = [
    event(10, "r", {}, "loop.created"),
    event(20, "r", { cost_usd: 1 }),
    event(30, "r-001", {}, "loop.created"),
    event(40, "r-001", { cost_usd: 2 }),
    event(45, "r-001", { id: "r-001", iteration: 1 }, "loop.iteration"),
    event(50, "r-001", { cost_usd: 5 }),
  ];
  for (const [at, cost] of [
    [5, 0],
    [10, 0],
    [20, 1],
    [39, 1],
    [40, 3],
    [46, 3],
    [50, 6],
    [99, 6],
  ] as const)
    test(`at ${at}: to the turn`, () => expect(costAt(loops, events, at)).toBe(cost));

  test("events that are gone say nothing; a loop that came later had cost nothing", () => {
    expect(costAt(loops, events.slice(1), 15)).toBeNull();
    expect(costAt(loops, events.slice(4), 45)).toBeNull();
    expect(costAt([{ id: "r-001", created_at: 30 }], [], 20)).toBe(0);
  });
});

describe("when a run came to its end", () => {
  const merged = { id: "r", run_state: "merged", undone_commit: null } as const;
  const events = [
    event(10, "r", { run_state: "planning" }, "loop.created"),
    event(20, "r", { run_state: "merged" }),
    event(25, "r-001", { run_state: null, cost_usd: 1 }),
    event(30, "r", { run_state: "merged", undone_commit: null, cost_usd: 1 }), // cleaned up
  ];
  test("not when its record changed last", () => expect(endedAt(merged, events)).toBe(20));
  test("undone counts as an end of its own", () => {
    const undone = [...events, event(40, "r", { run_state: "merged", undone_commit: "c" })];
    expect(endedAt({ ...merged, undone_commit: "c" }, undone)).toBe(40);
  });
  test("unknown where the event of it is gone", () => {
    expect(endedAt(merged, events.slice(1))).toBeNull();
    expect(endedAt(merged, events.slice(0, 1))).toBeNull();
  });
});
