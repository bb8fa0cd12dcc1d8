// Who follows a daemon that dies: comes back, starting another where that is wanted, and only there.
import { expect, test } from "bun:test";
import { isAlive, signal, until, withHome, type Home, type Running } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { withPty } from "../support/pty.ts";
import { goodGreet, json, withRuns } from "../support/runs.ts";

const limitMs = 60_000;

async function follower(home: Home): Promise<Running> {
  const watch = home.start(["watch", "--json"]);
  await until(() => home.daemonPid() !== null, 10_000, "the daemon that watch starts");
  await until(async () => (await clientsOf(home)) >= 2, 10_000, "watch to be connected");
  return watch;
}

/** Clients that are connected, ourselves included. */
async function clientsOf(home: Home): Promise<number> {
  const status = JSON.parse(await home.ok(["daemon", "status", "--json"])) as { clients: number };
  return status.clients;
}

test(
  "a command that follows survives kill -9 of the daemon: it starts another and goes on",
  () =>
    withHome(async (home) => {
      const watch = await follower(home);
      const first = home.daemonPid() ?? 0;
      signal(first, "SIGKILL");
      const second = await until(() => {
        const pid = home.daemonPid();
        return pid !== null && pid !== first && isAlive(pid) ? pid : null;
      }, 15_000);
      await until(async () => (await clientsOf(home)) >= 2, 15_000, "watch to be back");
      expect(home.daemonPid()).toBe(second);
      watch.kill("SIGINT");
      await watch.wait();
    }),
  limitMs,
);

test(
  "a daemon that was stopped on purpose is not started again by who follows; a restart brings it back",
  () =>
    withHome(async (home) => {
      const watch = await follower(home);
      await home.ok(["daemon", "stop"]);
      // It tries to come back again and again; were it to start a daemon, its first attempt would do it.
      await until(() => watch.stderr().includes("no daemon is running"), 10_000);
      expect(home.processes()).toEqual([watch.pid]);
      expect((await home.loopr(["daemon", "status"])).code).toBe(3);
      await home.ok(["daemon", "start"]);
      await until(async () => (await clientsOf(home)) >= 2, 15_000, "watch to be back");
      watch.kill("SIGINT");
      await watch.wait();
    }),
  limitMs,
);

test(
  "the interface killed with -9, and its terminal closed: the loops go on to their end",
  async () => {
    const opened = Promise.withResolvers<void>();
    const handler: Handler = async ({ turn }) => {
      await opened.promise;
      return turn === 0 ? [tool("write_file", { path: "greet.sh", content: goodGreet })] : [text("Done.")];
    };
    await withRuns(handler, async ({ home, repo, env, loopr, server }) => {
      const run = ["run", "--depth", "code", "--check", "sh test.sh", "Greet", "--yes", "--json"];
      const starter = home.start(run, { cwd: repo.dir, env });
      await until(() => server.requests.length > 0, 20_000, "the model to be asked");
      starter.kill("SIGKILL");
      await withPty(home, { cwd: repo.dir, env }, async (pty) => {
        await pty.shows("Greet");
        signal(pty.pid, "SIGKILL");
        await pty.exited();
      });
      await withPty(home, { cwd: repo.dir, env }, async (pty) => {
        await pty.shows("Greet");
        pty.close();
        await pty.exited();
      });
      opened.resolve();
      const merged = async () => {
        const { loops } = json(await loopr(["list", "--json"])) as { loops: { run_state: string }[] };
        return loops[0]?.run_state === "merged";
      };
      await until(merged, 30_000, "the run to be merged");
      expect(repo.read("greet.sh")).toBe(goodGreet);
    });
  },
  limitMs,
);
