// kill -9 of the daemon or the runner, anywhere: the run finishes, and nothing happens twice.
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { signal, until, type Home } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { goodGreet, json, leftWorktrees, withRuns, type RunBed } from "../support/runs.ts";

const run = ["run", "--depth", "code", "--check", "sh test.sh", "Greet the world", "--yes", "--json"];

/** A hook in the conversation: what happens while the model "thinks" before its n-th answer. */
function solving(hook: (n: number) => Promise<void> | void): Handler {
  let n = 0;
  return async (request) => {
    await hook(n++);
    return request.turn === 0
      ? [tool("write_file", { path: "greet.sh", content: goodGreet })]
      : request.turn === 1
        ? [tool("run_command", { command: "sh test.sh" })]
        : [text("Done.")];
  };
}

async function expectMergedOnce({ home, repo }: RunBed, base: string): Promise<void> {
  expect(repo.git("rev-list", "--count", `${base}..main`)).toBe("1");
  expect(repo.read("greet.sh")).toBe(goodGreet);
  expect(repo.git("status", "--porcelain")).toBe("");
  await until(() => leftWorktrees(home, repo).length === 0, 10_000, "the worktrees to be gone");
}

function killDaemon(home: Home): void {
  signal(home.daemonPid() ?? 0, "SIGKILL");
}

function runnerPids(home: Home): number[] {
  const daemon = home.daemonPid();
  return readdirSync("/proc").flatMap((name) => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      return parent === daemon && readFileSync(`/proc/${name}/cmdline`, "utf8").includes("\0runner")
        ? [Number(name)]
        : [];
    } catch {
      return [];
    }
  });
}

describe("kill -9", () => {
  for (const at of [0, 1, 2]) {
    test(`of the daemon while the model answers for the ${at + 1}. time: the same command sees it through`, async () => {
      const bed: { current: RunBed | null } = { current: null };
      const handler = solving((n) => {
        if (n === at && bed.current) killDaemon(bed.current.home);
      });
      await withRuns(handler, async (runs) => {
        bed.current = runs;
        const base = runs.repo.git("rev-parse", "main");
        const result = await runs.loopr(run, { deadlineMs: 45_000 });
        expect(result).toMatchObject({ code: 0 });
        await expectMergedOnce(runs, base);
        // Only the answer that was lost is asked for again, and what was told before stays told.
        expect(runs.server.requests.map(({ turn }) => turn)).toEqual([0, 1, 2].toSpliced(at, 0, at));
      });
    });
  }

  test("of the daemon while a command of the model runs: the model is told, and the rest stands", async () => {
    const handler: Handler = (request) => {
      if (request.turn === 0) return [tool("write_file", { path: "greet.sh", content: goodGreet })];
      return request.turn === 1 ? [tool("run_command", { command: "sleep 4343" })] : [text("Done.")];
    };
    await withRuns(handler, async (runs) => {
      const base = runs.repo.git("rev-parse", "main");
      const client = runs.home.start(run, { cwd: runs.repo.dir, env: runs.env });
      const runsIt = async () => (await runs.home.exec("pgrep", ["-f", "sleep 4343"])).code === 0;
      await until(runsIt, 20_000, "the command");
      killDaemon(runs.home);
      expect(await client.wait(45_000)).toMatchObject({ code: 0 });
      expect(runs.server.requests.map(({ turn }) => turn)).toEqual([0, 1, 2]);
      expect(runs.server.requests[2]?.results.at(-1)).toMatchObject({ isError: true });
      expect(runs.server.requests[2]?.results.at(-1)?.content).toStartWith(
        "Interrupted: this command was ended",
      );
      await expectMergedOnce(runs, base);
      // The record is of the whole iteration: three turns, what they used up, and one conversation.
      const [loop] = json(await runs.loopr(["list", "--json"]))["loops"] as {
        id: string;
        tokens_out: number;
      }[];
      const exported = json(await runs.loopr(["export", loop?.id ?? "", "--json"]));
      const [iteration] = exported["iterations"] as { turns: number; tokens_out: number }[];
      expect(iteration).toMatchObject({ turns: 3, tool_calls: 2, tokens_out: loop?.tokens_out });
    });
  });

  test("of the daemon, and its worktrees lost: what was done there is asked for again", async () => {
    const bed: { current: RunBed | null } = { current: null };
    const handler = solving((n) => {
      if (n !== 2 || !bed.current) return;
      const { home, repo } = bed.current;
      killDaemon(home);
      for (const path of leftWorktrees(home, repo).filter((path) => path.startsWith("/")))
        rmSync(path, { recursive: true });
    });
    await withRuns(handler, async (runs) => {
      bed.current = runs;
      const base = runs.repo.git("rev-parse", "main");
      expect(await runs.loopr(run, { deadlineMs: 45_000 })).toMatchObject({ code: 0 });
      await expectMergedOnce(runs, base);
      expect(runs.server.requests.map(({ turn }) => turn)).toEqual([0, 1, 2, 0, 1, 2]);
    });
  });

  test("of the daemon and of the client: any later command lets the run finish", async () => {
    let reached: (() => void) | null = null;
    const killed = new Promise<void>((resolve) => (reached = resolve));
    let first = true;
    const handler = solving(async () => {
      if (!first) return;
      first = false;
      reached?.();
    });
    await withRuns(handler, async (runs) => {
      const base = runs.repo.git("rev-parse", "main");
      const client = runs.home.start(run, { cwd: runs.repo.dir, env: runs.env });
      await killed;
      client.kill("SIGKILL");
      killDaemon(runs.home);
      await client.wait();
      const list = json(await runs.loopr(["list", "--json"]));
      const id = (list["loops"] as { id: string }[])[0]?.id ?? "";
      expect(await runs.loopr(["watch", id])).toMatchObject({ code: 0 });
      await expectMergedOnce(runs, base);
    });
  });

  test("of the daemon during the check", async () => {
    const files = {
      "greet.sh": "#!/bin/sh\necho hello\n",
      "test.sh": '#!/bin/sh\n[ "$(sh greet.sh)" = "hello world" ] || exit 1\necho checking\nsleep 1\n',
    };
    await withRuns(
      solving(() => undefined),
      async (runs) => {
        const base = runs.repo.git("rev-parse", "main");
        const client = runs.home.start(run, { cwd: runs.repo.dir, env: runs.env });
        const progress = async () => {
          const list = json(await runs.loopr(["list", "--json"]));
          return (list["loops"] as { progress: string }[])[0]?.progress ?? "";
        };
        await until(
          async () => (await progress()).includes("iteration 1: running the check"),
          20_000,
          "the check",
        );
        killDaemon(runs.home);
        expect(await client.wait(45_000)).toMatchObject({ code: 0 });
        await expectMergedOnce(runs, base);
        expect(runs.server.requests).toHaveLength(3); // its work was all there: the model was not asked again
      },
      { files },
    );
  });

  test("of the runner while a command of the model runs: it hears of it, and the run finishes", async () => {
    const bed: { current: RunBed | null } = { current: null };
    const handler: Handler = (request) => {
      if (request.turn === 0) return [tool("write_file", { path: "greet.sh", content: goodGreet })];
      if (request.turn === 1) {
        const { home } = bed.current ?? {};
        if (home) {
          void until(
            async () => (await home.exec("pgrep", ["-f", "sleep 4242"])).code === 0,
            10_000,
            "the command",
          ).then(() => {
            for (const pid of runnerPids(home)) signal(pid, "SIGKILL");
          });
        }
        return [tool("run_command", { command: "sleep 4242" })];
      }
      return [text("Done.")];
    };
    await withRuns(handler, async (runs) => {
      bed.current = runs;
      const base = runs.repo.git("rev-parse", "main");
      expect(await runs.loopr(run, { deadlineMs: 45_000 })).toMatchObject({ code: 0 });
      expect(runs.server.requests[2]?.results[0]?.isError).toBe(true);
      expect(runs.server.requests[2]?.results[0]?.content).toMatch(/runner/);
      await expectMergedOnce(runs, base);
      expect((await runs.home.exec("pgrep", ["-f", "sleep 4242"])).code).toBe(1);
    });
  });

  test("without the key a restarted run waits for it, and says so; the key lets it go on", async () => {
    let release: (() => void) | null = null;
    const handler = solving((n) =>
      n === 0 ? new Promise<void>((resolve) => (release = resolve)) : undefined,
    );
    await withRuns(handler, async (runs) => {
      const base = runs.repo.git("rev-parse", "main");
      const client = runs.home.start(run, { cwd: runs.repo.dir, env: runs.env });
      await until(() => runs.server.requests.length === 1, 20_000, "the first request");
      client.kill("SIGKILL");
      killDaemon(runs.home);
      release?.();
      await client.wait();
      const keyless = { ANTHROPIC_API_KEY: undefined, ANTHROPIC_BASE_URL: undefined };
      const waiting = await until(
        async () => {
          const list = json(await runs.loopr(["list", "--json"], { env: keyless }));
          const loop = (list["loops"] as { id: string; waiting_for: string | null }[])[0];
          return loop?.waiting_for === "credentials" ? loop : null;
        },
        10_000,
        "the run to wait for its key",
      );
      expect(await runs.loopr(["watch", waiting.id])).toMatchObject({ code: 0 });
      await expectMergedOnce(runs, base);
    });
  });
});

test("a pause, and a word of the person before it goes on: the model hears it, and nothing is done again", async () => {
  let release: (() => void) | null = null;
  const handler: Handler = async ({ turn, messages }) => {
    if (turn === 0) return [tool("write_file", { path: "notes.txt", content: "kept" })];
    if (turn === 2) return [text("Done.")];
    const heard = JSON.stringify(messages.at(-1)).includes("say hello to the world");
    if (heard) return [tool("write_file", { path: "greet.sh", content: goodGreet })];
    await new Promise<void>((resolve) => (release = resolve));
    return [text("Never heard of.")];
  };
  await withRuns(handler, async (runs) => {
    const client = runs.home.start(run, { cwd: runs.repo.dir, env: runs.env });
    await until(() => release !== null, 20_000, "the second turn");
    const [loop] = json(await runs.loopr(["list", "--json"]))["loops"] as { id: string }[];
    const id = loop?.id ?? "";
    expect(await runs.loopr(["pause", id])).toMatchObject({ code: 0 });
    release?.();
    expect(await client.wait(45_000)).toMatchObject({ code: 6 });
    expect(await runs.loopr(["resume", id, "-m", " "])).toMatchObject({ code: 2 });
    expect(await runs.loopr(["resume", id, "-m", "say hello to the world"])).toMatchObject({ code: 0 });
    expect(await runs.loopr(["watch", id], { deadlineMs: 45_000 })).toMatchObject({ code: 0 });
    expect(runs.repo.read("notes.txt")).toBe("kept");
    expect(runs.server.requests.map(({ turn }) => turn)).toEqual([0, 1, 1, 2]);
    expect(runs.server.refused).toEqual([]);
    // The record is of the whole iteration, as one conversation with the word in it.
    const exported = json(await runs.loopr(["export", id, "--json"]));
    expect((exported["iterations"] as { turns: number }[]).map(({ turns }) => turns)).toEqual([3]);
    const logs = await runs.loopr(["logs", id, "--iteration", "1"]);
    expect(logs.stdout).toContain("say hello to the world");
  });
});
