import { describe, expect, test } from "bun:test";
import type { IterationRecord } from "./evidence.ts";
import { costSince, reportOf, type ReportedRun } from "./report.ts";

const run = (id: string, patch: Partial<ReportedRun>): ReportedRun => ({
  id,
  title: id,
  project: "/repo",
  run_state: "merged",
  branch: null,
  target: "main",
  commit: null,
  undone_commit: null,
  waiting_for: null,
  failure: null,
  updated_at: 100,
  cost_usd: 1,
  ...patch,
});
const ids = (runs: readonly ReportedRun[]) => runs.map(({ id }) => id);

test("each run is in one section; what ended before is left out, what waits or runs is not", () => {
  const report = reportOf(
    [
      run("old", { updated_at: 10 }),
      run("new", {}),
      run("undone", { undone_commit: "c" }),
      run("gate", { run_state: "awaiting_approval", updated_at: 10 }),
      run("verified", { run_state: "verified", waiting_for: "merge" }),
      run("merging", { run_state: "verified" }),
      run("stalled", { run_state: "stalled" }),
      run("gone", { run_state: "failed", updated_at: 10 }),
      run("cancelled", { run_state: "cancelled" }),
      run("running", { run_state: "executing", updated_at: 10 }),
    ],
    50,
    200,
  );
  expect(ids(report.merged)).toEqual(["new"]);
  expect(ids(report.undone)).toEqual(["undone"]);
  expect(ids(report.waiting)).toEqual(["gate", "verified"]);
  expect(ids(report.failed)).toEqual(["stalled"]);
  expect(ids(report.cancelled)).toEqual(["cancelled"]);
  expect(ids(report.running)).toEqual(["running", "merging"]);
  expect(report.cost_usd).toBe(10);
  expect(report.next?.command).toBe("loopr status gate");
});

test("the one next action: gate, merge, pause, failure, nothing", () => {
  const failure = { code: "x", message: "no money", hint: "" };
  const steps: [ReportedRun, string][] = [
    [run("f", { run_state: "failed" }), "loopr status f -d"],
    [run("p", { run_state: "paused", failure }), "loopr resume p"],
    [run("v", { run_state: "verified", waiting_for: "merge" }), "loopr merge v"],
    [run("g", { run_state: "awaiting_approval" }), "loopr status g"],
  ];
  const runs: ReportedRun[] = [run("m", {})];
  expect(reportOf(runs, 0, 1).next).toBeNull();
  for (const [added, command] of steps) {
    runs.push(added);
    expect(reportOf(runs, 0, 1).next?.command).toBe(command);
  }
});

test("the reason is what stands in the way; a bound that is reached is looked at before it is raised", () => {
  const failure = { code: "x", message: "main has local changes", hint: "" };
  const next = (patch: Partial<ReportedRun>) => reportOf([run("a", { failure, ...patch })], 0, 1).next;
  expect(next({ run_state: "verified", waiting_for: "merge" })).toMatchObject({
    command: "loopr merge a",
    why: failure.message,
  });
  expect(next({ run_state: "paused", waiting_for: "budget" })?.command).toBe("loopr status a");
});

test("what was told as ended is told again only where it ended otherwise since", () => {
  const told = { a: "merged", b: "waiting" };
  expect(ids(reportOf([run("a", {}), run("b", {})], 50, 200, told).merged)).toEqual(["b"]);
  expect(ids(reportOf([run("a", { undone_commit: "c" })], 50, 200, told).undone)).toEqual(["a"]);
});

describe("the cost since a look", () => {
  const iteration = (patch: Partial<IterationRecord>): IterationRecord => ({
    loop_id: "r",
    iteration: 1,
    started_at: 0,
    ended_at: 50,
    outcome: "passed",
    layer: null,
    feedback: null,
    commit: null,
    tree: null,
    diffstat: null,
    turns: 1,
    tool_calls: 0,
    model_retries: 0,
    tokens_in: 0,
    tokens_out: 0,
    cost_usd: 2,
    directory: "",
    ...patch,
  });

  test("an iteration that spans it counts once in all: what it had cost by then was told", () => {
    const first = costSince({ id: "r", cost_usd: 3 }, [iteration({ ended_at: null, cost_usd: 0 })], 0, {});
    const second = costSince({ id: "r", cost_usd: 5 }, [iteration({ cost_usd: 5 })], 40, { r: 3 });
    expect([first, second]).toEqual([3, 2]);
  });

  test("without a look: all but what had ended before, its judges included; a replay's copies cost nothing", () => {
    const judgement = { mode: "gate" as const, model: "m", pass: true, reasons: [], error: null };
    const judged = { ...judgement, tokens_in: 0, tokens_out: 0, cost_usd: 0.5, at: 0 };
    const records = [
      iteration({ judgements: [judged] }),
      iteration({ copied_from: "other", cost_usd: 7 }),
      iteration({ ended_at: 150 }),
    ];
    expect(costSince({ id: "r", cost_usd: 4.5 }, records, 100, {})).toBe(2);
  });
});
