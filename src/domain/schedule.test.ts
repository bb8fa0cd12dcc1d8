import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { loopRecord } from "../../test/support/records.ts";
import { loopStatuses, loopTypes } from "./loop-states.ts";
import type { Loop } from "./loop.ts";
import { priority, schedule } from "./schedule.ts";

const limits = { loops: 50, per_type: { plan: 2, spec: 5, phase: 20, code: 50 } };
const minute = 60_000;

describe("priority", () => {
  const cases: [string, Partial<Loop>, number, number][] = [
    ["a new plan", { loop_type: "plan" }, 0, 40],
    ["a new code loop", { loop_type: "code" }, 0, 100],
    ["one level deeper", { loop_type: "code", id: "1-aa-001" }, 0, 110],
    ["three minutes of waiting", { loop_type: "spec" }, 3 * minute, 63],
    ["waiting counts to 50", { loop_type: "spec" }, 500 * minute, 110],
    ["two failed iterations", { loop_type: "phase", iteration: 2 }, 0, 70],
    ["failures count to 30", { loop_type: "phase", iteration: 20 }, 0, 50],
  ];
  for (const [name, patch, waitedMs, expected] of cases) {
    test(name, () => {
      const loop = loopRecord({ id: "1-aa", updated_at: 0, ...patch });
      expect(priority(loop, waitedMs)).toBe(expected);
    });
  }
});

describe("schedule", () => {
  const parent = loopRecord({ id: "1-aa", loop_type: "plan", status: "complete" });
  const child = (n: number, patch: Partial<Loop> = {}) =>
    loopRecord({ id: `1-aa-00${n}`, parent_id: "1-aa", root_id: "1-aa", status: "pending", ...patch });

  test("a child waits for its parent", () => {
    expect(schedule([{ ...parent, status: "awaiting_approval" }, child(1)], limits, 0)).toEqual([]);
    expect(schedule([parent, child(1)], limits, 0).map((loop) => loop.id)).toEqual(["1-aa-001"]);
  });

  test("a dependency has to be integrated, not only complete", () => {
    const first = child(1, { status: "complete" });
    const second = child(2, { depends_on: [first.id] });
    expect(schedule([parent, first, second], limits, 0)).toEqual([]);
    const integrated = { ...first, context: { ...first.context, integrated_commit: "c" } };
    expect(schedule([parent, integrated, second], limits, 0).map((loop) => loop.id)).toEqual([second.id]);
  });

  test("whatever the loops: only pending ones, within the limits, best first", () => {
    const anyLoop = fc.record({
      status: fc.constantFrom(...loopStatuses),
      type: fc.constantFrom(...loopTypes),
      iteration: fc.nat(9),
    });
    fc.assert(
      fc.property(fc.array(anyLoop, { maxLength: 80 }), fc.integer({ min: 1, max: 10 }), (specs, most) => {
        const loops = specs.map(({ status, type, iteration }, at) =>
          loopRecord({ id: `${at}-aa`, loop_type: type, status, iteration, updated_at: 0 }),
        );
        const chosen = schedule(loops, { ...limits, loops: most }, 0);
        const running = loops.filter((loop) => loop.status === "running" || loop.status === "rebasing");
        expect(chosen.every((loop) => loop.status === "pending")).toBe(true);
        expect(chosen.length).toBeLessThanOrEqual(Math.max(0, most - running.length));
        for (const type of loopTypes) {
          const now = [...running, ...chosen].filter((loop) => loop.loop_type === type).length;
          const before = running.filter((loop) => loop.loop_type === type).length;
          expect(now).toBeLessThanOrEqual(Math.max(before, limits.per_type[type]));
        }
        const ranks = chosen.map((loop) => priority(loop, 0));
        expect(ranks).toEqual(ranks.toSorted((a, b) => b - a));
      }),
    );
  });
});
