// What a daemon is short of, and what is asked of it that cannot be: said in a line, with the remedy.
import { describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fillStore } from "../support/full-store.ts";
import { program, until, withHome } from "../support/harness.ts";
import { text, tool } from "../support/model-server.ts";
import { goodGreet, withRuns } from "../support/runs.ts";
import { wire } from "../support/wire.ts";

const limitMs = 60_000;

describe("few open files", () => {
  for (const limit of [8, 12, 16, 20, 64]) {
    test(
      `ulimit -n ${limit}: the limit and the remedy are named`,
      () =>
        withHome(async (home) => {
          const script = `ulimit -n ${limit}; exec '${program}' daemon start`;
          const result = await home.exec("sh", ["-c", script], { deadlineMs: 20_000 });
          expect(result.stderr).toContain(`only ${limit} files may be open at once`);
          expect(result.stderr).toContain("hint: raise the limit: ulimit -n 1024");
          expect(result.code).toBe(4);
        }),
      limitMs,
    );
  }

  test(
    "the limit of clients says when it comes from there",
    () =>
      withHome(async (home) => {
        const script = `ulimit -n 100; exec '${program}' daemon start`;
        expect((await home.exec("sh", ["-c", script])).code).toBe(0);
        const socket = join(home.dir, "daemon.sock");
        const clients = await Promise.all(Array.from({ length: 40 }, () => wire(socket)));
        const late = await wire(socket);
        const refused = await late.next((message) => message.id === 0);
        expect(JSON.stringify(refused)).toContain("where 100 files may be open at once (ulimit -n)");
        for (const client of [...clients, late]) client.close();
      }),
    limitMs,
  );
});

test(
  "files run out under a running daemon: who comes then is turned away, who is there is served, and it lasts no longer",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      const socket = join(home.dir, "daemon.sock");
      const before = await wire(socket);
      expect((await before.call("ping")).result).toEqual({ pong: true });
      const pid = String(home.daemonPid());
      const open = readdirSync(`/proc/${pid}/fd`).map(Number);
      const limit = Math.max(...open) + 4;
      await home.exec("prlimit", ["--pid", pid, `--nofile=${limit}:4096`]);
      const outcomes = await Promise.all(Array.from({ length: 40 }, () => firstWords(socket)));
      const refused = outcomes.filter((words) => words.includes("can open no more files"));
      // Each costs at most its connection: of a flood, the last ones are told why, and none is left waiting.
      expect(refused.length).toBeGreaterThan(0);
      expect(outcomes.filter((words) => words === "")).toEqual([]);
      expect((await before.call("ping")).result).toEqual({ pong: true });
      await home.exec("prlimit", ["--pid", pid, "--nofile=4096:4096"]);
      await until(
        async () => (await firstWords(socket)).includes('"pong":true'),
        20_000,
        "new clients to be served",
      );
      before.close();
    }),
  limitMs,
);

/** What a client that asks for a pong hears first; it stays until then, and leaves. */
function firstWords(socket: string): Promise<string> {
  return new Promise((resolve) => {
    const client = connect(socket, () => client.write('{"id":1,"method":"ping"}\n'));
    client.on("data", (data) => {
      resolve(data.toString());
      setTimeout(() => client.destroy(), 300);
    });
    client.on("error", (error) => resolve(String(error)));
    client.on("close", () => resolve("closed without a word"));
  });
}

test(
  "a start that fails shows what this attempt logged, as text without stacks",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      await home.ok(["daemon", "stop"]);
      const log = join(home.dir, "logs", "daemon.log");
      const old = { time: new Date(0).toISOString(), level: "error", message: "of long ago" };
      appendFileSync(log, `${JSON.stringify(old)}\n`.repeat(30));
      mkdirSync(join(home.dir, "daemon.sock"));
      const result = await home.loopr(["daemon", "start"]);
      expect(result.code).toBe(4);
      expect(result.stderr).toContain(log);
      expect(result.stderr).toMatch(/^ {4}\d\d:\d\d:\d\d error the daemon ended: /m);
      expect(result.stderr).not.toContain("of long ago");
      expect(result.stderr).not.toMatch(/\{"|\\n|^\s+at /m);
      expect(readFileSync(log, "utf8")).toContain('"stack"');
    }),
  limitMs,
);

test(
  "status names the socket that the daemon uses, not the one of our environment",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      const env = { LOOPR_SOCKET: join(home.root, "elsewhere.sock") };
      const status: unknown = JSON.parse(await home.ok(["daemon", "status", "--json"], { env }));
      expect(status).toMatchObject({ state: "running", socket: join(home.dir, "daemon.sock") });
    }),
  limitMs,
);

test(
  "requests that cannot be: numbers beyond 2^53-1, a project that is relative, a blank description",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      const client = await wire(join(home.dir, "daemon.sock"));
      for (const id of ["9007199254740992", "18446744073709551615"]) {
        client.socket.write(`{"id":${id},"method":"ping"}\n`);
        const refused = await client.next((message) => message.id === 0);
        expect(refused).toMatchObject({ error: { code: -32700 } });
        expect(JSON.stringify(refused)).toContain("9007199254740991");
      }
      client.socket.write('{"id":9007199254740991,"method":"ping"}\n');
      await client.next((message) => message.id === Number.MAX_SAFE_INTEGER);

      const { dir } = home.repository();
      const relative = await client.call("loop.create_plan", { description: "x", project: "some/where" });
      expect(relative.error).toMatchObject({ code: -32602, data: { parameter: "project" } });
      const blank = await client.call("loop.create_plan", { description: " \n\t", project: dir });
      expect(blank.error).toMatchObject({ code: -32602, data: { parameter: "description" } });
      client.close();
    }),
  limitMs,
);

test(
  "metrics.get counts the tools by name",
  () =>
    withRuns(
      [
        [
          tool("write_file", { path: "greet.sh", content: goodGreet }),
          tool("read_file", { path: "greet.sh" }),
          tool("read_file", { path: "missing.sh" }),
        ],
        [text("Done.")],
      ],
      async ({ home, loopr }) => {
        const args = ["run", "--depth", "code", "--check", "sh test.sh", "Greet", "--yes"];
        expect(await loopr(args)).toMatchObject({ code: 0 });
        const client = await wire(join(home.dir, "daemon.sock"));
        const { result } = await client.call("metrics.get");
        const time = expect.any(Number) as number;
        expect(result).toMatchObject({
          tools: {
            write_file: { count: 1, failed: 0, total_ms: time, max_ms: time },
            read_file: { count: 2, failed: 1, total_ms: time, max_ms: time },
          },
        });
        client.close();
      },
    ),
  limitMs,
);

test(
  "doctor looks for flock where the daemon does: a PATH without it is no obstacle to either",
  () =>
    withHome(async (home) => {
      const env = { PATH: home.root };
      await home.ok(["daemon", "start"], { env });
      const { stdout } = await home.loopr(["doctor", "--json"], { env });
      const { checks } = JSON.parse(stdout) as { checks: { name: string }[] };
      expect(JSON.stringify(checks.find(({ name }) => name === "flock"))).toContain('"ok"');
    }),
  limitMs,
);

test(
  "thousands of loops come in pages that fit a message; who has subscribed is not cut off behind them",
  () =>
    withHome(async (home) => {
      const count = 5_000;
      fillStore(home.dir, count);
      await home.ok(["daemon", "start"]);
      const client = await wire(join(home.dir, "daemon.sock"));
      await client.call("subscribe");
      const ids = new Set<string>();
      for (let cursor: string | null = null, pages = 0; ; pages++) {
        const { result } = await client.call("loop.list", { cursor });
        expect(JSON.stringify(result).length).toBeLessThan(1024 * 1024);
        const page = result as { loops: { id: string }[]; cursor: string | null };
        for (const { id } of page.loops) ids.add(id);
        cursor = page.cursor;
        if (cursor !== null) continue;
        expect(pages).toBeGreaterThan(5);
        break;
      }
      expect(ids.size).toBe(count);
      // All at once, and not read before all are asked for.
      const answers = Array.from({ length: 5 }, () => client.call("loop.list"));
      expect(await client.call("ping")).toMatchObject({ result: { pong: true } });
      for (const answer of answers) expect((await answer).error).toBeUndefined();
      expect(client.isClosed()).toBe(false);
      client.close();
      const listed = JSON.parse(await home.ok(["list", "--json", "--all-projects"])) as { loops: unknown[] };
      expect(listed.loops).toHaveLength(count);
    }),
  limitMs,
);
