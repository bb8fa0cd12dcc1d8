// The plan gate and the levels below it.
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { until } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { json, leftWorktrees, withRuns } from "../support/runs.ts";

const files = {
  "a.sh": "echo a\n",
  "b.sh": "echo b\n",
  "test.sh":
    "#!/bin/sh\nset -e\nsh a.sh >/dev/null\nsh b.sh >/dev/null\nif [ -f c.sh ]; then sh c.sh; fi\necho ok\n",
};
const plan = {
  title: "Louder letters",
  summary: "Make both letters loud.",
  specs: [
    { name: "loud a", description: "Make a.sh print A", depends_on: [], level: "code" },
    { name: "loud b", description: "Make b.sh print B after a", depends_on: ["loud a"], level: "code" },
  ],
};

/** Answers every type of loop: artifacts at the upper levels, one write at the code level. */
const everyLevel: Handler = (request) => {
  if (request.turn > 0) return [text("Done.")];
  if (request.tools.includes("create_plan")) return [tool("create_plan", plan)];
  if (request.tools.includes("create_spec")) {
    return [
      tool("create_spec", {
        title: "spec",
        summary: "s",
        phases: [
          { name: "one", description: "first: a" },
          { name: "two", description: "second: b" },
        ],
      }),
    ];
  }
  if (request.tools.includes("create_phase")) {
    const task = /<task>\n([\s\S]*?)<\/task>/.exec(request.prompt)?.[1] ?? "";
    return [
      tool("create_phase", {
        title: "phase",
        instructions: task.includes("first") ? "Make a.sh print A" : "Make b.sh print B after a",
      }),
    ];
  }
  const letter = /<task>\n[\s\S]*Make ([ab])\.sh/.exec(request.prompt)?.[1] ?? "c";
  return [
    tool("write_file", {
      path: `${letter}.sh`,
      content: `echo ${letter.toUpperCase()} # ${request.prompt.length}\n`,
    }),
  ];
};

interface Listed {
  id: string;
  loop_type: string;
  status: string;
  parent_id: string | null;
  run_state: string | null;
  depends_on: string[];
}

describe("plan → code", () => {
  test("plan --wait stops at the gate; approve lets the children run in their order; merged at the end", async () => {
    await withRuns(
      everyLevel,
      async ({ home, repo, server, loopr }) => {
        const created = await loopr([
          "plan",
          "--check",
          "sh test.sh",
          "--levels",
          "plan,code",
          "Louder",
          "--wait",
          "--json",
        ]);
        expect(created).toMatchObject({ code: 0 });
        const id = String(json(created)["id"]);
        const before = repo.git("rev-parse", "main");
        expect(json(await loopr(["status", id, "--json"]))).toMatchObject({
          status: "awaiting_approval",
          waiting_for: "approval",
        });

        expect(await loopr(["approve", id])).toMatchObject({ code: 0 });
        await until(
          async () => json(await loopr(["status", id, "--json"]))["run_state"] === "verified",
          25_000,
          "verified",
        );
        expect(repo.git("rev-parse", "main")).toBe(before);
        const loops = json(await loopr(["list", "--json"]))["loops"] as Listed[];
        expect(loops.map((loop) => loop.loop_type).sort()).toEqual(["code", "code", "plan"]);
        expect(loops.find((loop) => loop.id.endsWith("-002"))?.depends_on).toEqual([`${id}-001`]);

        expect(await loopr(["merge", id])).toMatchObject({ code: 0 });
        expect(repo.git("log", "--reverse", "--format=%s", `${before}..main`).split("\n")).toEqual([
          "loud a",
          "loud b",
        ]);
        // Every commit that reached the target carries the evidence of its own check.
        for (const commit of repo.git("rev-list", `${before}..main`).split("\n")) {
          expect(json(await loopr(["verify", commit, "--json"]))).toMatchObject({
            commit,
            run: id,
            same: true,
          });
        }
        expect(repo.read("a.sh")).toContain("echo A");
        expect(repo.read("b.sh")).toContain("echo B");
        expect(leftWorktrees(home, repo)).toEqual([]);
        expect(server.refused).toEqual([]);
        const tree = await loopr(["list"]);
        expect(tree.stdout).toContain("loud a");
        expect(tree.stdout).toContain("loud b");
      },
      { files },
    );
  });

  test("run --yes goes through all of it by itself; independent children run in parallel and both land", async () => {
    const parallel: Handler = (request, n) =>
      request.turn === 0 && request.tools.includes("create_plan")
        ? [tool("create_plan", { ...plan, specs: plan.specs.map((spec) => ({ ...spec, depends_on: [] })) })]
        : everyLevel(request, n);
    await withRuns(
      parallel,
      async ({ repo, loopr }) => {
        const result = await loopr(["run", "--check", "sh test.sh", "Louder", "--yes", "--json"]);
        expect(result).toMatchObject({ code: 0 });
        expect(json(result)["run_state"]).toBe("merged");
        expect(repo.read("a.sh")).toContain("echo A");
        expect(repo.read("b.sh")).toContain("echo B");
      },
      { files },
    );
  });

  test("the same change by two side by side and by one after them: one commit, and all are done", async () => {
    let asked = 0;
    const both = Promise.withResolvers<undefined>();
    const third = { name: "again", description: "Make a.sh print A", depends_on: ["loud a"], level: "code" };
    const specs = [...plan.specs.map((spec) => ({ ...spec, depends_on: [] as string[] })), third];
    const same: Handler = async (request, n) => {
      const isPlan = request.tools.includes("create_plan");
      if (request.turn > 0) return everyLevel(request, n);
      if (isPlan) return [tool("create_plan", { ...plan, specs })];
      // Neither of the two writes before both have begun; the first iteration of the third does nothing.
      asked += 1;
      if (asked === 2) both.resolve(undefined);
      await both.promise;
      if (asked === 3) return [text("It is all there.")];
      return [tool("write_file", { path: "a.sh", content: "echo A\n" })];
    };
    await withRuns(
      same,
      async ({ repo, loopr }) => {
        const before = repo.git("rev-parse", "main");
        const result = await loopr(["run", "--check", "sh test.sh", "Louder", "--yes", "--json"]);
        expect(result).toMatchObject({ code: 0 });
        expect(json(result)["run_state"]).toBe("merged");
        expect(repo.git("rev-list", "--count", `${before}..main`)).toBe("1");
        const loops = json(await loopr(["list", "--json"]))["loops"] as (Listed & {
          progress: string;
          iteration: number;
        })[];
        const code = loops.filter(({ loop_type }) => loop_type === "code");
        expect(code.map(({ status }) => status)).toEqual(["complete", "complete", "complete"]);
        expect(code.map(({ progress }) => progress).sort()).toEqual([
          "integrated",
          "nothing left to do: its changes are in already",
          "nothing left to do: its changes are in already",
        ]);
        expect(code.map(({ iteration }) => iteration).sort()).toEqual([1, 1, 2]);
      },
      { files },
    );
  });

  test("without a terminal and without --yes, run stops at the gate with exit code 6", async () => {
    await withRuns(
      everyLevel,
      async ({ loopr }) => {
        const result = await loopr(["run", "--check", "sh test.sh", "Louder"]);
        expect(result.code).toBe(6);
        expect(result.stdout + result.stderr).toContain("loopr approve");
      },
      { files },
    );
  });

  test("reject fails the plan; a second answer is refused with the state it is in", async () => {
    await withRuns(
      everyLevel,
      async ({ home, repo, loopr }) => {
        const id = String(
          json(await loopr(["plan", "--check", "sh test.sh", "Louder", "--wait", "--json"]))["id"],
        );
        expect(await loopr(["reject", id, "-r", "too loud"])).toMatchObject({ code: 0 });
        const status = json(await loopr(["status", id, "--json"]));
        expect(status).toMatchObject({
          status: "failed",
          run_state: "failed",
          failure: { code: "rejected" },
        });
        const again = await loopr(["approve", id]);
        expect(again.code).toBe(1);
        expect(again.stderr).toContain("is failed");
        await until(() => leftWorktrees(home, repo).length === 0, 10_000, "the worktrees to be gone");
      },
      { files },
    );
  });

  test("iterate sends it back with feedback, and the plan comes again", async () => {
    await withRuns(
      everyLevel,
      async ({ server, loopr }) => {
        const id = String(
          json(await loopr(["plan", "--check", "sh test.sh", "Louder", "--wait", "--json"]))["id"],
        );
        const asked = server.requests.length;
        expect(await loopr(["iterate", id, "-m", "not so loud, please"])).toMatchObject({ code: 0 });
        await until(
          async () => json(await loopr(["status", id, "--json"]))["iteration"] === 2,
          20_000,
          "the second iteration",
        );
        await until(
          async () => json(await loopr(["status", id, "--json"]))["status"] === "awaiting_approval",
          20_000,
          "the gate",
        );
        expect(server.requests[asked]?.prompt).toContain("not so loud, please");
      },
      { files },
    );
  });

  test("a plan refused to the end: why is in the next prompt, in the output and in the failure", async () => {
    const circular = { ...plan, specs: [{ ...plan.specs[0], depends_on: ["loud a"] }] };
    await withRuns(
      (request) => (request.turn > 0 ? [text("Done.")] : [tool("create_plan", circular)]),
      async ({ server, loopr }) => {
        const run = ["run", "Loud", "--check", "sh test.sh", "--max-iterations", "2", "--yes", "--json"];
        const result = await loopr(run);
        expect(result.code).toBe(1);
        const cycle = "The dependencies form a cycle: loud a → loud a";
        expect(server.requests[2]?.prompt).toContain(`The last call of create_plan was refused: ${cycle}`);
        expect(JSON.stringify(json(result)["failure"])).toContain(cycle);
        const { stdout } = await loopr(["logs", String(json(result)["id"])]);
        expect(stdout).toContain(`✗ create_plan: Not accepted:\n  - ${cycle}`);
      },
      { files },
    );
  });

  test("a plan that does not fit its schema, or has a cycle, gets an answer that can be mended", async () => {
    const cyclic = {
      ...plan,
      specs: plan.specs.map((spec, at) => ({ ...spec, depends_on: [plan.specs[1 - at]?.name] })),
    };
    const handler: Handler = (request, n) => {
      if (!request.tools.includes("create_plan")) return everyLevel(request, n);
      if (request.turn === 0) return [tool("create_plan", { title: "x" })];
      if (request.turn === 1) return [tool("create_plan", cyclic)];
      return request.turn === 2 ? [tool("create_plan", plan)] : [text("Done.")];
    };
    await withRuns(
      handler,
      async ({ server, loopr }) => {
        expect(
          await loopr(["run", "--check", "sh test.sh", "--levels", "plan,code", "Louder", "--yes"]),
        ).toMatchObject({ code: 0 });
        expect(server.requests[1]?.results[0]).toMatchObject({ isError: true });
        expect(server.requests[1]?.results[0]?.content).toContain("specs");
        expect(server.requests[2]?.results[0]?.content).toContain("cycle");
      },
      { files },
    );
  });
});

describe("all four levels", () => {
  test("plan, spec, phase, code: every child in its place, phases in sequence, merged at the end", async () => {
    const oneSpec: Handler = (request, n) =>
      request.turn === 0 && request.tools.includes("create_plan")
        ? [
            tool("create_plan", {
              ...plan,
              specs: [{ name: "letters", description: "both letters", level: "spec" }],
            }),
          ]
        : everyLevel(request, n);
    await withRuns(
      oneSpec,
      async ({ home, repo, loopr }) => {
        const result = await loopr(["run", "--check", "sh test.sh", "Louder", "--yes", "--json"], {
          deadlineMs: 50_000,
        });
        expect(result).toMatchObject({ code: 0 });
        const id = String(json(result)["id"]);
        const loops = json(await loopr(["list", "--json"]))["loops"] as Listed[];
        expect(
          loops.map((loop) => `${loop.id.slice(id.length)} ${loop.loop_type} ${loop.status}`).sort(),
        ).toEqual([
          " plan complete",
          "-001 spec complete",
          "-001-001 phase complete",
          "-001-001-001 code complete",
          "-001-002 phase complete",
          "-001-002-001 code complete",
        ]);
        expect(repo.read("a.sh")).toContain("echo A");
        expect(repo.read("b.sh")).toContain("echo B");
        expect(leftWorktrees(home, repo)).toEqual([]);
      },
      { files },
    );
  });
});

test("the daemon's log tells of it without the key", async () => {
  await withRuns(
    everyLevel,
    async ({ home, loopr, env }) => {
      await loopr(["run", "--check", "sh test.sh", "Louder", "--yes"]);
      expect(readFileSync(`${home.dir}/logs/daemon.log`, "utf8")).not.toContain(
        env["ANTHROPIC_API_KEY"] ?? "?",
      );
    },
    { files },
  );
});
