// What the daemon finds on disk: garbage, other people's things, no room. A clear line, or a start that works.
// @waits
import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { userInfo } from "node:os";
import { isAlive, program, signal, until, withHome, type Home } from "../support/harness.ts";

const limitMs = 60_000;
const isRoot = userInfo().uid === 0;

function unrelatedProcess(): { pid: number; kill(): void } {
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  return { pid: child.pid ?? -1, kill: () => void child.kill("SIGKILL") };
}

describe("garbage in daemon.pid and daemon.json", () => {
  const contents: [string, string | Buffer][] = [
    ["text", "no number"],
    ["bytes", Buffer.from([0xff, 0xfe, 0x00, 0xff])],
    ["nothing", ""],
    ["0", "0"],
    ["-1", "-1\n"],
    ["a number too large", "9999999999999\n"],
    ["JSON of another shape", '{"pid":"1","socket":5}'],
    ["a list", "[[[["],
  ];
  for (const [name, content] of contents) {
    test(
      `${name}: start, status and stop work`,
      () =>
        withHome(async (home) => {
          mkdirSync(home.dir, { mode: 0o700 });
          writeFileSync(join(home.dir, "daemon.pid"), content);
          writeFileSync(join(home.dir, "daemon.json"), content);
          expect((await home.loopr(["daemon", "status"])).code).toBe(3);
          expect(await home.ok(["daemon", "stop"])).toContain("not running");
          await home.ok(["daemon", "start"]);
          const pid = home.daemonPid();
          expect(pid !== null && isAlive(pid)).toBe(true);
          writeFileSync(join(home.dir, "daemon.pid"), content);
          writeFileSync(join(home.dir, "daemon.json"), content);
          await home.ok(["daemon", "stop"]);
          expect(isAlive(pid ?? 0)).toBe(false);
        }),
      limitMs,
    );
  }

  test(
    "the PID of a live process that is not ours: it survives everything",
    () =>
      withHome(async (home) => {
        const stranger = unrelatedProcess();
        try {
          await home.ok(["daemon", "start"]);
          const path = join(home.dir, "daemon.json");
          const identity = JSON.parse(readFileSync(path, "utf8")) as object;
          signal(home.daemonPid() ?? 0, "SIGKILL");
          await until(() => home.processes().length === 0, 5_000);
          writeFileSync(join(home.dir, "daemon.pid"), `${stranger.pid}\n`);
          writeFileSync(path, JSON.stringify({ ...identity, pid: stranger.pid }));
          expect(await home.ok(["daemon", "stop"])).toContain("not running");
          expect((await home.loopr(["daemon", "status"])).code).toBe(3);
          await home.ok(["daemon", "start"]);
          await home.ok(["daemon", "restart"]);
          await home.ok(["daemon", "stop"]);
          expect(isAlive(stranger.pid)).toBe(true);
        } finally {
          stranger.kill();
        }
      }),
    limitMs,
  );

  test(
    "a hung daemon that daemon.json does not name is known by its lock",
    () =>
      withHome(async (home) => {
        const stranger = unrelatedProcess();
        try {
          await home.ok(["daemon", "start"]);
          const pid = home.daemonPid() ?? 0;
          const path = join(home.dir, "daemon.json");
          const identity = JSON.parse(readFileSync(path, "utf8")) as object;
          signal(pid, "SIGSTOP");
          writeFileSync(path, JSON.stringify({ ...identity, pid: stranger.pid }));
          const result = await home.loopr(["daemon", "stop"], { deadlineMs: 40_000 });
          expect(result.code).toBe(0);
          expect(isAlive(pid)).toBe(false);
          expect(isAlive(stranger.pid)).toBe(true);
        } finally {
          stranger.kill();
        }
      }),
    limitMs,
  );

  test(
    "directories in their place are moved aside",
    () =>
      withHome(async (home) => {
        mkdirSync(join(home.dir, "daemon.pid", "kept"), { recursive: true, mode: 0o700 });
        mkdirSync(join(home.dir, "daemon.json"));
        await home.ok(["daemon", "start"]);
        expect(home.daemonPid()).not.toBeNull();
        const aside = readdirSync(home.dir).find((name) => name.startsWith("daemon.pid.aside-"));
        expect(readdirSync(join(home.dir, aside ?? ""))).toEqual(["kept"]);
      }),
    limitMs,
  );
});

describe("a home that cannot be used", () => {
  async function refusal(home: Home, env: Record<string, string> = {}): Promise<string> {
    for (const args of [
      ["daemon", "start"],
      ["daemon", "start", "--foreground"],
    ]) {
      const result = await home.loopr(args, { env, deadlineMs: 10_000 });
      expect(result.code).toBe(4);
      expect(result.stderr).toMatch(/^error: .*\n( {2}hint: .*\n)?$/);
      expect(result.stderr).toContain(env["LOOPR_HOME"] ?? home.dir);
      if (args.length === 3) return result.stderr;
    }
    return "";
  }

  test(
    "a file",
    () =>
      withHome(async (home) => {
        writeFileSync(home.dir, "");
        expect(await refusal(home)).toContain("is not a directory");
        // Nothing runs, which status says; and that nothing can.
        const status = await home.loopr(["daemon", "status"]);
        expect(status.code).toBe(3);
        expect(status.stdout).toMatch(/^no start {2}.* is not a directory\n {10}→ set LOOPR_HOME to /m);
        const told = JSON.parse((await home.loopr(["daemon", "status", "--json"])).stdout) as object;
        expect(told).toMatchObject({ state: "stopped", start_problem: expect.any(String) as string });
      }),
    limitMs,
  );

  test(
    "a symbolic link: nothing is written through it",
    () =>
      withHome(async (home) => {
        const real = join(home.root, "real");
        mkdirSync(real, { mode: 0o700 });
        symlinkSync(real, home.dir);
        expect(await refusal(home)).toContain("is a symbolic link");
        expect(readdirSync(real)).toEqual([]);
      }),
    limitMs,
  );

  test(
    "writable by others: with the chmod to run",
    () =>
      withHome(async (home) => {
        mkdirSync(home.dir);
        chmodSync(home.dir, 0o777);
        expect(await refusal(home)).toContain(`chmod 700 '${home.dir}'`);
        chmodSync(home.dir, 0o700);
        await home.ok(["daemon", "start"]);
      }),
    limitMs,
  );

  test(
    "only readable by others: closed, and used",
    () =>
      withHome(async (home) => {
        mkdirSync(home.dir);
        chmodSync(home.dir, 0o755);
        await home.ok(["daemon", "start"]);
        expect(statSync(home.dir).mode & 0o777).toBe(0o700);
      }),
    limitMs,
  );

  test(
    "below something that is no directory",
    () =>
      withHome(async (home) => {
        writeFileSync(join(home.root, "file"), "");
        const path = join(home.root, "file", "home");
        expect(await refusal(home, { LOOPR_HOME: path })).toContain("LOOPR_HOME");
      }),
    limitMs,
  );

  test.if(isRoot)(
    "another user's, not permitted, read-only, full",
    () =>
      withHome(async (home) => {
        mkdirSync(home.dir, { mode: 0o700 });
        await home.exec("chown", ["12345", home.dir]);
        expect(await refusal(home)).toContain("belongs to another user (uid 12345)");
        await home.exec("chown", ["0", home.dir]);

        const asNobody = ["--reuid=65534", "--regid=65534", "--clear-groups", program];
        chmodSync(home.root, 0o755);
        chmodSync(home.userHome, 0o755);
        const closed = await home.exec("setpriv", [...asNobody, "daemon", "start", "-f"]);
        expect(closed.stderr).toMatch(/error: the directory .* belongs to another user \(uid 0\)/);
        rmSync(home.dir, { recursive: true });
        const denied = await home.exec("setpriv", [...asNobody, "daemon", "start", "-f"]);
        expect(denied.stderr).toMatch(
          /error: the directory .* cannot be made: permission denied\n {2}hint: .*LOOPR_HOME/,
        );

        const mounted = (mount: string) =>
          home.exec("unshare", ["-m", "sh", "-c", `${mount} && '${program}' daemon start -f`]);
        mkdirSync(home.dir, { mode: 0o700 });
        const readOnly = await mounted(
          `mount --bind '${home.dir}' '${home.dir}' && mount -o remount,bind,ro '${home.dir}'`,
        );
        expect(readOnly.stderr).toContain("the file system is read-only");
        const full = await mounted(
          `mount -t tmpfs -o size=4k,mode=700 none '${home.dir}' && head -c 4096 /dev/zero > '${home.dir}/x'`,
        );
        expect(full.stderr).toContain("the disk is full");
      }),
    limitMs,
  );

  test(
    "a lock file or a socket in whose place something else stands",
    () =>
      withHome(async (home) => {
        mkdirSync(join(home.dir, "daemon.lock"), { recursive: true, mode: 0o700 });
        expect(await refusal(home)).toContain("the lock file");
        rmSync(join(home.dir, "daemon.lock"), { recursive: true });
        mkdirSync(join(home.dir, "daemon.sock"));
        const result = await home.loopr(["daemon", "start"]);
        expect(result.stderr).toContain(`${join(home.dir, "daemon.sock")} is a directory`);
        await until(() => home.processes().length === 0, 5_000);
      }),
    limitMs,
  );
});

describe("a start that fails", () => {
  test(
    "is reported with its reason, the log's path and the log's last lines",
    () =>
      withHome(async (home) => {
        await home.ok(["daemon", "start"]);
        await home.ok(["daemon", "stop"]);
        const garbage = "not a database ".repeat(1_000);
        for (const name of readdirSync(home.dir).filter((name) => name.startsWith("loopr.db"))) {
          writeFileSync(join(home.dir, name), garbage);
        }
        const result = await home.loopr(["daemon", "start"]);
        expect(result.code).toBe(4);
        const log = join(home.dir, "logs/daemon.log");
        expect(result.stderr).toMatch(/^error: the daemon could not be started: .*loopr\.db/);
        expect(result.stderr).toContain(`log: ${log}, which ends with`);
        expect(result.stderr).toContain(" error the daemon ended: ");
        expect(readFileSync(join(home.dir, "loopr.db"), "utf8")).toBe(garbage);
        const json = await home.loopr(["daemon", "start", "--json"]);
        expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: "daemon_start_failed" } });
      }),
    limitMs,
  );
});
