import { describe, expect, test } from "bun:test";
import { loopRecord } from "../../test/support/records.ts";
import { failureBelow, hasFailedBelow, toldAbove } from "./failure-below.ts";
import type { Loop, LoopStatus } from "./loop.ts";

const root = "1000-00000000000000aa";
const failure = { code: "iterations_used_up", message: "3 iterations were not enough", hint: "look at it" };
const at = (path: string, loop_type: Loop["loop_type"], status: LoopStatus, patch: Partial<Loop> = {}) =>
  loopRecord({
    id: `${root}${path}`,
    parent_id: path === "" ? null : `${root}${path.slice(0, -4)}`,
    root_id: root,
    loop_type,
    status,
    title: `${loop_type}${path}`,
    ...patch,
  });
const family = (code: LoopStatus, patch: Partial<Loop> = {}) => [
  at("", "plan", "complete"),
  at("-001", "spec", "complete"),
  at("-001-001", "phase", "complete", patch),
  at("-001-001-001", "code", code, code === "failed" ? { failure } : {}),
  at("-002", "spec", "complete"),
];
const byId = (loops: readonly Loop[]) => new Map(loops.map((loop) => [loop.id, loop]));
const codeIn = (loops: readonly Loop[]) =>
  loops.find(({ loop_type }) => loop_type === "code") ?? at("", "code", "failed");

describe("what is said above a loop that has failed", () => {
  const told = toldAbove(codeIn(family("failed")), byId(family("failed")));

  test("every complete loop above it but the root, with the cause once", () => {
    expect(told.map(({ id }) => id)).toEqual([`${root}-001-001`, `${root}-001`]);
    for (const loop of told) {
      expect(hasFailedBelow(loop)).toBe(true);
      expect(loop.failure).toEqual({
        code: "child_failed",
        message: 'code "code-001-001-001" below it has failed: 3 iterations were not enough',
        hint: "look at it",
      });
    }
  });

  test("it is taken back when the loop goes on, and told of nobody twice", () => {
    const before = family("pending").map((loop) => told.find(({ id }) => id === loop.id) ?? loop);
    expect(toldAbove(codeIn(before), byId(before)).map((loop) => loop.failure)).toEqual([null, null]);
    const again = family("failed").map((loop) => told.find(({ id }) => id === loop.id) ?? loop);
    expect(toldAbove(codeIn(again), byId(again))).toEqual([]);
  });
});

test.each([
  ["running", null],
  ["paused", null],
  ["cancelled", null],
  ["invalidated", null],
  ["complete", null],
  ["stalled", 'code "c" below it has stalled'],
] as const)("a child that is %s: %p", (status, message) => {
  const said = failureBelow([loopRecord({ status: "complete" }), loopRecord({ status, title: "c" })]);
  expect(said?.message ?? null).toBe(message);
});
