import { describe, expect, test } from "bun:test";
import { loopRecord, runRecord } from "../../test/support/records.ts";
import { loopStatuses } from "./loop-states.ts";
import type { Loop, LoopStatus } from "./loop.ts";
import { isDone, runStateOf, transition, type LoopEvent } from "./transition.ts";

const failure = { code: "x", message: "y", hint: "" };
const samples: Record<LoopEvent["kind"], LoopEvent> = {
  start: { kind: "start" },
  pass: { kind: "pass" },
  ask: { kind: "ask", files: ["a_test.go"] },
  approve: { kind: "approve" },
  iterate: { kind: "iterate" },
  reject: { kind: "reject", reason: "no" },
  fail: { kind: "fail", failure },
  stall: { kind: "stall", failure },
  pause: { kind: "pause", waitingFor: "resume", failure: null },
  resume: { kind: "resume" },
  cancel: { kind: "cancel" },
  interrupt: { kind: "interrupt" },
  rebase: { kind: "rebase" },
  rebased: { kind: "rebased" },
  send_back: { kind: "send_back" },
  rerun: { kind: "rerun" },
  retry: { kind: "retry" },
  invalidate: { kind: "invalidate" },
};

/** What each status answers to each event; what is absent is refused. Plan and code differ only in `pass`. */
const table: Record<LoopStatus, Partial<Record<LoopEvent["kind"], LoopStatus>>> = {
  pending: {
    rerun: "pending",
    start: "running",
    fail: "failed",
    pause: "paused",
    cancel: "cancelled",
    invalidate: "invalidated",
  },
  running: {
    rerun: "pending",
    retry: "pending",
    pass: "complete",
    ask: "awaiting_approval",
    fail: "failed",
    stall: "stalled",
    pause: "paused",
    cancel: "cancelled",
    interrupt: "pending",
    rebase: "rebasing",
    invalidate: "invalidated",
  },
  awaiting_approval: {
    rerun: "pending",
    approve: "complete",
    iterate: "running",
    reject: "failed",
    pause: "paused",
    cancel: "cancelled",
    invalidate: "invalidated",
  },
  paused: { rerun: "pending", resume: "pending", cancel: "cancelled", invalidate: "invalidated" },
  rebasing: {
    rerun: "pending",
    pause: "paused",
    fail: "failed",
    cancel: "cancelled",
    interrupt: "pending",
    rebased: "running",
    invalidate: "invalidated",
  },
  complete: { rerun: "pending", send_back: "pending", invalidate: "invalidated" },
  failed: { rerun: "pending", resume: "pending", cancel: "cancelled", invalidate: "invalidated" },
  stalled: { rerun: "pending", resume: "pending", cancel: "cancelled", invalidate: "invalidated" },
  cancelled: { invalidate: "invalidated" },
  invalidated: {},
};

describe("transition", () => {
  for (const status of loopStatuses) {
    for (const [kind, event] of Object.entries(samples)) {
      const expected = table[status][event.kind];
      test(`${status} + ${kind} → ${expected ?? "refused"}`, () => {
        const result = transition(loopRecord({ status }), event);
        if (expected === undefined) {
          expect(result.kind).toBe("refusal");
          if (result.kind === "refusal")
            expect(result.message).toContain(`is ${status.replaceAll("_", " ")}`);
        } else {
          expect(result.kind === "next" ? result.status : result).toBe(expected);
        }
      });
    }
  }

  test("a plan that passes waits for the person, and says so", () => {
    const result = transition(loopRecord({ loop_type: "plan", status: "running" }), { kind: "pass" });
    expect(result).toMatchObject({
      kind: "next",
      status: "awaiting_approval",
      patch: { waiting_for: "approval" },
    });
  });

  test("pause and resume lead back to where it was; what ran goes back to the queue", () => {
    for (const [from, back] of [
      ["pending", "pending"],
      ["running", "pending"],
      ["awaiting_approval", "awaiting_approval"],
    ] as const) {
      const loop = loopRecord({ status: from });
      const paused = transition(loop, samples.pause);
      if (paused.kind !== "next") throw new Error("refused");
      const resumed = transition({ ...loop, ...paused.patch, status: paused.status }, { kind: "resume" });
      expect(resumed).toMatchObject({ kind: "next", status: back });
    }
  });
});

describe("the run's state", () => {
  const root = (status: LoopStatus, patch: Partial<Loop> = {}) =>
    loopRecord({ loop_type: "plan", status, ...patch });
  const child = (n: number, status: LoopStatus, patch: Partial<Loop> = {}) =>
    loopRecord({ id: `${root("complete").id}-00${n}`, parent_id: root("complete").id, status, ...patch });
  const integrated = (n: number) => {
    const loop = child(n, "complete");
    return { ...loop, context: { ...loop.context, integrated_commit: "c" } };
  };
  const id = (n: number) => `${root("complete").id}-00${n}`;
  const run = runRecord();

  const cases: [string, Loop[], string][] = [
    ["a plan that runs", [root("running")], "planning"],
    ["a plan at the gate", [root("awaiting_approval")], "awaiting_approval"],
    ["a rejected plan", [root("failed")], "failed"],
    ["children at work", [root("complete"), child(1, "running")], "executing"],
    ["a child complete but not integrated", [root("complete"), child(1, "complete")], "integrating"],
    ["everything integrated", [root("complete"), integrated(1), integrated(2)], "integrating"],
    ["one failed, one still runs", [root("complete"), child(1, "failed"), child(2, "running")], "executing"],
    ["one failed, the rest done", [root("complete"), child(1, "failed"), integrated(2)], "failed"],
    [
      "one failed, the next depends on it",
      [root("complete"), child(1, "failed"), child(2, "pending", { depends_on: [id(1)] })],
      "failed",
    ],
    [
      "one paused, the next depends on it",
      [root("complete"), child(1, "paused"), child(2, "pending", { depends_on: [id(1)] })],
      "paused",
    ],
    ["one cancelled, the rest done", [root("complete"), child(1, "cancelled"), integrated(2)], "cancelled"],
    ["one stalled", [root("complete"), child(1, "stalled")], "stalled"],
    ["a cancelled root", [root("cancelled")], "cancelled"],
  ];
  for (const [name, loops, expected] of cases) {
    test(name, () => {
      const first = loops[0];
      if (!first) throw new Error("no loop");
      expect(runStateOf(first, loops, run)).toBe(expected as never);
    });
  }

  test("merged and verified win over everything but a cancelled root", () => {
    const loops = [root("complete"), integrated(1)];
    const first = loops[0];
    if (!first) throw new Error("no loop");
    expect(runStateOf(first, loops, { ...run, verified_commit: "c" })).toBe("verified");
    expect(runStateOf(first, loops, { ...run, verified_commit: "c", merged_commit: "c" })).toBe("merged");
  });

  test("done means complete with every descendant, and integrated", () => {
    const loops = [root("complete"), integrated(1), child(2, "complete")];
    const childrenOf = (parent: string) => loops.filter((loop) => loop.parent_id === parent);
    expect(loops.map((loop) => isDone(loop, childrenOf))).toEqual([false, true, false]);
  });
});
