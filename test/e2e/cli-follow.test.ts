// Following a run through what happens to its daemon, its terminal and the person in front of it.
import { describe, expect, test } from "bun:test";
import { signal, until } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { withPty } from "../support/pty.ts";
import { goodGreet, json, sampleFiles, withRuns, type RunBed } from "../support/runs.ts";

const ctrlC = "\x03";
const wide = { columns: 140, rows: 50 };

const plan = {
  title: "Greet the world",
  summary: "Say hello world.",
  specs: [{ name: "greeting", description: "Make greet.sh say hello world", depends_on: [], level: "code" }],
};

/** Plans, then does it. `hook` is awaited before the n-th answer. */
function planned(hook: (n: number) => Promise<void> | void = () => {}): Handler {
  let n = 0;
  return async (request) => {
    await hook(n++);
    if (request.turn > 0) return [text("Done.")];
    if (!request.tools.includes("create_plan")) {
      return [tool("write_file", { path: "greet.sh", content: goodGreet })];
    }
    const again = request.prompt.includes("louder");
    return [tool("create_plan", again ? { ...plan, title: "Greet the world louder" } : plan)];
  };
}

describe("a daemon that is killed while it is followed", () => {
  test("is started again; run goes on to its end, and no line is lost or doubled", async () => {
    const bed: { current: RunBed | null } = { current: null };
    let killed = 0;
    const handler = planned((n) => {
      if (n !== 2 || !bed.current) return;
      killed += 1;
      signal(bed.current.home.daemonPid() ?? 0, "SIGKILL");
    });
    await withRuns(handler, async (runs) => {
      bed.current = runs;
      const result = await runs.loopr(["run", "--check", "sh test.sh", "Greet", "--yes"], {
        deadlineMs: 45_000,
      });
      expect(result).toMatchObject({ code: 0 });
      expect(killed).toBe(1);
      const lines = result.stdout.split("\n");
      const times = (what: string) => lines.filter((line) => line.includes(what)).length;
      expect(times("plan loop: ")).toBe(1);
      expect(times("code loop: greeting")).toBe(1);
      expect(times("approved: 1 loop")).toBe(1);
      expect(times("interrupted by the daemon's end")).toBe(1);
      expect(times("iteration 1 passed")).toBe(2); // the plan's and the code loop's
      expect(times("merged onto main as ")).toBe(1);
    });
  }, 60_000);
});

describe("Ctrl-C", () => {
  test("leaves the run alone and says how to come back; watch sees it through", async () => {
    const gate: { open: () => void } = { open: () => {} };
    const opened = new Promise<void>((resolve) => {
      gate.open = resolve;
    });
    await withRuns(
      planned((n) => (n === 0 ? opened : undefined)),
      async ({ home, repo, env, server, loopr }) => {
        const args = ["run", "--check", "sh test.sh", "Greet", "--yes"];
        const running = home.start(args, { cwd: repo.dir, env });
        await until(() => server.requests.length > 0, 20_000, "the model to be asked");
        running.kill("SIGINT");
        const left = await running.wait();
        expect(left.code).toBe(130);
        const comeBack = /loopr watch ([0-9a-f]{4,})/.exec(left.stderr)?.[1];
        expect(comeBack).toBeDefined();
        gate.open();
        const watched = await loopr(["watch", comeBack ?? ""]);
        expect(watched).toMatchObject({ code: 0 });
        expect(watched.stdout).toContain("merged onto main");
        expect(repo.read("greet.sh")).toBe(goodGreet);
      },
    );
  }, 60_000);

  test(
    "leaves watch and logs -f, which show nothing else",
    () =>
      withRuns([], async ({ home, repo, env }) => {
        for (const [args, ready] of [
          [["watch"], "Ctrl-C leaves"],
          [["logs", "-f"], "ready"],
        ] as const) {
          const running = home.start([...args], { cwd: repo.dir, env });
          await until(() => (running.stdout() + running.stderr()).includes(ready), 20_000, ready);
          running.kill("SIGINT");
          expect((await running.wait()).code).toBe(130);
        }
      }),
    60_000,
  );
});

describe("at a terminal", () => {
  test(
    "the gate asks: iterate with feedback, approve, look at the diff, merge",
    () =>
      withRuns(planned(), async ({ home, repo, env }) => {
        await withPty(
          home,
          { ...wide, cwd: repo.dir, env, args: ["run", "--check", "sh test.sh", "Greet the world"] },
          async (pty) => {
            await pty.shows(
              "This plan waits for you: ([a]pprove, [e]dit, [i]terate with feedback, [r]eject, [l]ater)",
            );
            expect(pty.screen().join("\n")).toContain("Make greet.sh say hello world");
            pty.press("i", "\r");
            await pty.shows("What should change?");
            pty.press("louder, please", "\r");
            await pty.shows("# Greet the world louder");
            await pty.shows(/louder[\s\S]*This plan waits for you/);
            pty.press("a", "\r");
            await pty.shows("Merge it now? ([y]es, [n]o, [d]iff)");
            expect(repo.git("rev-list", "--count", "main")).toBe("1");
            pty.press("d", "\r");
            await pty.shows('+echo "hello world"');
            pty.press("y", "\r");
            await pty.shows("merged onto main");
            expect(await pty.exited()).toBe(0);
          },
        );
        expect(repo.read("greet.sh")).toBe(goodGreet);
      }),
    60_000,
  );

  test(
    "later, reject and Ctrl-C at the gate",
    () =>
      withRuns(planned(), async ({ home, repo, env, loopr }) => {
        const args = ["run", "--check", "sh test.sh", "Greet the world"];
        const atGate = (body: Parameters<typeof withPty>[2]) =>
          withPty(home, { ...wide, cwd: repo.dir, env, args }, async (pty) => {
            await pty.shows("This plan waits for you");
            await body(pty);
          });
        await atGate(async (pty) => {
          pty.press("l", "\r");
          await pty.shows(/hint: loopr approve [0-9a-f]{4}/);
          expect(await pty.exited()).toBe(6);
        });
        await atGate(async (pty) => {
          pty.press("r", "\r");
          await pty.shows("Why?");
          pty.press("too small", "\r");
          await pty.shows("error: the plan was rejected: too small");
          expect(await pty.exited()).toBe(1);
        });
        await atGate(async (pty) => {
          pty.press(ctrlC);
          await pty.shows(/Come back with: loopr watch [0-9a-f]{4}/);
          expect(await pty.exited()).toBe(130);
        });
        const { loops } = json(await loopr(["list", "--json"])) as { loops: { run_state: string }[] };
        expect(loops.map(({ run_state }) => run_state).toSorted()).toEqual([
          "awaiting_approval",
          "awaiting_approval",
          "failed",
        ]);
      }),
    60_000,
  );

  test(
    "a plan that is approved elsewhere takes the question back",
    () =>
      withRuns(planned(), async ({ home, repo, env, loopr }) => {
        const args = ["run", "--check", "sh test.sh", "--no-merge", "Greet the world"];
        await withPty(home, { ...wide, cwd: repo.dir, env, args }, async (pty) => {
          await pty.shows("This plan waits for you");
          const { loops } = json(await loopr(["list", "--json"])) as { loops: { id: string }[] };
          expect(await loopr(["approve", loops[0]?.id ?? ""])).toMatchObject({ code: 0 });
          await pty.shows("the plan was decided upon elsewhere");
          await pty.shows(/verified: waiting to be merged {2}[0-9a-f]{4}/);
          expect(await pty.exited()).toBe(0);
        });
      }),
    60_000,
  );

  test(
    "a project file that was never trusted is shown and asked about, once",
    () =>
      withRuns(
        planned(),
        async ({ home, repo, env }) => {
          const args = ["run", "--depth", "code", "--no-merge", "Greet the world"];
          const options = { ...wide, cwd: repo.dir, env, args };
          await withPty(home, options, async (pty) => {
            await pty.shows("Do you trust it? ([y]es, [n]o)");
            expect(pty.screen().join("\n")).toContain("sh test.sh");
            pty.press("n", "\r");
            await pty.shows("loopr trust");
            expect(await pty.exited()).toBe(2);
          });
          await withPty(home, options, async (pty) => {
            await pty.shows("Do you trust it?");
            pty.press("y", "\r");
            await pty.shows(/verified: waiting to be merged {2}[0-9a-f]{4}/);
            expect(await pty.exited()).toBe(0);
          });
          await withPty(home, options, async (pty) => {
            expect(await pty.exited()).not.toBe(2);
            expect(pty.raw()).not.toContain("Do you trust it?");
          });
        },
        { files: { ...sampleFiles, ".loopr.yml": "validation:\n  command: sh test.sh\n" } },
      ),
    60_000,
  );

  test("progress is shown in place, and not left behind", async () => {
    const gate: { open: () => void } = { open: () => {} };
    const opened = new Promise<void>((resolve) => {
      gate.open = resolve;
    });
    await withRuns(
      planned((n) => (n === 0 ? opened : undefined)),
      async ({ home, repo, env }) => {
        const args = ["run", "--check", "sh test.sh", "--yes", "Greet the world"];
        await withPty(home, { ...wide, cwd: repo.dir, env, args }, async (pty) => {
          await pty.shows(/planning.*\(\d/);
          gate.open();
          await pty.shows("merged onto main");
          expect(await pty.exited()).toBe(0);
          expect(pty.screen().join("\n")).not.toMatch(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]/);
        });
      },
    );
  }, 60_000);
});
