// Two versions installed: the newer one replaces an idle daemon, once, and nobody is ever replaced by an older.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { isAlive, program, until, withHome, type Home, type RunResult } from "../support/harness.ts";
import { hang, text, tool, type Handler } from "../support/model-server.ts";
import { buildOther, type OtherBuild } from "../support/other-build.ts";
import { goodGreet, json, withRuns } from "../support/runs.ts";
import { wire } from "../support/wire.ts";

const limitMs = 60_000;
const newVersion = "9.0.0";

/** Of the same version as the program under test, and built long after it. */
const laterBuild = "20990101000000-0123456789ab";

let newer: OtherBuild;
let later: OtherBuild;
beforeAll(() => {
  newer = buildOther("--version", newVersion);
  later = buildOther("--build", laterBuild);
}, limitMs);
afterAll(() => {
  newer.remove();
  later.remove();
});

interface Status {
  state: string;
  pid: number;
  version: string;
  build: string;
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
        expect(daemon?.detail).toContain("which is older than this loopr");
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

test(
  "of two builds of one version the later one replaces an idle daemon, once; the earlier one never does",
  () =>
    withHome(async (home) => {
      const old = await oldDaemon(home);
      const { version } = await status(home);
      const first = await home.exec(later.path, ["list"]);
      expect(first.code).toBe(0);
      expect(first.stderr).toContain(`replacing it by version ${version}, build ${laterBuild}`);
      expect(isAlive(old)).toBe(false);
      const after = await status(home);
      expect(after).toMatchObject({ version, build: laterBuild });
      for (let round = 0; round < 3; round++) {
        for (const path of [program, later.path]) {
          expect(await home.exec(path, ["list"])).toMatchObject({ code: 0, stderr: "" });
        }
      }
      expect((await status(home)).pid).toBe(after.pid);
    }),
  limitMs,
);

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

/** Answers only when told to: what "the model is thinking" looks like. */
class Thinking {
  #release: (() => void) | null = null;
  #asked = 0;
  readonly #wanted: (n: number) => boolean;

  constructor(wanted: (n: number) => boolean) {
    this.#wanted = wanted;
  }

  async answer(n: number): Promise<void> {
    if (!this.#wanted(n)) return;
    this.#asked += 1;
    await new Promise<void>((resolve) => (this.#release = resolve));
  }

  async reached(): Promise<void> {
    await until(() => this.#asked > 0, 20_000, "the model to be asked");
  }

  end(): void {
    this.#release?.();
  }
}

interface IterationRecord {
  iteration: number;
  outcome: string;
}

const task = ["run", "--depth", "code", "--check", "sh test.sh", "--yes", "--json"];

describe("daemon restart --when-idle", () => {
  test(
    "lets the running iteration end, starts no other, restarts, and the loop goes on to its end",
    async () => {
      const thinking = new Thinking((n) => n === 0);
      // The first iteration writes the wrong word; the second, in the next daemon, the right one.
      const handler: Handler = async (request, n) => {
        await thinking.answer(n);
        const iteration = request.prompt.includes("FAIL: greet said") ? 2 : 1;
        if (request.turn > 0 || request.tools.includes("create_plan")) return [text("Done.")];
        return [
          tool("write_file", { path: "greet.sh", content: iteration === 2 ? goodGreet : "echo wrong\n" }),
        ];
      };
      await withRuns(handler, async ({ home, loopr, server, repo, env }) => {
        const client = home.start([...task, "Greet the world"], { cwd: repo.dir, env });
        await thinking.reached();
        const before = await status(home);

        const restart = home.spawn(newer.path, ["daemon", "restart", "--when-idle"], { cwd: repo.dir, env });
        await until(() => restart.stderr().includes("waiting for the next checkpoints"), 10_000);
        expect(restart.stderr()).toContain("1 loop is running\n  code ");
        // Nothing new begins meanwhile: this one waits for the next daemon.
        const other = await loopr(["plan", "--check", "sh test.sh", "Another", "--json"]);
        const { id } = json(other) as { id: string };
        const listed = await loopr(["status", id, "--json"]);
        expect(json(listed)).toMatchObject({ status: "pending", iteration: 0 });
        expect((await status(home)).pid).toBe(before.pid);
        expect(server.requests).toHaveLength(1);

        thinking.end();
        expect(await restart.wait()).toMatchObject({ code: 0 });
        const after = await status(home);
        expect(after.pid).not.toBe(before.pid);
        expect(after.version).toBe(newVersion);

        const result = await client.wait(45_000);
        expect(result.code).toBe(0);
        expect(repo.read("greet.sh")).toBe(goodGreet);
        const loop = json(result) as { id: string };
        const socket = await wire(join(home.dir, "daemon.sock"));
        const { iterations } = (await socket.call("loop.iterations", { id: loop.id })).result as {
          iterations: IterationRecord[];
        };
        socket.close();
        // Not one of them was interrupted, and none was made twice.
        expect(iterations.map((one) => [one.iteration, one.outcome])).toEqual([
          [1, "failed"],
          [2, "passed"],
        ]);
        await until(async () => json(await loopr(["status", id, "--json"]))["iteration"] !== 0, 20_000);
      });
    },
    limitMs,
  );

  test(
    "left by Ctrl-C: the daemon goes on as before, and so does what waits in it",
    async () => {
      const thinking = new Thinking((n) => n === 0);
      const handler: Handler = async (request, n) => {
        await thinking.answer(n);
        if (request.turn > 0 || request.tools.includes("create_plan")) return [text("Done.")];
        return [tool("write_file", { path: "greet.sh", content: goodGreet })];
      };
      await withRuns(handler, async ({ home, loopr, server, repo, env }) => {
        const client = home.start([...task, "Greet the world"], { cwd: repo.dir, env });
        await thinking.reached();
        const { pid } = await status(home);
        const restart = home.start(["daemon", "restart", "--when-idle"], { cwd: repo.dir, env });
        await until(() => restart.stderr().includes("waiting for the next checkpoints"), 10_000);
        expect((await loopr(["plan", "--check", "sh test.sh", "Another"])).code).toBe(0);
        expect(server.requests).toHaveLength(1);
        restart.kill("SIGINT");
        expect(await restart.wait()).toMatchObject({ code: 130 });
        await until(() => server.requests.length > 1, 20_000, "the loop that waited to begin");
        thinking.end();
        expect(await client.wait(45_000)).toMatchObject({ code: 0 });
        expect((await status(home)).pid).toBe(pid);
      });
    },
    limitMs,
  );

  test(
    "where nothing runs, or no daemon, is a restart",
    () =>
      withHome(async (home) => {
        expect(await home.ok(["daemon", "restart", "--when-idle"])).toContain("is running");
        const first = home.daemonPid();
        expect(await home.ok(["daemon", "restart", "--when-idle"])).toContain(`(PID ${first}) has stopped`);
        expect(home.daemonPid()).not.toBe(first);
      }),
    limitMs,
  );
});
