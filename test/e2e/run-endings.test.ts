// Ends that are neither a merge nor a failed check: rewound and moved targets, cancelled parts, broken tools.
import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { until, type Repository } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { goodGreet, json, leftWorktrees, sampleFiles, withRuns } from "../support/runs.ts";

const run = ["run", "--depth", "code", "--check", "sh test.sh", "Greet the world", "--yes", "--json"];

/** Solves the task; `during` happens before the first answer. */
function solving(during: () => Promise<void> | void): Handler {
  return async (request, n) => {
    if (n === 0) await during();
    return request.turn === 0
      ? [tool("write_file", { path: "greet.sh", content: goodGreet })]
      : [text("Done.")];
  };
}

describe("the target, while a run works, is", () => {
  const cases: [string, (repo: Repository) => void, string[]][] = [
    [
      "rewound: what the person dropped does not come back",
      (repo) => {
        repo.git("reset", "-q", "--hard", "HEAD~1");
      },
      ["Greet the world", "First"],
    ],
    [
      "moved on: the work is rebased, checked again, and merged",
      (repo) => {
        repo.write("other.txt", "meanwhile\n");
        repo.git("add", "other.txt");
        repo.git("commit", "-q", "-m", "Meanwhile");
      },
      ["Greet the world", "Meanwhile", "Dropped", "First"],
    ],
  ];
  for (const [name, meanwhile, subjects] of cases) {
    test(name, async () => {
      let happen: () => void = () => undefined;
      await withRuns(
        solving(() => {
          happen();
        }),
        async ({ repo, loopr }) => {
          repo.write("dropped.txt", "secret\n");
          repo.git("add", "dropped.txt");
          repo.git("commit", "-q", "-m", "Dropped");
          happen = () => {
            meanwhile(repo);
          };
          const result = await loopr(run);
          expect(result).toMatchObject({ code: 0 });
          expect(repo.git("log", "--format=%s", "main").split("\n")).toEqual(subjects);
          const checks = json(result)["checks"] as { stage: string; passed: boolean }[];
          expect(checks.some((check) => check.stage === "final" && check.passed)).toBe(true);
        },
      );
    });
  }

  test("moved on and in conflict: left on its branch with the command to run, exit code 6", async () => {
    let happen: () => void = () => undefined;
    await withRuns(
      solving(() => {
        happen();
      }),
      async ({ home, repo, loopr }) => {
        happen = () => {
          repo.write("greet.sh", "#!/bin/sh\necho servus\n");
          repo.git("commit", "-qam", "Servus");
        };
        const result = await loopr(run);
        expect(result.code).toBe(6);
        expect(json(result)["failure"]).toMatchObject({ code: "merge_conflict" });
        expect(repo.git("log", "-1", "--format=%s", "main")).toBe("Servus");
        expect(repo.git("show", `${String(json(result)["branch"])}:greet.sh`)).toBe(goodGreet.trim());
        expect(leftWorktrees(home, repo)).toEqual([]);

        // The hint is what to run, word for word.
        const { hint } = json(result)["failure"] as { hint: string };
        const command = hint.slice(0, hint.indexOf(", resolve and commit"));
        const merged = await home.exec("sh", ["-c", command]);
        expect(merged.stdout).toContain("CONFLICT (content): Merge conflict in greet.sh");
        repo.write("greet.sh", goodGreet);
        repo.git("commit", "-qam", "Both");
        expect(await loopr(["merge", String(json(result)["id"])])).toMatchObject({ code: 0 });
        expect(repo.git("log", "-1", "--format=%s", "main")).toBe("Both");
      },
    );
  });

  test("moved on so that the sum fails: sent back with that as feedback, and mended", async () => {
    const files = {
      ...sampleFiles,
      "word.txt": "world\n",
      "test.sh": '#!/bin/sh\n[ "$(sh greet.sh)" = "hello $(cat word.txt)" ]\n',
    };
    let happen: (() => void) | null = null;
    const handler: Handler = (request, n) => {
      if (n === 0) happen?.();
      if (request.turn > 0) return [text("Done.")];
      const content = request.prompt.includes("moved on")
        ? '#!/bin/sh\necho "hello $(cat word.txt)"\n'
        : goodGreet;
      return [tool("write_file", { path: "greet.sh", content })];
    };
    await withRuns(
      handler,
      async ({ repo, server, loopr }) => {
        happen = () => {
          repo.write("word.txt", "moon\n");
          repo.git("commit", "-qam", "Moon");
        };
        expect(await loopr(run)).toMatchObject({ code: 0 });
        expect(server.requests[2]?.prompt).toContain("the target branch has moved on");
        // One commit, which passes: the one that failed on the new target is not in its history.
        expect(repo.git("log", "--format=%s", "main").split("\n").slice(1)).toEqual([
          "Moon",
          repo.git("log", "-1", "--format=%s", "main~2"),
        ]);
        expect(await loopr(["verify", "main"])).toMatchObject({ code: 0 });
        expect(repo.read("greet.sh")).toContain("word.txt");
      },
      { files },
    );
  });
});

describe("what cannot run is not the model's fault:", () => {
  test("a runner that cannot start anything is told at once, with exit code 1 and no model call", async () => {
    await withRuns(
      solving(() => undefined),
      async ({ home, server, loopr }) => {
        const bin = join(home.root, "bin");
        mkdirSync(bin);
        for (const name of ["git", "sh", "flock", "env"]) {
          const found = (await home.exec("sh", ["-c", `command -v ${name}`])).stdout.trim();
          symlinkSync(found, join(bin, name));
        }
        const result = await loopr([...run.slice(0, -1), "--sandbox", "none"], { env: { PATH: bin } });
        expect(result.code).toBe(1);
        expect(result.stderr).toContain("could not be run");
        expect(server.requests).toHaveLength(0);
      },
    );
  });
});

describe("cancelled", () => {
  const plan = {
    title: "Two",
    summary: "Two parts",
    specs: [
      { name: "first", description: "first part", depends_on: [], level: "code" },
      { name: "second", description: "second part", depends_on: ["first"], level: "code" },
    ],
  };

  test("a child: the run ends as cancelled, says so, and can be deleted", async () => {
    let release: (() => void) | null = null;
    const handler: Handler = async (request) => {
      if (request.tools.includes("create_plan"))
        return request.turn === 0 ? [tool("create_plan", plan)] : [text("Done.")];
      await new Promise<void>((resolve) => (release = resolve));
      return [text("Done.")];
    };
    await withRuns(handler, async ({ home, repo, loopr }) => {
      const id = String(
        json(
          await loopr(["plan", "--check", "sh test.sh", "--levels", "plan,code", "Two", "--wait", "--json"]),
        )["id"],
      );
      expect(await loopr(["approve", id])).toMatchObject({ code: 0 });
      await until(() => release !== null, 20_000, "the first child to ask the model");
      expect(await loopr(["cancel", `${id}-001`])).toMatchObject({ code: 0 });
      expect(json(await loopr(["status", id, "--json"]))["run_state"]).toBe("cancelled");
      const again = await loopr(["cancel", `${id}-001`]);
      expect(again.code).toBe(1);
      expect(again.stderr).toContain("is cancelled: nothing in it is left to cancel");
      expect(await loopr(["delete", id])).toMatchObject({ code: 0 });
      expect(json(await loopr(["list", "--json"]))["loops"]).toEqual([]);
      await until(() => leftWorktrees(home, repo).length === 0, 10_000, "the worktrees to be gone");
      expect(repo.git("branch", "--list", "loopr/*")).toBe("");
    });
  });

  test("a run before anything was integrated leaves no empty branch, its work is kept under a ref", async () => {
    let release: (() => void) | null = null;
    const handler: Handler = async (request) => {
      if (request.turn === 0) return [tool("write_file", { path: "greet.sh", content: "echo half\n" })];
      await new Promise<void>((resolve) => (release = resolve));
      return [text("Done.")];
    };
    await withRuns(handler, async ({ home, repo, env, loopr }) => {
      const client = home.start(run, { cwd: repo.dir, env });
      await until(() => release !== null, 20_000, "the second turn");
      const id = String((json(await loopr(["list", "--json"]))["loops"] as { id: string }[])[0]?.id);
      const cancelled = await loopr(["cancel", id]);
      expect(cancelled).toMatchObject({ code: 0 });
      expect(cancelled.stdout).toContain("what it had begun: loopr diff ");
      expect(cancelled.stdout).not.toContain("stays on");
      const ended = await client.wait();
      expect(ended.code).toBe(1);
      // Nothing was integrated, so there is no branch to name.
      expect((await loopr(["watch", id])).stdout).not.toMatch(/^ +branch /m);
      expect((await loopr(["diff", id])).stdout).toContain("+echo half");
      expect(leftWorktrees(home, repo)).toEqual([]);
      expect(repo.git("branch", "--list", "loopr/*")).toBe("");
      expect(repo.git("show", `refs/loopr/interrupted/${id}/1:greet.sh`)).toBe("echo half");
    });
  });
});
