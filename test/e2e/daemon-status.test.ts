// `daemon status` in every state that a daemon can be found in: what it says, and its exit code.
// @waits
import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, signal, until, withHome, type Home } from "../support/harness.ts";
import { hang } from "../support/model-server.ts";
import { json, withRuns } from "../support/runs.ts";
import { wire } from "../support/wire.ts";

const limitMs = 60_000;

interface Report {
  state: string;
  pid: number | null;
  waits_on: string | null;
  crash: { at: string; pid: number; last_seen: number; stderr: string[]; log: string[] } | null;
  stale: { why: string; files: string[] } | null;
  [field: string]: unknown;
}

interface Shown {
  text: string;
  report: Report;
}

/** What it says for people and for programs; both have to end with the given code. */
async function status(home: Home, code: number): Promise<Shown> {
  const text = await home.loopr(["daemon", "status"]);
  const json = await home.loopr(["daemon", "status", "--json"]);
  expect([text.code, json.code]).toEqual([code, code]);
  expect([text.stderr, json.stderr]).toEqual(["", ""]);
  return { text: text.stdout, report: JSON.parse(json.stdout) as Report };
}

async function started(home: Home): Promise<number> {
  await home.ok(["daemon", "start"]);
  return home.daemonPid() ?? 0;
}

async function crash(pid: number, name: "SIGKILL" | "SIGSEGV"): Promise<void> {
  signal(pid, name);
  await until(() => !isAlive(pid), 10_000);
}

describe("daemon status", () => {
  test(
    "of a running daemon: who, since when, where, loops by status, clients and memory",
    () =>
      withHome(async (home) => {
        const pid = await started(home);
        const others = await Promise.all([1, 2].map(() => wire(join(home.dir, "daemon.sock"))));
        const { text, report } = await status(home, 0);
        expect(report).toMatchObject({
          state: "running",
          pid,
          clients: 3,
          loops: {},
          llm_ready: false,
          home: home.dir,
          socket: join(home.dir, "daemon.sock"),
          pid_file: join(home.dir, "daemon.pid"),
          log: join(home.dir, "logs/daemon.log"),
          waits_on: null,
          crash: null,
          stale: null,
        });
        expect(report["version"]).toMatch(/^\d+\.\d+\.\d+/);
        expect(Number(report["uptime_ms"])).toBeGreaterThan(0);
        expect(Number(report["memory_bytes"])).toBeGreaterThan(1_000_000);
        for (const line of [
          `daemon    running (PID ${pid})`,
          /^version {3}\d+\.\d+\.\d+ \(\S+\)$/m,
          /^uptime {4}\d+ s$/m,
          "loops     none",
          "clients   3",
          /^memory {4}\d+ MB$/m,
          `home      ${home.dir}`,
          `socket    ${home.dir}/daemon.sock`,
          `PID file  ${home.dir}/daemon.pid`,
          `log       ${home.dir}/logs/daemon.log`,
        ]) {
          expect(text).toMatch(line);
        }
        for (const other of others) other.close();
      }),
    limitMs,
  );

  test(
    "counts the loops by their status",
    () =>
      withRuns([hang(), hang()], async ({ home, loopr, server }) => {
        const ids: string[] = [];
        for (const title of ["One", "Two"]) {
          const created = await loopr(["plan", "--check", "sh test.sh", title, "--json"]);
          ids.push(String(json(created)["id"]));
        }
        await until(() => server.requests.length === 2, 20_000, "both to run");
        expect((await loopr(["pause", ids[0] ?? ""])).code).toBe(0);
        const { text, report } = await status(home, 0);
        expect(report["loops"]).toMatchObject({ paused: 1, running: 1 });
        expect(text).toMatch(/^loops {5}(1 paused, 1 running|1 running, 1 paused)$/m);
        expect(text).toMatch(/^model {5}ready$/m);
      }),
    limitMs,
  );

  test(
    "where none has ever run: stopped, and nothing is made",
    () =>
      withHome(async (home) => {
        const { text, report } = await status(home, 3);
        expect(text).toStartWith("daemon    stopped\n");
        expect(report).toMatchObject({
          state: "stopped",
          pid: null,
          version: null,
          crash: null,
          stale: null,
        });
        expect(() => readFileSync(home.dir)).toThrow("ENOENT");
      }),
    limitMs,
  );

  test(
    "of one that was stopped by a signal: not responding, and what lets it go on",
    () =>
      withHome(async (home) => {
        const pid = await started(home);
        signal(pid, "SIGSTOP");
        const { text, report } = await status(home, 4);
        expect(text).toContain(`not responding (PID ${pid})`);
        expect(text).toContain(`\`kill -CONT ${pid}\` lets it go on`);
        expect(text).toMatch(/^log ends .*ready/m);
        expect(report).toMatchObject({ state: "unresponsive", pid });
        expect(report.waits_on).toContain("stopped by a signal");
        signal(pid, "SIGCONT");
        await until(async () => (await home.loopr(["daemon", "status"])).code === 0, 10_000);
      }),
    limitMs,
  );

  test(
    "of one that holds its lock and does not listen: that it starts or ends",
    () =>
      withHome(async (home) => {
        mkdirSync(home.dir, { mode: 0o700 });
        const holder = home.spawn("flock", [join(home.dir, "daemon.lock"), "sleep", "1000"]);
        await until(() => home.processes().length === 2, 5_000);
        const { report } = await status(home, 4);
        expect(report).toMatchObject({ state: "unresponsive", pid: null });
        expect(report.waits_on).toContain("holds its lock and does not listen");
        for (const pid of home.processes()) signal(pid, "SIGKILL");
        await holder.wait();
      }),
    limitMs,
  );

  test(
    "of one that was killed: crashed, with when it was last alive, the log's last lines, and its files",
    () =>
      withHome(async (home) => {
        const from = Date.now();
        const pid = await started(home);
        await crash(pid, "SIGKILL");
        const { text, report } = await status(home, 3);
        expect(text).toStartWith("daemon    crashed\n");
        expect(text).toMatch(new RegExp(`^crash {5}last alive \\d{4}-\\d\\d-\\d\\d .*\\(PID ${pid}`, "m"));
        expect(text).toMatch(/^log ends .*info.*ready/m);
        expect(report.state).toBe("crashed");
        expect(report.crash?.pid).toBe(pid);
        expect(report.crash?.last_seen).toBeGreaterThanOrEqual(Math.floor(from / 1000) * 1000);
        expect(report.crash?.last_seen).toBeLessThanOrEqual(Date.now());
        expect(new Date(report.crash?.at ?? "").getTime()).toBe(report.crash?.last_seen ?? 0);
        expect(report.crash?.log.at(-1)).toContain('"message":"ready"');
        expect(report.stale?.files).toEqual(
          ["daemon.json", "daemon.pid", "daemon.sock"].map((name) => join(home.dir, name)),
        );
      }),
    limitMs,
  );

  test(
    "keeps what a crash wrote to stderr: before the next start, and after it",
    () =>
      withHome(async (home) => {
        const pid = await started(home);
        await crash(pid, "SIGSEGV");
        const before = await status(home, 3);
        expect(before.report.crash?.stderr.join("\n")).toContain("Segmentation fault");
        expect(before.text).toContain(join(home.dir, "logs/daemon.stderr, ends with"));
        expect(before.text).toContain("Segmentation fault");

        const next = await started(home);
        const after = await status(home, 0);
        expect(after.report).toMatchObject({ state: "running", pid: next, crash: { pid }, stale: null });
        expect(after.report.crash?.stderr.join("\n")).toContain("Segmentation fault");
        expect(after.text).toContain(`the daemon before, `);
        expect(after.text).toContain("Segmentation fault");
        expect(readFileSync(join(home.dir, "logs/daemon.stderr.1"), "utf8")).toContain("Segmentation fault");
        expect(readFileSync(join(home.dir, "logs/daemon.stderr"), "utf8")).toBe("");

        // A clean restart leaves it as it is.
        await home.ok(["daemon", "restart"]);
        expect((await status(home, 0)).report.crash?.pid).toBe(pid);
      }),
    limitMs,
  );

  test(
    "of files that no daemon owns: stale, and which; the next start clears them",
    () =>
      withHome(async (home) => {
        await started(home);
        const identity = readFileSync(join(home.dir, "daemon.json"), "utf8");
        await home.ok(["daemon", "stop"]);

        writeFileSync(join(home.dir, "daemon.pid"), "4242\n");
        const orphaned = await status(home, 3);
        expect(orphaned.text).toStartWith("daemon    stopped, with stale files\n");
        expect(orphaned.text).toContain(join(home.dir, "daemon.pid"));
        expect(orphaned.report).toMatchObject({
          state: "stale",
          stale: { files: [join(home.dir, "daemon.pid")] },
        });

        const earlierBoot = { ...(JSON.parse(identity) as object), bootId: "another boot" };
        writeFileSync(join(home.dir, "daemon.json"), JSON.stringify(earlierBoot));
        const rebooted = await status(home, 3);
        expect(rebooted.report.state).toBe("stale");
        expect(rebooted.report.stale?.why).toContain("the machine was restarted");
        expect(rebooted.report.crash).toBeNull();

        await started(home);
        expect((await status(home, 0)).report).toMatchObject({ stale: null, crash: null });
      }),
    limitMs,
  );

  test(
    "gives each start's losers no trace in the file that keeps crashes",
    () =>
      withHome(async (home) => {
        await Promise.all(Array.from({ length: 5 }, () => home.ok(["daemon", "start"])));
        expect(readFileSync(join(home.dir, "logs/daemon.stderr"), "utf8")).toBe("");
      }),
    limitMs,
  );
});
