// Models that fail, checks that misbehave: each ends clearly, and nothing is lost or merged.
import { describe, expect, test } from "bun:test";
import {
  failingTool,
  garbage,
  rateLimited,
  reset,
  status,
  text,
  tool,
  truncated,
  type Handler,
  type Reply,
} from "../support/model-server.ts";
import { goodGreet, json, sampleFiles, withRuns } from "../support/runs.ts";

const run = ["run", "--depth", "code", "--check", "sh test.sh", "Greet the world", "--yes"];
const write = [tool("write_file", { path: "greet.sh", content: goodGreet })];
const done = [text("Done.")];

describe("the model", () => {
  const mended: [string, Reply[]][] = [
    ["429 with retry-after, then success", [rateLimited(0), write, done]],
    ["529, then success", [status(529), write, done]],
    ["500 in the middle, then success", [write, status(500), done]],
    ["a truncated stream, then success", [truncated(write), write, done]],
    ["a broken connection, then success", [reset(), write, reset(done), done]],
    ["garbage, then success", [garbage("<html>proxy error</html>"), write, done]],
  ];
  for (const [name, replies] of mended) {
    test(name, async () => {
      await withRuns(replies, async ({ repo, server, loopr }) => {
        expect(await loopr(run)).toMatchObject({ code: 0 });
        expect(repo.read("greet.sh")).toBe(goodGreet);
        expect(server.requests).toHaveLength(replies.length);
      });
    });
  }

  for (const code of [401, 403]) {
    test(`${code}: paused with exit code 6, nothing spent in retries, and a resume goes on`, async () => {
      let refuse = true;
      const handler: Handler = (request) =>
        refuse ? status(code, "invalid x-api-key") : request.turn === 0 ? write : done;
      await withRuns(handler, async ({ repo, server, loopr }) => {
        const result = await loopr([...run, "--json"]);
        expect(result.code).toBe(6);
        expect(json(result)["run_state"]).toBe("paused");
        expect(server.requests).toHaveLength(1);
        refuse = false;
        const id = String(json(result)["id"]);
        const { hint } = json(result)["failure"] as { hint: string };
        expect(hint).toContain(`\`loopr resume ${id}\``);
        expect(await loopr(["resume", id])).toMatchObject({ code: 0 });
        expect(await loopr(["watch", id])).toMatchObject({ code: 0 });
        expect(repo.read("greet.sh")).toBe(goodGreet);
      });
    });
  }

  test("a server that is down: paused with exit code 6, after retries", async () => {
    await withRuns([], async ({ server, loopr }) => {
      await server.close();
      const result = await loopr([...run, "--json"]);
      expect(result.code).toBe(6);
      expect(json(result)["run_state"]).toBe("paused");
      const status = json(await loopr(["status", String(json(result)["id"]), "--json"]));
      expect(status["failure"]).toMatchObject({ code: "model_unreachable" });
    });
  });

  test("tool calls with bad, unknown and unparsable arguments get answers that can be mended", async () => {
    const replies: Reply[] = [
      [
        tool("write_file", { path: "greet.sh" }),
        tool("no_such_tool", {}),
        tool("read_file", { path: "greet.sh", colour: 1 }),
      ],
      [failingTool("write_file", '{"path": "greet.sh", "content')],
      [tool("read_file", { path: "/etc/passwd" }), tool("read_file", { path: "../../../etc/passwd" })],
      write,
      done,
    ];
    await withRuns(replies, async ({ server, loopr }) => {
      expect(await loopr(run)).toMatchObject({ code: 0 });
      const results = server.requests[1]?.results ?? [];
      expect(results.map((one) => one.isError)).toEqual([true, true, true]);
      expect(results[0]?.content).toContain("content");
      expect(results[1]?.content).toContain("Unknown tool: no_such_tool");
      expect(results[2]?.content).toContain("colour");
      expect(server.requests[2]?.results[0]?.isError).toBe(true);
      const outside = server.requests[3]?.results ?? [];
      expect(outside.map((one) => one.isError)).toEqual([true, true]);
      expect(JSON.stringify(outside)).not.toContain("root:");
      expect(server.refused).toEqual([]);
    });
  });

  test("going round in circles with one call stalls the run, with the reason, without using its turns up", async () => {
    await withRuns(
      () => [tool("read_file", { path: "greet.sh" })],
      async ({ server, loopr }) => {
        const result = await loopr([...run, "--json"]);
        expect(result.code).toBe(1);
        expect(json(result)).toMatchObject({ run_state: "stalled", failure: { code: "stalled" } });
        expect(JSON.stringify(json(result)["failure"])).toContain("read_file 5 times in a row");
        expect(server.requests).toHaveLength(5);
      },
    );
  });
});

describe("the check", () => {
  const withCheck = async (script: string, config: string, says: string) => {
    const files = { ...sampleFiles, "check.sh": script };
    await withRuns(
      (request) => (request.turn === 0 ? write : done),
      async ({ repo, server, loopr }) => {
        const before = repo.git("rev-parse", "main");
        repo.write(".loopr.yml", `validation:\n  command: sh check.sh\n${config}`);
        expect(await loopr(["trust"])).toMatchObject({ code: 0 });
        const result = await loopr(["run", "--depth", "code", "--max-iterations", "2", "Greet", "--yes"]);
        expect(result.code).toBe(1);
        expect(server.requests[2]?.prompt ?? "").toContain(says);
        expect(repo.git("rev-parse", "main")).toBe(before);
      },
      { files },
    );
  };

  test("that hangs is stopped at its time limit, with its children", async () => {
    await withCheck(
      "(trap '' TERM; sleep 600) & sleep 600\n",
      "  timeout: 1\n",
      "did not end within its time limit",
    );
  });

  test("that kills itself fails", async () => {
    await withCheck("kill -9 $$\n", "", "failed");
  });

  test("that floods its output fails with head and tail, and hurts nobody", async () => {
    await withCheck(
      "echo begin-of-flood; head -c 30000000 /dev/zero | tr '\\0' x; echo end-of-flood; exit 1\n",
      "",
      "end-of-flood",
    );
  });

  test("that executes no test does not pass", async () => {
    await withCheck("echo 'Ran 0 tests in 0.000s'; exit 0\n", "", "executed no test");
  });
});
