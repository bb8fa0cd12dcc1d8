// `daemon logs`: the daemon's log for people, by level, and as it grows and is moved away.
import { expect, test } from "bun:test";
import { appendFileSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { isAlive, signal, until, withHome } from "../support/harness.ts";

const limitMs = 60_000;
const line = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}(trace|debug|info |warn |error) {2}\S/;

test(
  "is read as lines for people or as JSON, from a level on, and needs no daemon",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      const pid = home.daemonPid() ?? 0;
      signal(pid, "SIGKILL");
      await until(() => !isAlive(pid), 5_000);
      await home.ok(["daemon", "start"]); // Warns of the crash before it.
      await home.ok(["daemon", "stop"]);

      const all = (await home.ok(["daemon", "logs"])).trimEnd().split("\n");
      expect(all.length).toBeGreaterThan(3);
      for (const one of all) expect(one).toMatch(line);
      expect(all.some((one) => one.includes("  ready  pid="))).toBe(true);

      const warnings = (await home.ok(["daemon", "logs", "--level", "WARN"])).trimEnd().split("\n");
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain(`did not end in good order  pid=${pid}`);
      expect(await home.ok(["daemon", "logs", "--level", "error"])).toBe("");

      const records = (await home.ok(["daemon", "logs", "--json", "--level", "warn"])).trimEnd().split("\n");
      expect(JSON.parse(records[0] ?? "")).toMatchObject({ level: "warn", pid });
      expect(home.processes()).toEqual([]);

      const wrong = await home.loopr(["daemon", "logs", "--level", "loud"]);
      expect(wrong.code).toBe(2);
      expect(wrong.stderr).toContain("trace, debug, info, warn, error");
    }),
  limitMs,
);

test(
  "is followed across its rotation until Ctrl-C",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      const log = join(home.dir, "logs", "daemon.log");
      const follower = home.start(["daemon", "logs", "-f", "--level", "info"]);
      await until(() => follower.stdout().includes("  ready  "), 10_000);

      // What the daemon's own rotation does: the old file is renamed, its last line may come before or after.
      renameSync(log, `${log}.1`);
      const time = new Date().toISOString();
      const record = (level: string, message: string) => JSON.stringify({ time, level, message }) + "\n";
      appendFileSync(`${log}.1`, record("info", "the last of the old") + record("debug", "too quiet"));
      signal(home.daemonPid() ?? 0, "SIGHUP");
      await until(() => readFileSync(log, "utf8") !== null, 5_000);
      await home.ok(["daemon", "stop"]);
      await until(() => follower.stdout().includes("  stopped"), 10_000);
      expect(follower.stdout().match(/the last of the old/g)).toHaveLength(1);
      expect(follower.stdout().match(/ {2}ready {2}/g)).toHaveLength(1);
      expect(follower.stdout()).not.toContain("too quiet");

      await home.ok(["daemon", "start"]);
      await until(() => follower.stdout().match(/ {2}ready {2}/g)?.length === 2, 10_000);
      follower.kill("SIGINT");
      expect(await follower.wait()).toMatchObject({ code: 130 });
    }),
  limitMs,
);
