// The socket's name and its return; what the log keeps to itself.
// @waits
import { describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { homedir, userInfo } from "node:os";
import { isAlive, until, withHome } from "../support/harness.ts";
import { wire } from "../support/wire.ts";

const limitMs = 60_000;
/** Not in /tmp, which no job sees. */
const outside = process.getuid?.() === 0 && existsSync("/var/lib") ? "/var/lib" : homedir();

describe("the socket", () => {
  test(
    "of a home with a long path lives in a private directory of /tmp",
    () =>
      withHome(async (home) => {
        const env = { LOOPR_HOME: join(home.root, "x".repeat(100), "home") };
        await home.ok(["daemon", "start"], { env });
        const status = JSON.parse(await home.ok(["daemon", "status", "--json"], { env })) as {
          socket: string;
        };
        expect(status.socket).toMatch(new RegExp(`^/tmp/loopr-${userInfo().uid}/[0-9a-f]{16}\\.sock$`));
        expect(lstatSync(dirname(status.socket)).mode & 0o777).toBe(0o700);
        expect(lstatSync(status.socket).mode & 0o777).toBe(0o600);
        await home.ok(["daemon", "stop"], { env });
        expect(existsSync(status.socket)).toBe(false);
      }),
    limitMs,
  );

  test(
    "is found through daemon.json by a client that has other settings",
    () =>
      withHome(async (home) => {
        const env = { LOOPR_SOCKET: join(home.root, "other.sock") };
        await home.ok(["daemon", "start"], { env });
        const pid = home.daemonPid();
        expect(statSync(env.LOOPR_SOCKET).isSocket()).toBe(true);
        expect(await home.ok(["daemon", "start"])).toContain(`already running (PID ${pid})`);
        await home.ok(["daemon", "stop"]);
        expect(existsSync(env.LOOPR_SOCKET)).toBe(false);
      }),
    limitMs,
  );

  test(
    "named by LOOPR_SOCKET, or of a home that only its own jobs do not see, is where no job of any daemon sees it",
    () =>
      withHome(async (home) => {
        const elsewhere = mkdtempSync(join(outside, "loopr-socket-"));
        try {
          const named = { env: { LOOPR_SOCKET: join(elsewhere, "a.sock") } };
          const homed = { env: { LOOPR_HOME: join(elsewhere, "home") } };
          for (const [options, path] of [
            [named, named.env.LOOPR_SOCKET],
            [homed, join(homed.env.LOOPR_HOME, "daemon.sock")],
          ] as const) {
            await home.ok(["daemon", "start"], options);
            const place = readlinkSync(path);
            expect(place).toMatch(new RegExp(`^/tmp/loopr-${userInfo().uid}/[0-9a-f]{16}\\.sock$`));
            expect(lstatSync(place).mode & 0o777).toBe(0o600);
            const client = await wire(path);
            expect((await client.call("ping")).result).toEqual({ pong: true });
            client.close();
            rmSync(options === named ? path : place);
            await until(() => existsSync(path), 30_000);
            expect(readlinkSync(path)).toBe(place);
            expect(await home.ok(["daemon", "start"], options)).toContain("already running");
            if (options === named) {
              const pid = home.daemonPid() ?? 0;
              process.kill(pid, "SIGKILL");
              await until(() => !isAlive(pid), 10_000);
              await home.ok(["daemon", "start"], options);
            }
            await home.ok(["daemon", "stop"], options);
            for (const name of [path, place])
              expect(lstatSync(name, { throwIfNoEntry: false })).toBeUndefined();
          }
        } finally {
          rmSync(elsewhere, { recursive: true, force: true });
        }
      }),
    limitMs,
  );

  test(
    "too long a LOOPR_SOCKET is replaced like a home that is too long",
    () =>
      withHome(async (home) => {
        const env = { LOOPR_SOCKET: join(home.root, `${"y".repeat(120)}.sock`) };
        await home.ok(["daemon", "start"], { env });
        expect(await home.ok(["daemon", "start"], { env })).toContain("already running");
        await home.ok(["daemon", "stop"], { env });
      }),
    limitMs,
  );

  test(
    "and the identity are put back when someone removes them",
    () =>
      withHome(async (home) => {
        await home.ok(["daemon", "start"]);
        const pid = home.daemonPid();
        const socket = join(home.dir, "daemon.sock");
        for (const name of ["daemon.sock", "daemon.pid", "daemon.json"]) rmSync(join(home.dir, name));
        await until(() => existsSync(socket) && home.daemonPid() === pid, 30_000);
        const client = await wire(socket);
        expect((await client.call("ping")).result).toEqual({ pong: true });
        client.close();
      }),
    limitMs,
  );

  test(
    "of a successor survives the end of a daemon whose lock was taken away",
    () =>
      withHome(async (home) => {
        await home.ok(["daemon", "start"]);
        const first = home.daemonPid() ?? 0;
        renameSync(join(home.dir, "daemon.lock"), join(home.dir, "lock.moved"));
        const second = home.start(["daemon", "start", "--foreground"]);
        await until(() => second.stderr().includes("daemon ready"), 10_000);
        await until(() => !isAlive(first), 30_000);
        expect(home.daemonPid()).toBe(second.pid);
        expect(JSON.parse(await home.ok(["daemon", "status", "--json"]))).toMatchObject({ pid: second.pid });
        await home.ok(["daemon", "stop"]);
      }),
    limitMs,
  );

  test(
    "a daemon whose home is deleted ends",
    () =>
      withHome(async (home) => {
        await home.ok(["daemon", "start"]);
        const pid = home.daemonPid() ?? 0;
        rmSync(home.dir, { recursive: true });
        await until(() => !isAlive(pid), 30_000);
      }),
    limitMs,
  );
});

describe("the log", () => {
  test(
    "never holds a key, and says what LOOPR_LOG asks for",
    () =>
      withHome(async (home) => {
        const env = {
          ANTHROPIC_API_KEY: "sk-ant-very-secret",
          OPENAI_API_KEY: "sk-other-secret",
          LOOPR_LOG: "trace",
        };
        await home.ok(["daemon", "start"], { env });
        const client = await wire(join(home.dir, "daemon.sock"));
        await client.call("loop.get", { id: "sk-ant-very-secret" });
        client.close();
        await home.ok(["daemon", "stop"], { env });
        for (const name of readdirSync(home.dir, { recursive: true, withFileTypes: true })) {
          if (!name.isFile()) continue;
          const text = readFileSync(join(name.parentPath, name.name), "utf8");
          expect(text).not.toContain("very-secret");
          expect(text).not.toContain("other-secret");
        }
      }),
    limitMs,
  );
});
