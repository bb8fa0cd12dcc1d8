// Settings of the person that are not a run's: the daemon's own, the log's, notices; and what shows them all.
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { until, withHome, type Home } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { withPty } from "../support/pty.ts";
import { json, sampleFiles, plainPlans, withRuns } from "../support/runs.ts";
import { wire, type Wire } from "../support/wire.ts";

const limitMs = 60_000;
const containing = (part: string) => expect.stringContaining(part) as unknown as string;

function put(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
const configure = (home: Home, yml: string) => put(join(home.userHome, ".config", "loopr", "loopr.yml"), yml);

/**
 * A client that the daemon serves: it may not have noticed yet that the command which started it has left, and counts
 * it as long.
 */
const served = (socket: string): Promise<Wire> =>
  until(
    async () => {
      const client = await wire(socket);
      client.raw('{"id":1000,"method":"ping"}\n');
      const { id } = await client.next(({ id }) => id !== undefined);
      if (id === 1000) return client;
      client.close();
      return null;
    },
    20_000,
    "room for a client",
  );

describe("daemon and log", () => {
  test(
    "in an explicit file they count for no daemon, and config show says so",
    () =>
      withHome(async (home) => {
        configure(home, "daemon: { clients_max: 5 }\n");
        const explicit = join(home.root, "explicit.yml");
        writeFileSync(explicit, "limits: { turns: 7 }\ndaemon: { clients_max: 1 }\n");
        const at = { env: { LOOPR_CONFIG: explicit } };
        const shown = await home.loopr(["config", "show", "--json"], at);
        expect(json(shown)).toMatchObject({
          keys: {
            "limits.turns": { value: 7, origin: { level: "explicit" } },
            "daemon.clients_max": { value: 5, origin: { level: "user" } },
          },
          left_out: [{ name: "daemon.clients_max", value: 1, file: explicit, line: 2 }],
        });
        const { stderr } = await home.loopr(["config", "show", "--origin"], at);
        expect(stderr).toContain(`does not count: daemon.clients_max 1 at ${explicit}:2: the daemon serves`);

        // What is shown is what a daemon does that was started with that very environment.
        await home.ok(["daemon", "start"], at);
        const clients = await Promise.all([1, 2].map(() => wire(join(home.dir, "daemon.sock"))));
        for (const client of clients)
          expect(await client.call("ping")).toMatchObject({ result: { pong: true } });
        for (const client of clients) client.close();
      }),
    limitMs,
  );

  test(
    "clients_max, idle_exit_minutes, log.level, log.megabytes, log.files",
    () =>
      withHome(async (home) => {
        const log = "log: { level: trace, megabytes: 0.0002, files: 2 }\n";
        configure(home, `daemon: { clients_max: 2 }\n${log}`);
        await home.ok(["daemon", "start"]);
        const socket = join(home.dir, "daemon.sock");
        const clients = [await served(socket), await served(socket)];
        const refused = await wire(socket);
        expect(await refused.next(() => true)).toMatchObject({
          id: 0,
          error: { code: 1005, message: containing("2 clients") },
        });
        // That it lets nobody in is no failure of the start: it runs.
        const again = await home.loopr(["daemon", "start"]);
        const pid = home.daemonPid() ?? 0;
        expect(again).toMatchObject({ code: 0, stdout: `The daemon is already running (PID ${pid}).\n` });
        expect(again.stderr).toContain("2 clients");
        for (const client of clients) client.close();
        await home.ok(["daemon", "stop"]);

        configure(home, `daemon: { idle_exit_minutes: 0.01 }\n${log}`);
        await home.ok(["daemon", "start"]);
        await until(() => home.processes().length === 0, 20_000, "the idle daemon to end by itself");
        const logs = readdirSync(join(home.dir, "logs")).filter((name) => name.startsWith("daemon.log"));
        expect(logs.sort()).toEqual(["daemon.log", "daemon.log.1"]);

        configure(home, "log: { level: error }\n");
        const file = join(home.dir, "logs", "daemon.log");
        writeFileSync(file, "");
        await home.ok(["daemon", "start"]);
        await home.ok(["daemon", "stop"]);
        expect(readFileSync(file, "utf8")).toBe("");
        await home.ok(["daemon", "start"], { env: { LOOPR_LOG: "loud" } });
        await home.ok(["daemon", "stop"]);
        expect(readFileSync(file, "utf8")).toBe(""); // A warning is below `error`, which goes on to count.
        configure(home, "");
        await home.ok(["daemon", "start"], { env: { LOOPR_LOG: "loud" } });
        await home.ok(["daemon", "stop"]);
        expect(readFileSync(file, "utf8")).toContain("LOOPR_LOG is 'loud', which is no level: one of");
        await home.ok(["daemon", "start"], { env: { LOOPR_LOG: "info" } });
        expect(readFileSync(file, "utf8")).toContain('"message":"ready"');
      }),
    limitMs,
  );
});

const plan = {
  title: "Letters",
  summary: "Letters.",
  specs: ["a", "b", "c"].map((name) => ({
    name,
    description: `Make ${name}.txt`,
    depends_on: [],
    level: "code",
  })),
};

describe("concurrency", () => {
  test(
    "loops, per_type and model_calls bound what happens at a time",
    async () => {
      const active = new Set<string>();
      let allAtOnce = false;
      let [calls, callsMost, loopsMost] = [0, 0, 0];
      const handler: Handler = async (request) => {
        callsMost = Math.max(callsMost, ++calls);
        const letter = /<task>\nMake ([abc])\.txt/.exec(request.prompt)?.[1];
        if (letter) loopsMost = Math.max(loopsMost, active.add(letter).size);
        if (letter && allAtOnce) await until(() => loopsMost === 3, 20_000, "the three loops to be at it");
        // A model takes its time, so that what may happen at once does.
        await new Promise((resolve) => setTimeout(resolve, 50));
        calls -= 1;
        if (request.turn > 0) {
          if (letter) active.delete(letter);
          return [text("Done.")];
        }
        if (!letter) return [tool("create_plan", plan)];
        return [tool("write_file", { path: `${letter}.txt`, content: `${letter}\n` })];
      };
      await withRuns(handler, async ({ home, loopr }) => {
        const most = async (yml: string) => {
          configure(home, plainPlans + yml);
          await home.ok(["daemon", "stop"]);
          [callsMost, loopsMost] = [0, 0];
          const args = ["run", "--check", "true", "--levels", "plan,code", "--yes", "--no-merge", "Letters"];
          expect(await loopr(args, { deadlineMs: 30_000 })).toMatchObject({ code: 0 });
          return { callsMost, loopsMost };
        };
        expect(await most("concurrency: { loops: 1 }\n")).toEqual({ callsMost: 1, loopsMost: 1 });
        const fewer = await most("concurrency: { per_type: { code: 2 }, model_calls: 1 }\n");
        expect(fewer.callsMost).toBe(1);
        expect(fewer.loopsMost).toBeLessThanOrEqual(2);
        allAtOnce = true;
        expect(await most("concurrency: { model_calls: 3 }\n")).toEqual({ callsMost: 3, loopsMost: 3 });
      });
    },
    limitMs,
  );

  test(
    "lanes.no-net: with one slot the models' commands take turns, with two they meet each other",
    () =>
      withRuns(
        ({ turn, prompt }) => {
          if (turn > 0) return [text("Done.")];
          const own = prompt.includes("<task>\nfirst") ? "first" : "second";
          return [tool("run_command", { command: `sh meet.sh ${own} && echo x >x` })];
        },
        async ({ home, repo, loopr }) => {
          const meeting = join(home.root, "meeting");
          mkdirSync(meeting);
          // Says whether another is there; with two slots nobody leaves before another has come.
          repo.write(
            "meet.sh",
            `cd ${meeting}; mkdir busy || echo met >>met; touch $1
if [ -e two ]; then until [ -e first ] && [ -e second ]; do sleep 0.05; done; else sleep 0.3; fi; rmdir busy; true\n`,
          );
          repo.git("add", "-A");
          repo.git("commit", "-qm", "meet");
          const both = async (slots: number) => {
            const lanes = `concurrency: { lanes: { no-net: ${slots} } }\n`;
            configure(home, `${lanes}sandbox: { write_allow: ["${meeting}"] }\n`);
            await home.ok(["daemon", "stop"]);
            const args = ["run", "--depth", "code", "--no-merge", "--yes", "--check", "true"];
            const options = { deadlineMs: 40_000 };
            const runs = ["first", "second"].map((title) => loopr([...args, title], options));
            for (const { code } of await Promise.all(runs)) expect(code).toBe(0);
            return readdirSync(meeting);
          };
          expect((await both(1)).sort()).toEqual(["first", "second"]);
          for (const name of ["first", "second"]) rmSync(join(meeting, name));
          writeFileSync(join(meeting, "two"), "");
          expect(await both(2)).toContain("met");
        },
        { files: sampleFiles },
      ),
    limitMs,
  );

  test(
    "lanes.heavy: two checks at a time meet each other",
    () =>
      withRuns(
        (request) =>
          request.turn === 0 ? [tool("write_file", { path: "x", content: "x" })] : [text("Done.")],
        async ({ home, repo, loopr }) => {
          const meeting = join(home.root, "meeting");
          mkdirSync(meeting);
          configure(home, `concurrency: { lanes: { heavy: 2 } }\nsandbox: { write_allow: ["${meeting}"] }\n`);
          repo.write(
            "meet.sh",
            `n=$1; o=$2; echo x >${meeting}/$n; until [ -e ${meeting}/$o ]; do sleep 0.05; done\n`,
          );
          repo.git("add", "-A");
          repo.git("commit", "-qm", "meet");
          const meet = (own: string, other: string) =>
            loopr(
              ["run", "--depth", "code", "--no-merge", "--yes", "--check", `sh meet.sh ${own} ${other}`, own],
              {
                deadlineMs: 40_000,
              },
            );
          const [one, two] = await Promise.all([meet("one", "two"), meet("two", "one")]);
          expect([one.code, two.code]).toEqual([0, 0]);
        },
        { files: sampleFiles },
      ),
    limitMs,
  );
});

describe("notify", () => {
  test(
    "calls the person when a run waits, is merged or has failed, as told; keeps nothing waiting, leaves nothing behind",
    () =>
      withHome(async (home) => {
        const repository = home.repository({ files: sampleFiles });
        const notices = join(home.root, "notices");
        const script = join(home.root, "script.json");
        const write = { tools: [{ name: "write_file", input: { path: "x", content: "x" } }] };
        writeFileSync(script, JSON.stringify({ entries: [{ turns: [write, { text: "Done." }] }] }));
        const command = `echo "$LOOPR_NOTICE $LOOPR_STATE $LOOPR_TITLE $(pwd) $ANTHROPIC_API_KEY$LOOPR_HOME" >>${notices}; sleep 4343`;
        const settings = (on: string) =>
          `notify: { command: ${JSON.stringify(command)}, on: [${on}] }\nllm: { provider: scripted, script: "${script}" }\n`;
        const run = (check: string, title: string, ...args: string[]) =>
          home.loopr(
            ["run", "--depth", "code", "--check", check, "--max-iterations", "1", "--yes", ...args, title],
            { cwd: repository.dir, env: { ANTHROPIC_API_KEY: "sk-ant-secret" } },
          );
        configure(home, settings("waiting, merged"));
        expect((await run("true", "one", "--no-merge")).code).toBe(0);
        expect((await run("true", "two")).code).toBe(0);
        expect((await run("false", "three")).code).toBe(1);
        configure(home, settings("failed"));
        expect((await run("false", "four")).code).toBe(1);
        const told = () => (existsSync(notices) ? readFileSync(notices, "utf8") : "");
        await until(() => told().includes("four"), 10_000, "the notices");
        expect(told().trimEnd().split("\n").sort()).toEqual(
          ["failed failed four / ", "merged merged two / ", "waiting verified one / "]
            .map((line) => line.trimEnd())
            .sort()
            .map((line) => containing(line)),
        );
        expect(told()).not.toContain("secret");
        await home.ok(["daemon", "stop"]);
        expect((await home.exec("pgrep", ["-f", "sleep 4343"])).stdout).toBe("");
      }),
    limitMs,
  );
});

describe("tui", () => {
  test(
    "glyphs: ascii in a UTF-8 locale; a wrong setting is told before the screen is taken",
    () =>
      withHome(async (home) => {
        configure(home, "tui: { glyphs: ascii }\n");
        await withPty(home, {}, async (pty) => {
          await pty.shows("No loops");
          expect(pty.screen().join("")).toMatch(/^[\x20-\x7e]*$/);
        });
        configure(home, "tui: { glyphs: emoji }\n");
        await withPty(home, { columns: 200, shell: '"$LOOPR"; echo "code $?"' }, async (pty) => {
          await pty.shows("tui.glyphs must be auto or unicode or ascii");
          await pty.shows("code 2");
        });
      }),
    limitMs,
  );
});

describe("config show", () => {
  test(
    "every key with its value and origin; what is not trusted does not count; no secret is shown",
    () =>
      withHome(async (home) => {
        const repository = home.repository({
          files: {
            ".loopr.yml":
              "validation:\n  command: make check\nlimits:\n  turns: 500\ngit:\n  target: next\nenv: { set: { API_TOKEN: hush, CI: yes-please } }\n",
          },
        });
        configure(
          home,
          "limits: { minutes: 5 }\nllm:\n  providers: { anthropic: { base_url: 'https://me:hush@proxy' } }\n",
        );
        const at = {
          cwd: join(repository.dir),
          env: { LOOPR_SCRIPT: "s.json", ANTHROPIC_API_KEY: "sk-ant-hush" },
        };
        const shown = async () => {
          const result = await home.loopr(["config", "show", "--origin"], at);
          const lines = result.stdout.split("\n").map((line) => line.replaceAll(/ {2,}/g, "  "));
          expect(result.stdout + result.stderr).not.toContain("hush");
          return { ...result, line: (name: string) => lines.find((line) => line.startsWith(`${name} `)) };
        };
        const before = await shown();
        const file = join(repository.dir, ".loopr.yml");
        const own = join(home.userHome, ".config", "loopr", "loopr.yml");
        expect(before.code).toBe(0);
        expect(before.line("validation.command")).toBe("validation.command  null  default");
        expect(before.line("limits.minutes")).toBe(`limits.minutes  5  ${own}:1 (user)`);
        expect(before.line("git.target")).toBe(`git.target  "next"  ${file}:6 (project)`);
        expect(before.line("llm.provider")).toBe('llm.provider  "scripted"  variable LOOPR_SCRIPT');
        expect(before.line("limits.turns")).toBe("limits.turns  50  default");
        expect(before.stderr).toContain(
          `does not count: validation.command "make check" at ${file}:2: not trusted`,
        );
        expect(before.stderr).toContain(
          `does not count: limits.turns 500 at ${file}:4: more than the default 50`,
        );
        expect(before.stderr).toContain("loopr trust");

        await home.ok(["trust"], at);
        const after = await shown();
        expect(after.line("validation.command")).toBe(
          `validation.command  "make check"  ${file}:2 (project)`,
        );
        const document = json(await home.loopr(["config", "show", "--json", "-c", own], at));
        expect(document["keys"]).toMatchObject({
          "limits.minutes": { value: 5, origin: { level: "explicit", file: own, line: 1 } },
          "limits.turns": { value: 50, origin: { level: "default" } },
          "env.set": { value: { API_TOKEN: "[hidden]", CI: "yes-please" } },
        });
        expect(document["left_out"]).toMatchObject([{ name: "limits.turns", value: 500, line: 4 }]);
        expect(await home.ok(["config", "path"], at)).toBe(`user      ${own}\nproject   ${file}\n`);

        repository.write(".loopr.yml", "git:\n  targt: x\n");
        const wrong = await home.loopr(["config", "show"], at);
        expect([wrong.code, wrong.stderr]).toEqual([2, containing(`${file}:2: unknown key git.targt`)]);
        const outside = await home.ok(["config", "show"]);
        expect(outside).toContain("limits.minutes");
        expect(home.daemonPid()).toBeNull();
      }),
    limitMs,
  );

  test(
    "levels that name no type are refused with file and line, like a key that is unknown",
    () =>
      withHome(async (home) => {
        const repository = home.repository({ files: { "x.txt": "" } });
        const at = { cwd: repository.dir };
        const own = join(home.userHome, ".config", "loopr", "loopr.yml");
        const file = join(repository.dir, ".loopr.yml");
        repository.write(".loopr.yml", "git: { target: next }\nlevels: plan,bogus\n");
        const refused = await home.loopr(["config", "show"], at);
        expect([refused.code, refused.stdout]).toEqual([2, ""]);
        expect(refused.stderr).toStartWith(
          `error: ${file}:2: levels "plan,bogus" names "bogus", which is no type`,
        );
        repository.write(".loopr/loops/bogus.yml", "extends: code\n");
        expect(await home.ok(["config", "show"], at)).toContain("plan,bogus");

        repository.write(".loopr.yml", "git: { target: next }\n");
        configure(home, "levels: nonsense\n");
        for (const cwd of [repository.dir, home.userHome])
          expect((await home.loopr(["config", "show"], { cwd })).stderr).toContain(
            `${own}:1: levels "nonsense"`,
          );
        expect(home.daemonPid()).toBeNull();
      }),
    limitMs,
  );

  test(
    "concurrency.lanes.net, which no job can use yet, is said to have no effect",
    () =>
      withHome(async (home) => {
        const own = join(home.userHome, ".config", "loopr", "loopr.yml");
        configure(home, "concurrency:\n  lanes:\n    net: 2\n");
        const set = await home.loopr(["config", "show", "--json"]);
        expect(json(set)["warnings"]).toEqual([
          containing(`${own}:3: concurrency.lanes.net has no effect yet`),
        ]);
        expect((await home.loopr(["config", "show"])).stderr).toContain("there are no tools with network");
        configure(home, "concurrency: { lanes: { heavy: 2 } }\n");
        expect(json(await home.loopr(["config", "show", "--json"]))["warnings"]).toEqual([]);
      }),
    limitMs,
  );
});
