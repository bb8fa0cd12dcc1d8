// A daemon that somebody had to end by force, one that never came to be, and one whose socket was taken away.
// @waits
import { expect, test } from "bun:test";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isAlive, signal, until, withHome } from "../support/harness.ts";

const limitMs = 60_000;

test(
  "a stop that has to kill leaves a daemon that has stopped, not one that has crashed",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      const pid = home.daemonPid() ?? 0;
      signal(pid, "SIGSTOP");
      await home.ok(["daemon", "stop"]);
      expect(isAlive(pid)).toBe(false);
      expect(readdirSync(home.dir).filter((name) => /^daemon\.(?!lock)/.test(name))).toEqual([]);
      const status = await home.loopr(["daemon", "status", "--json"]);
      expect(JSON.parse(status.stdout)).toMatchObject({ state: "stopped", crash: null, stale: null });
      await home.ok(["daemon", "start"]);
      expect(await home.ok(["daemon", "logs"])).not.toContain("good order");
    }),
  limitMs,
);

test(
  "a daemon that is stuck before it has its lock is ended by who started it, by name",
  () =>
    withHome(async (home) => {
      const result = await home.loopr(["daemon", "start"], { env: { LOOPR_DEBUG_PAUSE_AT: "home-ready" } });
      expect(result.code).toBe(4);
      const [, pid] =
        /it \(PID (\d+)\) was silent, had not taken its lock, and was ended/.exec(result.stderr) ?? [];
      expect(Number(pid)).toBeGreaterThan(0);
      await until(() => !isAlive(Number(pid)), 5_000);
      await home.ok(["daemon", "start"]);
    }),
  limitMs,
);

test(
  "a daemon whose socket was removed: status says what it waits on, a start waits for it",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      const socket = join(home.dir, "daemon.sock");
      rmSync(socket);
      const status = await home.loopr(["daemon", "status"]);
      // Who looks in the moment in which it publishes it finds it running.
      if (status.code !== 0) expect(status.stdout).toContain("its socket is gone, and it publishes it again");
      expect(await home.ok(["daemon", "start"])).toContain("already running");
      expect(existsSync(socket)).toBe(true);
    }),
  limitMs,
);
