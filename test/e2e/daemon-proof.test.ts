// Who the daemon is, where daemon.json is of no use: shown by other proof, or nobody is signalled.
// @waits
import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isAlive, signal, until, withHome, type Home, type Running } from "../support/harness.ts";

const limitMs = 60_000;

async function started(home: Home): Promise<number> {
  await home.ok(["daemon", "start"]);
  const pid = home.daemonPid();
  if (pid === null) throw new Error("there is no daemon.pid");
  return pid;
}

const identityPath = (home: Home) => join(home.dir, "daemon.json");

/** Makes daemon.json name another process, with everything about it true. */
function name(home: Home, bystander: Running): void {
  const identity = JSON.parse(readFileSync(identityPath(home), "utf8")) as object;
  const stat = readFileSync(`/proc/${bystander.pid}/stat`, "utf8");
  const startTime = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  writeFileSync(identityPath(home), JSON.stringify({ ...identity, pid: bystander.pid, startTime }));
}

describe("a hung daemon whose daemon.json is garbage", () => {
  for (const command of ["stop", "restart"]) {
    test(
      `is ended by ${command}: it holds the lock`,
      () =>
        withHome(async (home) => {
          const pid = await started(home);
          signal(pid, "SIGSTOP");
          writeFileSync(identityPath(home), "garbage");
          const start = await home.loopr(["daemon", "start"], { deadlineMs: 20_000 });
          expect(start.code).toBe(4);
          expect(start.stderr).toContain(`the daemon (PID ${pid}) is not responding`);
          const result = await home.loopr(["daemon", command], { deadlineMs: 30_000 });
          expect(result.code).toBe(0);
          expect(result.stdout).toContain(`(PID ${pid}) has stopped`);
          expect(isAlive(pid)).toBe(false);
        }),
      limitMs,
    );
  }

  test(
    "and whose lock file was replaced, too: it was started for this home",
    () =>
      withHome(async (home) => {
        const pid = await started(home);
        signal(pid, "SIGSTOP");
        await home.exec("mv", [join(home.dir, "daemon.lock"), join(home.dir, "lock.moved")]);
        const result = await home.loopr(["daemon", "stop"], { deadlineMs: 30_000 });
        expect(result.code).toBe(0);
        expect(isAlive(pid)).toBe(false);
      }),
    limitMs,
  );
});

test(
  "a lock that another program holds: it is named with the command, and not signalled",
  () =>
    withHome(async (home) => {
      mkdirSync(home.dir, { recursive: true, mode: 0o700 });
      const lock = join(home.dir, "daemon.lock");
      const script = `exec 9>'${lock}'; flock 9; echo held; exec sleep 1000`;
      const holder = home.spawn("sh", ["-c", script]);
      await until(() => holder.stdout().includes("held"), 5_000);
      const result = await home.loopr(["daemon", "stop"], { deadlineMs: 30_000 });
      expect(result.code).toBe(4);
      expect(result.stderr).toContain(`kill -9 ${holder.pid}`);
      expect(isAlive(holder.pid)).toBe(true);
    }),
  limitMs,
);

describe("daemon.json that names another live process", () => {
  test(
    "is not believed by stop: who answered is stopped",
    () =>
      withHome(async (home) => {
        const pid = await started(home);
        const bystander = home.spawn("sleep", ["1000"]);
        name(home, bystander);
        expect(await home.ok(["daemon", "stop"])).toContain(`(PID ${pid}) has stopped`);
        expect(isAlive(pid)).toBe(false);
        expect(isAlive(bystander.pid)).toBe(true);
      }),
    limitMs,
  );

  test(
    "is not believed of a hung daemon, which is ended in its stead",
    () =>
      withHome(async (home) => {
        const pid = await started(home);
        const bystander = home.spawn("sleep", ["1000"]);
        signal(pid, "SIGSTOP");
        name(home, bystander);
        expect(await home.ok(["daemon", "stop"], { deadlineMs: 30_000 })).toContain(`(PID ${pid})`);
        expect(isAlive(pid)).toBe(false);
        expect(isAlive(bystander.pid)).toBe(true);
      }),
    limitMs,
  );

  test(
    "keeps no daemon from starting",
    () =>
      withHome(async (home) => {
        const pid = await started(home);
        const bystander = home.spawn("sleep", ["1000"]);
        name(home, bystander);
        signal(pid, "SIGKILL");
        await until(() => !isAlive(pid), 5_000);
        expect(await home.ok(["daemon", "start"], { deadlineMs: 20_000 })).toContain("is running");
        await home.ok(["daemon", "stop"]);
        expect(isAlive(bystander.pid)).toBe(true);
      }),
    limitMs,
  );
});
