// The daemon's side: runners that die, hang or talk nonsense, daemons that die.
// @waits
import { afterEach, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunnerHostOptions } from "../../src/daemon/runner-host.ts";
import { sweepOrphanJobs } from "../../src/sandbox/orphans.ts";
import {
  bwrapMissing,
  isAlive,
  jobIn,
  makeBench,
  makeHost,
  makePlace,
  processesWith,
  root,
  runIn,
  runnerCommand,
  silent,
  uniqueNumber,
  until,
  type Bench,
  type Place,
} from "./support.ts";

const limitMs = 90_000;
const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function setUp(options: Partial<RunnerHostOptions> = {}): Bench {
  const bench = makeBench(options);
  ends.push(bench.end);
  return bench;
}

/** A program in the place of a runner. */
function fakeRunner(place: Place, script: string): string[] {
  const path = join(place.base, "fake-runner");
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return [path];
}

describe("a runner", () => {
  test(
    "killed with -9: its jobs are errors and nothing of them is left, what waited runs on the next one",
    async () => {
      const recovered: string[] = [];
      const { place, host, runners } = setUp({
        slots: { "no-net": 1 },
        onRecovered: (lane) => recovered.push(lane),
      });
      for (const sandboxed of bwrapMissing ? [false] : [true, false]) {
        const n = uniqueNumber();
        const started = join(place.worktree, `started-${n}`);
        const job = `echo x >> ${started.slice(place.worktree.length + 1)}; (setsid sleep ${n} &); sleep ${n}`;
        const running = runIn(host, place, { command: job, sandboxed });
        const waiting = runIn(host, place, { command: "echo waited", sandboxed });
        await until("the job", () => existsSync(started) && processesWith(`sleep ${n}`).length >= 2);
        process.kill(runners.at(-1) ?? 0, "SIGKILL");
        const outcome = await running;
        expect(outcome).toMatchObject({ status: "error", exit_code: null });
        expect(outcome.output).toContain("died while this job was running (it ended with SIGKILL)");
        await until("the end of its processes", () => processesWith(`sleep ${n}`).length === 0);
        expect(await waiting).toMatchObject({ status: "success", output: "waited\n" });
        expect(readFileSync(started, "utf8")).toBe("x\n");
      }
      expect(recovered.length).toBeGreaterThan(0);
      expect(new Set(runners).size).toBe(runners.length);
    },
    limitMs,
  );

  test(
    "whose heartbeat stops is killed and replaced",
    async () => {
      const { place, host, runners } = setUp({ times: { heartbeatMs: 100 } });
      const job = runIn(host, place, { command: "sleep 60", sandboxed: false });
      await until("a runner", () => runners[0]);
      process.kill(runners[0] ?? 0, "SIGSTOP");
      const outcome = await job;
      expect(outcome).toMatchObject({ status: "error" });
      expect(outcome.output).toContain("heartbeat");
      expect((await runIn(host, place, { command: "echo again", sandboxed: false })).output).toBe("again\n");
      expect(isAlive(runners[0] ?? 0)).toBe(false);
    },
    limitMs,
  );

  test(
    "that cannot be started, ends at once or is silent fails the jobs that wait, after a bounded time",
    async () => {
      const scripts = {
        silent: "exec sleep 60",
        ends: "echo broken >&2; exit 3",
        noise: "echo no frame; sleep 60",
      };
      for (const [kind, script] of Object.entries(scripts)) {
        const warnings: string[] = [];
        const place = makePlace();
        const host = makeHost(place, {
          command: fakeRunner(place, script),
          log: { ...silent, warn: (message) => warnings.push(message) },
          times: { handshakeMs: 300, waitMs: 1_500, backoffMs: 50 },
        });
        ends.push(place.remove, () => host.stop());
        const outcome = await runIn(host, place, { command: "true" });
        expect([kind, outcome.status]).toEqual([kind, "error"]);
        expect(outcome.output).toContain("there is no runner for lane no-net");
        if (kind === "ends") expect(warnings).toContain("runner: broken");
        if (kind === "noise")
          expect(outcome.output).toContain("its channel cannot be used: a frame announces");
        expect(warnings.length).toBeGreaterThan(1);
      }
      const { place, host } = setUp({ command: ["/nonexistent/loopr"], times: { waitMs: 500 } });
      expect((await runIn(host, place, { command: "true" })).output).toContain("could not be started");
    },
    limitMs,
  );

  test(
    "gets no key of the daemon's environment, and jobs get nothing of the runner's",
    async () => {
      process.env["OPENAI_API_KEY"] = "sk-daemon";
      try {
        const { place, host, runners } = setUp();
        const outcome = await runIn(host, place, { command: "env", sandboxed: false, env: { ONLY: "this" } });
        const runner = readFileSync(`/proc/${runners[0]}/environ`, "utf8");
        expect(runner).toContain("LOOPR_HOME=");
        expect(runner).not.toContain("sk-daemon");
        const names = outcome.output
          .trim()
          .split("\n")
          .map((line) => line.split("=")[0])
          .sort();
        expect(names.filter((name) => name !== "_")).toEqual(["HOME", "LOOPR_JOB", "ONLY", "PWD", "TMPDIR"]);
      } finally {
        delete process.env["OPENAI_API_KEY"];
      }
    },
    limitMs,
  );

  test(
    "told to stop ends its jobs first; nothing is left, in the home neither",
    async () => {
      const { place, host, runners } = setUp();
      const n = uniqueNumber();
      const job = runIn(host, place, { command: `trap '' TERM; sleep ${n}`, sandboxed: false });
      await until("the job", () => processesWith(`sleep ${n}`).length > 0);
      await host.stop();
      expect((await job).status).toBe("cancelled");
      expect(processesWith(`sleep ${n}`)).toEqual([]);
      expect(isAlive(runners[0] ?? 0)).toBe(false);
      expect(readdirSync(join(place.dataDir, "runners"))).toEqual([]);
      expect((await runIn(host, place, { command: "true" })).status).toBe("cancelled");
    },
    limitMs,
  );
});

describe("a daemon", () => {
  test(
    "killed with -9 takes its runners and their jobs along; the next start sweeps what was left",
    async () => {
      const { place } = setUp();
      const n = uniqueNumber();
      const escaped = uniqueNumber();
      const jobs = [
        ...(bwrapMissing
          ? []
          : [jobIn(place, { command: `trap '' TERM; (setsid sleep ${n} &) ; sleep ${n}` })]),
        jobIn(place, { command: `trap '' TERM; sleep ${n}`, sandboxed: false, lane: "heavy" }),
      ];
      const script = join(place.base, "daemon.ts");
      writeFileSync(
        script,
        `import { createRunnerHost } from ${JSON.stringify(join(root, "src/daemon/runner-host.ts"))};
         const quiet = () => {};
         const log = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };
         const host = createRunnerHost({ command: ${JSON.stringify(runnerCommand)}, dataDir: ${JSON.stringify(place.dataDir)}, log });
         for (const job of ${JSON.stringify(jobs)}) void host.run(job, new AbortController().signal);
         setInterval(quiet, 1000);`,
      );
      const daemon = spawn(process.execPath, [script], { stdio: "ignore" });
      ends.push(() => void daemon.kill("SIGKILL"));
      const runners = await until("runners and jobs", () => {
        const found = processesWith("main.ts runner --lane").filter((pid) => parentOf(pid) === daemon.pid);
        return found.length === jobs.length && processesWith(`sleep ${n}`).length >= jobs.length && found;
      });
      daemon.kill("SIGKILL");
      await until("the runners' end", () => !runners.some(isAlive), 10_000);
      await until("the jobs' end", () => processesWith(`sleep ${n}`).length === 0, 10_000);

      // Runner and daemon killed at once: an unsandboxed job is found by its marker.
      const orphan = spawn("/bin/sh", ["-c", `sleep ${escaped} & sleep ${escaped}`], {
        detached: true,
        stdio: "ignore",
        env: { PATH: process.env["PATH"], LOOPR_JOB: `${place.dataDir}#job-1` },
      });
      const foreign = spawn("sleep", ["60"], {
        detached: true,
        stdio: "ignore",
        env: { PATH: process.env["PATH"], LOOPR_JOB: `${place.dataDir}-other#job-1` },
      });
      ends.push(() => void foreign.kill("SIGKILL"));
      await until("the orphans", () => processesWith(`sleep ${escaped}`).length >= 2);
      expect(await sweepOrphanJobs(place.dataDir)).toBeGreaterThanOrEqual(2);
      await until(
        "the orphans' end",
        () => !isAlive(orphan.pid ?? 0) && processesWith(`sleep ${escaped}`).length === 0,
      );
      expect(isAlive(foreign.pid ?? 0)).toBe(true);
      expect(readdirSync(join(place.dataDir, "runners"))).toEqual([]);
    },
    limitMs,
  );
});

function parentOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0;
  }
}
