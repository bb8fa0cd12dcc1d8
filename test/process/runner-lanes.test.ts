// Lanes: what waits, what runs, what is cancelled before it does.
import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunnerHostOptions } from "../../src/daemon/runner-host.ts";
import { makeBench, runIn, until, type Bench } from "./support.ts";

const limitMs = 90_000;
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function setUp(options: Partial<RunnerHostOptions> = {}): Bench {
  const bench = makeBench(options);
  ends.push(bench.end);
  return bench;
}

describe("lanes", () => {
  test.each([
    ["no-net", "heavy"],
    ["net", "no-net"],
    ["heavy", "net"],
  ] as const)(
    "a full lane (%s) queues, in order; time in the queue is not run time; other lanes (%s) go on",
    async (lane, another) => {
      const { place, host } = setUp({ slots: { [lane]: 2 } });
      const sh = (command: string, more = {}) =>
        runIn(host, place, { command, sandboxed: false, lane, ...more });
      const trace = join(place.worktree, "trace");
      const step = (n: number) => `echo +${n} >> trace; sleep 0.4; echo -${n} >> trace`;
      const all = Promise.all([1, 2, 3, 4].map((n) => sh(step(n), { timeout_ms: 10_000 })));
      await until("the first", () => existsSync(trace));
      const other = await sh("echo other", { lane: another });
      expect(other).toMatchObject({ status: "success", output: "other\n" });
      const outcomes = await all;
      expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(["success"]));
      for (const { duration_ms } of outcomes) expect(duration_ms).toBeLessThan(8_000);
      let running = 0;
      for (const line of readFileSync(trace, "utf8").trim().split("\n")) {
        running += line.startsWith("+") ? 1 : -1;
        expect(running).toBeLessThanOrEqual(2);
      }
      expect(running).toBe(0);
    },
    limitMs,
  );

  test(
    "a queued job that is cancelled never starts",
    async () => {
      const { place, host } = setUp({ slots: { heavy: 1 } });
      const job = { lane: "heavy", sandboxed: false } as const;
      const control = new AbortController();
      const first = runIn(host, place, { ...job, command: "until [ -e go ]; do sleep 0.05; done" });
      const second = runIn(host, place, { ...job, command: "touch started" }, control.signal);
      control.abort();
      expect(await second).toMatchObject({ status: "cancelled", exit_code: null });
      writeFileSync(join(place.worktree, "go"), "");
      expect((await first).status).toBe("success");
      expect(existsSync(join(place.worktree, "started"))).toBe(false);
    },
    limitMs,
  );

  test(
    "a signal that is aborted already starts nothing",
    async () => {
      const { place, host } = setUp();
      const outcome = await runIn(host, place, { command: "touch started" }, AbortSignal.abort());
      expect(outcome.status).toBe("cancelled");
    },
    limitMs,
  );

  test(
    "a job that is too large for a frame is an error, and the lane goes on",
    async () => {
      const { place, host } = setUp();
      const input = { path: "big", content: "x".repeat(17 * 1024 * 1024) };
      const outcome = await runIn(host, place, { tool: "write_file", input });
      expect(outcome.status).toBe("error");
      expect(outcome.output).toContain("limit");
      expect((await runIn(host, place, { tool: "list_directory", input: { path: "." } })).status).toBe(
        "success",
      );
    },
    limitMs,
  );
});
