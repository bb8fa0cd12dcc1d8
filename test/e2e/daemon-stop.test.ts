// Stopping: gone means that its lock is free; nobody else is ever signalled; nothing is left behind.
// @waits
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, program, signal, until, withHome, type Home } from "../support/harness.ts";
import { wire } from "../support/wire.ts";

const limitMs = 60_000;

async function started(home: Home): Promise<number> {
  await home.ok(["daemon", "start"]);
  const pid = home.daemonPid();
  if (pid === null) throw new Error("there is no daemon.pid");
  return pid;
}

/** Succeeds only while nobody holds the daemon's lock. */
async function isLockFree(home: Home): Promise<boolean> {
  return (await home.exec("flock", ["-n", join(home.dir, "daemon.lock"), "true"])).code === 0;
}

describe("daemon stop", () => {
  test(
    "returns when the daemon is gone and its lock is free",
    () =>
      withHome(async (home) => {
        const pid = await started(home);
        expect(await isLockFree(home)).toBe(false);
        expect(await home.ok(["daemon", "stop"])).toBe(`The daemon (PID ${pid}) has stopped.\n`);
        expect(isAlive(pid)).toBe(false);
        expect(await isLockFree(home)).toBe(true);
        expect(readdirSync(home.dir)).not.toContain("daemon.sock");
        expect(readdirSync(home.dir)).not.toContain("daemon.pid");
      }),
    limitMs,
  );

  test(
    "where none runs says so, starts none and makes no home",
    () =>
      withHome(async (home) => {
        expect(await home.ok(["daemon", "stop"])).toBe("The daemon is not running.\n");
        expect(JSON.parse(await home.ok(["daemon", "stop", "--json"]))).toEqual({
          state: "stopped",
          pid: null,
          stopped: false,
        });
        expect(() => readdirSync(home.dir)).toThrow();
        expect(home.processes()).toEqual([]);
      }),
    limitMs,
  );

  test(
    "five at once all succeed",
    () =>
      withHome(async (home) => {
        const pid = await started(home);
        const results = await Promise.all(Array.from({ length: 5 }, () => home.loopr(["daemon", "stop"])));
        expect(results.map((result) => result.stderr)).toEqual(new Array<string>(5).fill(""));
        expect(results.map((result) => result.code)).toEqual(new Array<number>(5).fill(0));
        expect(isAlive(pid)).toBe(false);
      }),
    limitMs,
  );

  test(
    "stop && start, again and again, never fails",
    () =>
      withHome(async (home) => {
        const rounds = 15;
        const step = `'${program}' daemon stop && '${program}' daemon start || exit 1`;
        const script = `i=0; while [ $i -lt ${rounds} ]; do ${step}; i=$((i+1)); done`;
        const result = await home.exec("sh", ["-c", script], { deadlineMs: 55_000 });
        expect(result.stderr).toBe("");
        expect(result.code).toBe(0);
        expect(result.stdout.match(/is running/g)?.length).toBe(rounds);
      }),
    limitMs,
  );

  test(
    "ends one that does not react, by force, and shows that it is waiting",
    () =>
      withHome(async (home) => {
        const pid = await started(home);
        signal(pid, "SIGSTOP");
        const result = await home.loopr(["daemon", "stop"], { deadlineMs: 30_000 });
        expect(result.code).toBe(0);
        expect(result.stderr).toContain("waiting for the daemon");
        expect(isAlive(pid)).toBe(false);
      }),
    limitMs,
  );

  test(
    "ends one that has not finished starting",
    () =>
      withHome(async (home) => {
        for (let round = 0; round < 5; round++) {
          const start = home.start(["daemon", "start"]);
          const stopped = await home.loopr(["daemon", "stop"], { deadlineMs: 30_000 });
          expect(stopped).toMatchObject({ code: 0, stderr: "" });
          await start.wait(); // May have failed: it was stopped.
          await home.ok(["daemon", "stop"]);
          expect(home.processes()).toEqual([]);
        }
      }),
    limitMs,
  );

  test(
    "with clients connected that neither read nor leave",
    () =>
      withHome(async (home) => {
        await started(home);
        const clients = await Promise.all(
          Array.from({ length: 10 }, () => wire(join(home.dir, "daemon.sock"))),
        );
        for (const client of clients) client.socket.pause();
        await home.ok(["daemon", "stop"], { deadlineMs: 10_000 });
        for (const client of clients) client.close();
      }),
    limitMs,
  );

  test(
    "tells subscribers that the end is meant",
    () =>
      withHome(async (home) => {
        await started(home);
        const subscriber = await wire(join(home.dir, "daemon.sock"));
        await subscriber.call("subscribe");
        await home.ok(["daemon", "stop"]);
        await subscriber.next((message) => message.event === "daemon.stopping");
        await until(() => subscriber.isClosed(), 5_000);
      }),
    limitMs,
  );
});

describe("daemon restart", () => {
  test(
    "replaces a running daemon, and starts one where none runs",
    () =>
      withHome(async (home) => {
        expect(await home.ok(["daemon", "restart"])).toContain("is running");
        const first = home.daemonPid();
        expect(await home.ok(["daemon", "restart"])).toContain(`(PID ${first}) has stopped`);
        expect(home.daemonPid()).not.toBe(first);
      }),
    limitMs,
  );
});

describe("daemon status", () => {
  test(
    "tells running from stopped, by exit code too",
    () =>
      withHome(async (home) => {
        const stopped = await home.loopr(["daemon", "status", "--json"]);
        expect(stopped.code).toBe(3);
        expect(JSON.parse(stopped.stdout)).toMatchObject({ state: "stopped", pid: null, version: null });
        const pid = await started(home);
        const running = await home.loopr(["daemon", "status"]);
        expect(running.code).toBe(0);
        for (const text of [
          `running (PID ${pid})`,
          "daemon.sock",
          "daemon.pid",
          "version",
          "uptime",
          "memory",
        ]) {
          expect(running.stdout).toContain(text);
        }
        signal(pid, "SIGKILL");
        await until(() => !isAlive(pid), 5_000);
        expect((await home.loopr(["daemon", "status"])).code).toBe(3);
        expect(home.processes()).toEqual([]);
      }),
    limitMs,
  );

  test(
    "of one that hangs: unresponsive, exit 4; no command starts a second one",
    () =>
      withHome(async (home) => {
        const pid = await started(home);
        signal(pid, "SIGSTOP");
        const [status, start] = await Promise.all([
          home.loopr(["daemon", "status", "--json"], { deadlineMs: 20_000 }),
          home.loopr(["daemon", "start"], { deadlineMs: 20_000 }),
        ]);
        expect(status.code).toBe(4);
        expect(JSON.parse(status.stdout)).toMatchObject({ state: "unresponsive", pid });
        expect(start.code).toBe(4);
        expect(start.stderr).toContain(`the daemon (PID ${pid}) is not responding`);
        expect(home.processes()).toEqual([pid]);
        signal(pid, "SIGCONT");
        await until(async () => (await home.loopr(["daemon", "status"])).code === 0, 10_000);
      }),
    limitMs,
  );
});

describe("signals", () => {
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    test(
      `${name} ends it in good order`,
      () =>
        withHome(async (home) => {
          const pid = await started(home);
          signal(pid, name);
          await until(() => !isAlive(pid), 10_000);
          expect(readdirSync(home.dir)).not.toContain("daemon.pid");
          expect(readdirSync(home.dir)).not.toContain("daemon.sock");
          expect(readFileSync(join(home.dir, "logs/daemon.log"), "utf8")).toContain('"message":"stopped"');
        }),
      limitMs,
    );
  }

  test(
    "SIGPIPE does nothing; SIGHUP opens the log anew and does nothing else",
    () =>
      withHome(async (home) => {
        const pid = await started(home);
        const log = join(home.dir, "logs/daemon.log");
        writeFileSync(join(home.dir, "logs/kept"), "");
        await home.exec("mv", [log, `${log}.moved`]);
        signal(pid, "SIGPIPE");
        signal(pid, "SIGHUP");
        await until(() => readdirSync(join(home.dir, "logs")).includes("daemon.log"), 5_000);
        await home.ok(["daemon", "stop"]);
        expect(readFileSync(log, "utf8")).toContain("stopping");
        expect(readFileSync(`${log}.moved`, "utf8")).not.toContain("stopping");
      }),
    limitMs,
  );

  test(
    "kill -9, then any start works",
    () =>
      withHome(async (home) => {
        for (let round = 0; round < 3; round++) {
          const pid = await started(home);
          signal(pid, "SIGKILL");
          await until(() => !isAlive(pid), 5_000);
        }
        expect(await home.ok(["daemon", "start"])).toContain("The daemon is running");
      }),
    limitMs,
  );
});
