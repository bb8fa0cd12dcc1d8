import { describe, expect, test } from "bun:test";
import { FakeDaemon, makeEvidence, makeLoop, rootId } from "../../test/support/fake-daemon.ts";
import { runStates } from "../domain/loop-states.ts";
import type { RunState } from "../domain/loop.ts";
import { exitCodeOfRun, hasEnded, isSettled, readOutcome } from "./outcome.ts";

interface Row {
  settled: boolean;
  ended: boolean;
  exit: number;
  exitUnmerged: number;
}

/** Every state of a run: whether it goes on by itself, and the exit codes of `run` and `run --no-merge`. */
const states: Record<RunState, Row> = {
  planning: { settled: false, ended: false, exit: 6, exitUnmerged: 6 },
  awaiting_approval: { settled: true, ended: false, exit: 6, exitUnmerged: 6 },
  executing: { settled: false, ended: false, exit: 6, exitUnmerged: 6 },
  integrating: { settled: false, ended: false, exit: 6, exitUnmerged: 6 },
  verified: { settled: true, ended: true, exit: 6, exitUnmerged: 0 },
  merged: { settled: true, ended: true, exit: 0, exitUnmerged: 0 },
  stalled: { settled: true, ended: true, exit: 1, exitUnmerged: 1 },
  failed: { settled: true, ended: true, exit: 1, exitUnmerged: 1 },
  cancelled: { settled: true, ended: true, exit: 1, exitUnmerged: 1 },
  paused: { settled: true, ended: false, exit: 6, exitUnmerged: 6 },
};

describe("a run's state", () => {
  for (const state of runStates) {
    test(state, () => {
      const root = makeLoop({ run_state: state, waiting_for: state === "verified" ? "merge" : null });
      const row = states[state];
      expect(isSettled(root)).toBe(row.settled);
      expect(hasEnded(root)).toBe(row.ended);
      expect(exitCodeOfRun(root, false)).toBe(row.exit);
      expect(exitCodeOfRun(root, true)).toBe(row.exitUnmerged);
    });
  }

  test("verified is passed through where the daemon merges by itself", () => {
    expect(isSettled(makeLoop({ run_state: "verified" }))).toBe(false);
  });

  for (const code of ["check_not_runnable", "setup_failed", "iterations_used_up"]) {
    test(`failed by ${code}: there is a run, and it has failed`, () => {
      const failure = { code, message: "", hint: "" };
      expect(exitCodeOfRun(makeLoop({ run_state: "failed", failure }), false)).toBe(1);
    });
  }

  test("a child that is watched has a state of its own", () => {
    const child = (status: "complete" | "failed" | "running") =>
      makeLoop({ id: `${rootId}-001`, status, run_state: null });
    expect(isSettled(child("complete"))).toBe(true);
    expect(exitCodeOfRun(child("complete"), false)).toBe(0);
    expect(exitCodeOfRun(child("failed"), false)).toBe(1);
    expect(isSettled(child("running"))).toBe(false);
  });
});

describe("the outcome on record", () => {
  test("of a merged run: the commit on the target, every check in order, sums over its loops", async () => {
    const child = `${rootId}-001`;
    const daemon = new FakeDaemon(
      makeLoop({ run_state: "merged", status: "complete" }),
      makeLoop({ id: child, status: "complete", iteration: 2, cost_usd: 0.5 }),
      makeLoop({ id: "1700000000001-ffffffffffffffff", cost_usd: 99 }),
    );
    daemon.evidence.push(
      makeEvidence({
        loop_id: child,
        stage: "integration",
        at: 4,
        iteration: 2,
        protected_changed: ["t.test.ts"],
      }),
      makeEvidence({ loop_id: child, at: 2, exit: 1 }),
      makeEvidence({ stage: "baseline", iteration: 0, at: 1 }),
    );
    daemon.emit("merge.completed", { id: rootId, commit: "abc", branch: "main" });
    const outcome = await readOutcome(daemon, rootId);
    expect(outcome).toMatchObject({
      commit: "abc",
      target: "main",
      verified: true,
      sandboxed: true,
      iterations: 3,
      costUsd: 0.75,
      unread: [],
      protectedChanged: ["t.test.ts"],
      failure: null,
    });
    expect(outcome.checks.map(({ stage, exit_code }) => [stage, exit_code])).toEqual([
      ["baseline", 0],
      ["iteration", 1],
      ["integration", 0],
    ]);
  });

  test("what was not run again is not among the checks, and the time ends with the last work", async () => {
    const created = 1_700_000_000_000;
    const root = makeLoop({ run_state: "merged", status: "complete", updated_at: created + 86_400_000 });
    const daemon = new FakeDaemon(root);
    daemon.evidence.push(makeEvidence({ at: created + 4_000 }));
    daemon.evidence.push(makeEvidence({ stage: "integration", reused: true, at: created + 5_000 }));
    const outcome = await readOutcome(daemon, rootId);
    expect(outcome.checks.map(({ stage }) => stage)).toEqual(["iteration"]);
    expect(outcome).toMatchObject({ verified: true, tookMs: 5_000 });
  });

  test("of a verified run: the tip of its branch", async () => {
    const child = `${rootId}-001`;
    const root = makeLoop({ run_state: "verified", status: "complete" });
    const daemon = new FakeDaemon(root, makeLoop({ id: child, status: "complete" }));
    daemon.answers["loop.get"] = () => ({ loop: { ...root, description: "", iterations: 1, commit: "def" } });
    daemon.evidence.push(makeEvidence({ loop_id: child, stage: "integration", sandboxed: false }));
    expect(await readOutcome(daemon, rootId)).toMatchObject({
      commit: "def",
      target: null,
      sandboxed: false,
    });
  });

  test("of a run whose child cannot go on: the child's failure, and what it waits for", async () => {
    const failure = { code: "model_auth", message: "401", hint: "set another key" };
    const daemon = new FakeDaemon(
      makeLoop({ run_state: "paused", status: "complete" }),
      makeLoop({ id: `${rootId}-001`, status: "complete" }),
      makeLoop({ id: `${rootId}-002`, status: "paused", waiting_for: "credentials", failure }),
    );
    const outcome = await readOutcome(daemon, rootId);
    expect(outcome.failure).toEqual(failure);
    expect(outcome.waiting).toBe("waiting for credentials");
  });

  test("with validation waived it is not verified", async () => {
    const daemon = new FakeDaemon(makeLoop({ run_state: "merged", status: "complete", loop_type: "code" }));
    daemon.evidence.push(makeEvidence({ stage: "integration", verified: false, checks: [] }));
    expect((await readOutcome(daemon, rootId)).verified).toBe(false);
  });
});
