// Whose key pays: each client's own, in memory only.
import { describe, expect, test } from "bun:test";
import { isAlive, signal, until } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { goodGreet, json, withRuns, type RunBed } from "../support/runs.ts";

const keys = ["sk-ant-first-AAAAAAAAAAAA", "sk-ant-second-BBBBBBBBBBBB"] as const;
const run = (task: string) => [
  "run",
  "--depth",
  "code",
  "--check",
  "sh test.sh",
  task,
  "--yes",
  "--no-merge",
  "--json",
];

/** Which keys asked for which task. */
function payers({ server }: RunBed): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const request of server.requests) {
    const task = /<task>\n(.*)\n<\/task>/.exec(request.prompt)?.[1] ?? "?";
    found[task] = [...new Set([...(found[task] ?? []), request.key])];
  }
  return found;
}

const solving: Handler = (request) =>
  request.turn === 0 ? [tool("write_file", { path: "greet.sh", content: goodGreet })] : [text("Done.")];

describe("keys", () => {
  test("two clients with two keys each pay for their own run, at the same time, and no key is on disk", async () => {
    await withRuns(solving, async (bed) => {
      const results = await Promise.all(
        keys.map((key, at) =>
          bed.loopr(run(`task ${at}`), { env: { ANTHROPIC_API_KEY: key }, deadlineMs: 45_000 }),
        ),
      );
      expect(results.map((result) => result.code)).toEqual([0, 0]);
      expect(payers(bed)).toEqual({ "task 0": [keys[0]], "task 1": [keys[1]] });
      for (const key of keys) {
        expect((await bed.home.exec("grep", ["-rlaF", key, bed.home.root])).stdout).toBe("");
        for (const pid of bed.home.processes()) {
          expect((await bed.home.exec("grep", ["-lF", key, `/proc/${pid}/environ`])).stdout).toBe("");
        }
      }
    });
  });

  test("a password in the base URL and a key in what a person says serve, and are not on disk", async () => {
    await withRuns(solving, async (bed) => {
      const url = new URL(bed.server.url);
      [url.username, url.password] = ["user", "PASSWORD-999"];
      const env = { ANTHROPIC_API_KEY: keys[0], ANTHROPIC_BASE_URL: url.href };
      const refused = await bed.loopr([...run("task"), "--check", `echo ${keys[0]}`], { env });
      expect(refused.code).toBe(2);
      expect(refused.stdout).toContain("the check's command");
      const task = `a task with ${keys[0]} and PASSWORD-999`;
      const made = await bed.loopr(run(task), { env, deadlineMs: 45_000 });
      expect(made.code).toBe(0);
      expect(made.stdout).toContain("[key] is kept in its place");
      expect(payers(bed)).toEqual({ "a task with [key] and [key]": [keys[0]] });
      for (const secret of [keys[0], "PASSWORD-999"])
        expect((await bed.home.exec("grep", ["-rlaF", secret, bed.home.root])).stdout).toBe("");
    });
  });

  test("a crash that has a key in its words leaves none: not in the logs, the notes on the crash, or status", async () => {
    await withRuns(solving, async ({ home }) => {
      const env = {
        ANTHROPIC_API_KEY: keys[0],
        OPENAI_API_KEY: 'sk-openai-"quoted"-CCCCCC',
        LOOPR_DEBUG_CRASH_ON: "status",
      };
      await home.ok(["daemon", "start"], { env });
      const pid = home.daemonPid() ?? 0;
      await home.loopr(["daemon", "status"], { env });
      await until(() => !isAlive(pid), 10_000, "the crash");
      const status = await home.ok(["daemon", "start"]).then(() => home.ok(["daemon", "status", "--json"]));
      expect((JSON.parse(status) as { crash: unknown }).crash).toMatchObject({ pid });
      expect(status).toContain("LOOPR_DEBUG_CRASH_ON: status of");
      const shown = [
        status,
        await home.ok(["daemon", "status"]),
        await home.ok(["daemon", "logs", "--json"]),
      ];
      for (const secret of [keys[0], "sk-openai-", "CCCCCC"]) {
        for (const text of shown) expect(text).not.toContain(secret);
        // Whatever else it left in its home, a core file among it.
        expect((await home.exec("grep", ["-rlaF", secret, home.root])).stdout).toBe("");
      }
    });
  });

  test("after a restart a run goes on with its own key only; another serves it after a resume", async () => {
    let hold = true;
    let release: (() => void) | null = null;
    const handler: Handler = async (request, n) => {
      if (hold && n === 0) await new Promise<void>((resolve) => (release = resolve));
      return solving(request, n);
    };
    await withRuns(handler, async (bed) => {
      const env = { ANTHROPIC_API_KEY: keys[0] };
      const client = bed.home.start(run("task 0"), { cwd: bed.repo.dir, env: { ...bed.env, ...env } });
      await until(() => bed.server.requests.length === 1, 20_000, "the first request");
      client.kill("SIGKILL");
      signal(bed.home.daemonPid() ?? 0, "SIGKILL");
      await client.wait();
      hold = false;
      release?.();

      const other = { env: { ANTHROPIC_API_KEY: keys[1] } };
      const waiting = await until(
        async () => {
          const loops = json(await bed.loopr(["list", "--json"], other))["loops"] as {
            id: string;
            waiting_for: string | null;
          }[];
          return loops[0]?.waiting_for === "credentials" ? loops[0] : null;
        },
        20_000,
        "the run to wait for its own key",
      );
      expect(bed.server.requests).toHaveLength(1);
      expect(await bed.loopr(["resume", waiting.id], other)).toMatchObject({ code: 0 });
      expect(await bed.loopr(["watch", waiting.id], other)).toMatchObject({ code: 6 });
      expect(payers(bed)["task 0"]).toEqual([keys[0], keys[1]]);
    });
  });

  test("a key file of the user's own configuration pays where the environment holds none", async () => {
    await withRuns(solving, async (bed) => {
      const none = {
        ANTHROPIC_API_KEY: undefined,
        ANTHROPIC_BASE_URL: undefined,
        XDG_CONFIG_HOME: undefined,
      };
      const dir = `${bed.home.userHome}/.config/loopr`;
      const yml = `llm:\n  providers:\n    anthropic:\n      api_key_file: ${dir}/key\n      base_url: ${bed.server.url}\n`;
      const write = `mkdir -p '${dir}' && printf %s '${keys[0]}' > '${dir}/key' && printf %s '${yml}' > '${dir}/loopr.yml'`;
      expect(await bed.home.exec("sh", ["-c", write])).toMatchObject({ code: 0 });
      expect(await bed.loopr(run("task 0"), { env: none })).toMatchObject({ code: 0 });
      expect(payers(bed)).toEqual({ "task 0": [keys[0]] });
    });
  });
});
