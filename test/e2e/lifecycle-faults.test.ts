// What the daemon's life must withstand, as a table: how each fault is provoked, for real, and what must be seen.
// Here its own steps; lifecycle-surroundings.test.ts has what happens around it. The requirements that other
// files hold are listed at the end, and held to be there.
import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  daemons,
  expectWhole,
  limitMs,
  pausedAt,
  pausedDaemon,
  stateOf,
  table,
  type Fault,
} from "../support/faults.ts";
import { commandLine, isAlive, signal, until, withHome } from "../support/harness.ts";

/** Ten times what the requirement says: a start that fails is reported within 200 ms of the failure. */
const reportDeadlineMs = 2_000;

/** Much more than the 5 s that a stop may take, and the one that the watchdog adds. */
const watchdogDeadlineMs = 50_000;

const startSteps = [
  "home-ready",
  "locked",
  "log-open",
  "identity-written",
  "recovered",
  "listening",
  "answering",
];
const stopSteps = ["stop-begun", "not-listening", "loops-stopped", "disconnected", "nameless"];

table("kill -9 on the way up", [
  ...startSteps.map((step): Fault => ({
    name: step,
    provoked: "the daemon is killed at this step",
    seen: "the start says so at once, with the log; the next one works",
    run: async (home) => {
      const start = home.start(["daemon", "start"], { env: pausedAt(step) });
      const pid = await pausedDaemon(home);
      const killedAt = Date.now();
      signal(pid, "SIGKILL");
      const result = await start.wait();
      expect(Date.now() - killedAt).toBeLessThan(reportDeadlineMs);
      expect(result.code).toBe(4);
      expect(result.stderr).toContain("the daemon could not be started: it ended with SIGKILL");
      expect(result.stderr).toContain(`log: ${home.dir}/logs/daemon.log`);
      expect((await home.loopr(["daemon", "status"])).code).toBe(3);
      await expectWhole(home);
    },
  })),
  {
    name: "ready",
    provoked: "the daemon is killed right after it said that it is ready",
    seen: "the start has succeeded or starts another; the next one works",
    run: async (home) => {
      const start = home.start(["daemon", "start"], { env: pausedAt("ready") });
      // Where the start has not yet been answered, it starts another one, which pauses as well.
      const ended = start.wait();
      let running = true;
      void ended.finally(() => (running = false));
      await pausedDaemon(home);
      await until(() => {
        for (const pid of daemons(home)) if (stateOf(pid) === "T") signal(pid, "SIGKILL");
        return !running;
      }, 20_000);
      expect([0, 4]).toContain((await ended).code ?? -1);
      for (const pid of daemons(home)) signal(pid, "SIGKILL");
      await until(() => daemons(home).length === 0, 5_000);
      await expectWhole(home);
    },
  },
]);

table("kill -9 on the way down", [
  ...stopSteps.map((step): Fault => ({
    name: step,
    provoked: "the daemon is killed at this step",
    seen: "the stop succeeds; the next start works",
    run: async (home) => {
      await home.ok(["daemon", "start"], { env: pausedAt(step) });
      const stop = home.start(["daemon", "stop"]);
      const pid = await pausedDaemon(home);
      signal(pid, "SIGKILL");
      expect(await stop.wait()).toMatchObject({ code: 0, stderr: "" });
      expect(isAlive(pid)).toBe(false);
      await expectWhole(home);
    },
  })),
]);

table("a daemon that hangs", [
  {
    name: "for a moment in its start",
    provoked: "SIGSTOP when it holds the lock, a second client, SIGCONT",
    seen: "both clients wait for it, and get it",
    run: async (home) => {
      const first = home.start(["daemon", "start"], { env: pausedAt("identity-written") });
      const pid = await pausedDaemon(home);
      const second = home.start(["daemon", "start"]);
      await until(() => commandLine(second.pid).includes("start"), 5_000);
      signal(pid, "SIGCONT");
      expect(await first.wait()).toMatchObject({ code: 0 });
      expect(await second.wait()).toMatchObject({ code: 0 });
      expect(daemons(home)).toEqual([pid]);
    },
  },
  {
    name: "in its stop",
    provoked: "SIGSTOP with its name already gone, then a start",
    seen: "status says that it does not respond; stop ends it by force; no second daemon meanwhile",
    run: async (home) => {
      await home.ok(["daemon", "start"], { env: pausedAt("not-listening") });
      const stop = home.start(["daemon", "stop"]);
      const pid = await pausedDaemon(home);
      expect((await home.loopr(["daemon", "status"])).code).toBe(4);
      expect(daemons(home)).toEqual([pid]);
      expect(await stop.wait()).toMatchObject({ code: 0 });
      expect(isAlive(pid)).toBe(false);
    },
  },
]);

table("an event loop that stands still", [
  {
    name: "on its way down",
    provoked:
      "SIGTERM to a daemon that stands still once its socket is gone, and no command that waits for it",
    seen: "its watchdog, a thread of its own, ends it; nothing is left in the way of the next",
    run: async (home) => {
      await home.ok(["daemon", "start"], { env: { LOOPR_DEBUG_STICK_AT: "not-listening" } });
      const pid = home.daemonPid() ?? 0;
      signal(pid, "SIGTERM");
      await until(() => !existsSync(join(home.dir, "daemon.sock")), 10_000, "the step to be reached");
      await until(() => !isAlive(pid), watchdogDeadlineMs, "the watchdog to end it");
      await expectWhole(home);
    },
  },
]);

describe("a stop", () => {
  test(
    "does not signal the process that has got the daemon's PID meanwhile: it survives stop, restart and start",
    () =>
      withHome(async (home) => {
        const sentinel = spawn("sleep", ["1000"], { stdio: "ignore" });
        try {
          await home.ok(["daemon", "start"], { env: pausedAt("not-listening") });
          const pid = home.daemonPid() ?? 0;
          const identity = JSON.parse(readFileSync(join(home.dir, "daemon.json"), "utf8")) as object;
          signal(pid, "SIGKILL");
          await until(() => !isAlive(pid), 5_000);
          const reused = { ...identity, pid: sentinel.pid };
          writeFileSync(join(home.dir, "daemon.json"), JSON.stringify(reused));
          writeFileSync(join(home.dir, "daemon.pid"), `${sentinel.pid}\n`);
          await home.ok(["daemon", "stop"]);
          await home.ok(["daemon", "restart"]);
          await home.ok(["daemon", "stop"]);
          expect(isAlive(sentinel.pid ?? 0)).toBe(true);
        } finally {
          sentinel.kill("SIGKILL");
        }
      }),
    limitMs,
  );
});

/** Requirements and fault cases that another file holds: its name, and words of the test's. */
const elsewhere: [string, string, string][] = [
  [
    "50 clients at once over stale files: one daemon",
    "daemon-start",
    "50 clients at once over a stale PID file",
  ],
  [
    "--foreground: the loser names the holder, touches nothing",
    "daemon-start",
    "a loser ends at once, names the holder",
  ],
  [
    "readiness: the reason, the log's path and its last lines",
    "daemon-disk",
    "is reported with its reason, the log's path",
  ],
  [
    "alive means that it answers: SIGSTOP, no second daemon",
    "daemon-stop",
    "of one that hangs: unresponsive, exit 4",
  ],
  [
    "an old server's close leaves its successor's socket",
    "daemon-socket",
    "of a successor survives the end of a daemon",
  ],
  ["garbage in daemon.pid and daemon.json", "daemon-disk", "garbage in daemon.pid and daemon.json"],
  ["the recorded PID is a live stranger", "daemon-disk", "the PID of a live process that is not ours"],
  ["the self-check puts socket and identity back", "daemon-socket", "and the identity are put back"],
  [
    "home: link, foreign, writable by others, read-only, full",
    "daemon-disk",
    "another user's, not permitted, read-only, full",
  ],
  ["socket 0600 under umask 0", "daemon-start", "makes the socket private even under umask 0"],
  ["socket paths over 103 bytes", "daemon-socket", "of a home with a long path"],
  [
    "initialize, ping, status, shutdown never change shape",
    "daemon-protocol",
    "what any version may ask of any other has exactly these fields",
  ],
  [
    "two builds of one version: the later replaces, once",
    "daemon-upgrade",
    "of two builds of one version the later one replaces an idle daemon",
  ],
  [
    "a daemon too old to wait for checkpoints",
    "daemon-foreign",
    "a daemon of ours that is too old to wait for checkpoints",
  ],
  [
    "the interface killed, its terminal closed",
    "daemon-survival",
    "the interface killed with -9, and its terminal closed",
  ],
  ["a crash with a key in its words", "credentials", "a crash that has a key in its words leaves none"],
  [
    "a newer client replaces an idle daemon, an older never",
    "daemon-upgrade",
    "uses it as it is, however often the two take turns",
  ],
  ["five stops at once", "daemon-stop", "five at once all succeed"],
  ["stop && start again and again", "daemon-stop", "stop && start, again and again"],
  ["stop during start", "daemon-stop", "ends one that has not finished starting"],
  ["a stop by force, with progress", "daemon-stop", "ends one that does not react, by force"],
  ["SIGTERM, SIGINT", "daemon-stop", "ends it in good order"],
  ["SIGHUP and SIGPIPE", "daemon-stop", "SIGPIPE does nothing; SIGHUP opens the log anew"],
  ["own session, no terminal, cwd /, umask 077, stdin null", "daemon-start", "has a session of its own"],
  ["no inherited descriptors", "daemon-start", "keeps nothing of its starter open"],
  ["the environment is an allow-list", "daemon-start", "gets an environment without keys"],
  [
    "started from the running program after an upgrade on disk",
    "daemon-start",
    "is started from the running program",
  ],
  ["its starter's session is killed", "daemon-start", "goes on when its starter's session is killed"],
  ["kill -9 of the daemon: who watches comes back", "daemon-survival", "survives kill -9 of the daemon"],
  ["malformed and oversized frames", "daemon-protocol", "a line just under 1 MiB is taken"],
  ["a slow reader", "daemon-protocol", "a client that does not read is cut off"],
  ["too many connections", "daemon-protocol", "256 clients are served"],
  ["EMFILE by ulimit", "daemon-protocol", "few descriptors"],
  [
    "a client killed in the middle of a request",
    "daemon-protocol",
    "a client killed in the middle of a request",
  ],
  ["a foreign server listens at our socket", "daemon-foreign", "an original daemon: its version is named"],
  ["a garbage reply to the handshake", "daemon-foreign", "JSON of another protocol"],
  ["a server that accepts and is silent", "daemon-foreign", "one that accepts and is silent"],
];

describe("held in a file of its own", () => {
  for (const [fault, file, words] of elsewhere) {
    test(`${fault}: ${file}`, () => {
      const path = join(dirname(import.meta.path), `${file}.test.ts`);
      expect(existsSync(path)).toBe(true);
      expect(readFileSync(path, "utf8")).toContain(words);
    });
  }
});
