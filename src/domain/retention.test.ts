import { describe, expect, test } from "bun:test";
import { recordsToPrune, type EndedRun } from "./retention.ts";

const day = 86_400_000;
const mb = 1024 * 1024;
const now = 1000 * day;
const run = (id: string, daysAgo: number, megabytes: number): EndedRun => ({
  id,
  ended_at: now - daysAgo * day,
  bytes: megabytes * mb,
});
const runs = [run("new", 1, 10), run("old", 40, 10), run("older", 50, 30), run("oldest", 60, 5)];
const plenty = { keep_days: 1000, max_mb: 1000, keep_runs: 0 };

describe("the records that go", () => {
  test.each([
    ["none while there is room and time", {}, 0, []],
    ["what is older than keep_days", { keep_days: 45 }, 0, ["oldest", "older"]],
    ["at the very age nothing yet", { keep_days: 50 }, 0, ["oldest"]],
    ["the oldest, until the rest fits", { max_mb: 50 }, 0, ["oldest"]],
    ["as many as it takes", { max_mb: 49 }, 0, ["oldest", "older"]],
    ["what runs that have not ended take counts", { max_mb: 50 }, 10, ["oldest", "older"]],
    ["the newest stay, whatever they take", { max_mb: 1, keep_runs: 2 }, 0, ["oldest", "older"]],
    ["the newest stay, however old", { keep_days: 1, keep_runs: 3 }, 0, ["oldest"]],
    ["all, where nothing is kept", { keep_days: 0.5 }, 0, ["oldest", "older", "old", "new"]],
    ["none, where more are kept than there are", { keep_days: 0.5, keep_runs: 9 }, 0, []],
  ])("%s", (_name, limits, othersMb, expected) => {
    const pruned = recordsToPrune(runs, othersMb * mb, { ...plenty, ...limits }, now);
    expect(pruned.map(({ id }) => id)).toEqual(expected);
  });

  test("what is gone already does not go again", () => {
    expect(recordsToPrune([run("gone", 900, 0)], 0, { ...plenty, keep_days: 1 }, now)).toEqual([]);
  });
});
