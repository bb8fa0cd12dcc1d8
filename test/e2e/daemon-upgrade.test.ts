// Two versions installed: the newer one replaces an idle daemon, once, and nobody is ever replaced by an older.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isAlive, until, withHome, type Home, type RunResult } from "../support/harness.ts";
import { hang } from "../support/model-server.ts";
import { buildVersion, type OtherBuild } from "../support/other-build.ts";
import { withRuns } from "../support/runs.ts";

const limitMs = 60_000;
const newVersion = "9.0.0";

let newer: OtherBuild;
beforeAll(() => {
  newer = buildVersion(newVersion);
}, limitMs);
afterAll(() => newer.remove());

interface Status {
  state: string;
  pid: number;
  version: string;
  clients: number;
}

async function status(home: Home): Promise<Status> {
  return JSON.parse(await home.ok(["daemon", "status", "--json"])) as Status;
}

async function oldDaemon(home: Home): Promise<number> {
  await home.ok(["daemon", "start"]);
  const { pid, version } = await status(home);
  expect(version).not.toBe(newVersion);
  return pid;
}

function byNewer(home: Home, args: string[], options: Parameters<Home["exec"]>[2] = {}): Promise<RunResult> {
  return home.exec(newer.path, args, options);
}

describe("a client that is newer than an idle daemon", () => {
  for (const args of [["daemon", "start"], ["list"]]) {
    test(
      `replaces it and says so: loopr ${args.join(" ")}`,
      () =>
        withHome(async (home) => {
          const old = await oldDaemon(home);
          const first = await byNewer(home, args);
          expect(first.code).toBe(0);
          expect(first.stderr).toMatch(
            new RegExp(
              `^the daemon \\(PID ${old}, version .*\\) has nothing to do: replacing it by version ${newVersion}`,
            ),
          );
          const after = await status(home);
          expect(after).toMatchObject({ state: "running", version: newVersion });
          expect(isAlive(old)).toBe(false);

          const again = await byNewer(home, args);
          expect(again).toMatchObject({ code: 0, stderr: "" });
          expect((await status(home)).pid).toBe(after.pid);
        }),
      limitMs,
    );
  }

  test(
    "only looks at it where a command starts no daemon: status and doctor replace nothing",
    () =>
      withHome(async (home) => {
        const old = await oldDaemon(home);
        expect(await byNewer(home, ["daemon", "status"])).toMatchObject({ code: 0, stderr: "" });
        const doctor = await byNewer(home, ["doctor", "--json"]);
        const { checks } = JSON.parse(doctor.stdout) as {
          checks: { name: string; detail: string; remedy: string }[];
        };
        const daemon = checks.find((check) => check.name === "daemon");
        expect(daemon?.detail).toContain("which is not this one");
        expect(daemon?.remedy).toContain("loopr daemon restart --when-idle");
        expect((await status(home)).pid).toBe(old);
      }),
    limitMs,
  );

  test(
    "ten of them at once: one daemon of the new version, ten successes",
    () =>
      withHome(async (home) => {
        const old = await oldDaemon(home);
        const results = await Promise.all(
          Array.from({ length: 10 }, () => byNewer(home, ["list"], { deadlineMs: 50_000 })),
        );
        expect(results.map((result) => [result.code, result.signal])).toEqual(
          Array.from({ length: 10 }, () => [0, null]),
        );
        const after = await status(home);
        expect(after.version).toBe(newVersion);
        expect(isAlive(old)).toBe(false);
        expect(home.processes()).toEqual([after.pid]);
      }),
    limitMs,
  );
});

describe("a client that is older than the daemon", () => {
  test(
    "uses it as it is, however often the two take turns",
    () =>
      withHome(async (home) => {
        expect((await byNewer(home, ["daemon", "start"])).code).toBe(0);
        const { pid } = await status(home);
        for (let round = 0; round < 3; round++) {
          expect(await home.loopr(["list"])).toMatchObject({ code: 0, stderr: "" });
          expect(await home.loopr(["daemon", "start"])).toMatchObject({ code: 0, stderr: "" });
          expect(await byNewer(home, ["list"])).toMatchObject({ code: 0, stderr: "" });
        }
        expect(await status(home)).toMatchObject({ pid, version: newVersion });
      }),
    limitMs,
  );

  test(
    "follows the replacement without replacing it back",
    () =>
      withHome(async (home) => {
        const old = await oldDaemon(home);
        const watch = home.start(["watch", "--json"]);
        await until(async () => (await status(home)).clients === 2, 10_000, "watch to be connected");
        await byNewer(home, ["list"]);
        await until(async () => (await status(home)).clients === 2, 20_000, "watch to be back");
        expect(isAlive(old)).toBe(false);
        expect((await status(home)).version).toBe(newVersion);
        watch.kill("SIGINT");
        await watch.wait();
      }),
    limitMs,
  );
});

describe("a daemon that works", () => {
  test(
    "is not replaced: the newer client says what runs and what to do, and goes on with it",
    () =>
      withRuns([hang()], async ({ home, loopr, server, repo, env }) => {
        const created = await loopr(["plan", "--check", "sh test.sh", "Greet the world"]);
        expect(created.code).toBe(0);
        await until(() => server.requests.length === 1, 20_000, "the model to be asked");
        const { pid } = await status(home);
        const result = await byNewer(home, ["list"], { cwd: repo.dir, env });
        expect(result.code).toBe(0);
        expect(result.stdout).toContain("Greet the world");
        expect(result.stderr).toMatch(
          /^the daemon \(PID \d+, version .*\) is older than this loopr \(9\.0\.0, /,
        );
        expect(result.stderr).toContain("1 loop is running\n  plan ");
        expect(result.stderr).toContain("`loopr daemon restart --when-idle`");
        expect((await status(home)).pid).toBe(pid);
        expect(server.requests).toHaveLength(1);
      }),
    limitMs,
  );
});
