// `loopr run --depth code`, from the command line to the commit on the target branch.
import { describe, expect, test } from "bun:test";
import { text, tool } from "../support/model-server.ts";
import { goodGreet, json, leftWorktrees, sampleFiles, testKey, withRuns } from "../support/runs.ts";

const check = ["--check", "sh test.sh"];

describe("run --depth code", () => {
  test("a change that passes its check is committed and merged onto the branch checked out", async () => {
    const replies = [
      [text("I'll write it."), tool("write_file", { path: "greet.sh", content: goodGreet })],
      [text("Done.")],
    ];
    await withRuns(replies, async ({ home, repo, server, loopr }) => {
      const base = repo.git("rev-parse", "HEAD");
      const result = await loopr(["run", "--depth", "code", ...check, "Greet the world", "--yes", "--json"]);
      expect(result).toMatchObject({ code: 0 });
      const outcome = json(result);
      expect(outcome["run_state"]).toBe("merged");
      expect(repo.git("rev-parse", "main")).toBe(String(outcome["commit"]));
      expect(repo.git("rev-list", "--count", `${base}..main`)).toBe("1");
      expect(repo.read("greet.sh")).toBe(goodGreet);
      expect(repo.git("status", "--porcelain")).toBe("");
      expect(repo.git("log", "-1", "--format=%an <%ae>")).toBe("Test Person <person@example.com>");
      expect(repo.git("log", "-1", "--format=%B")).toContain(
        `Loopr-Loop: ${String(outcome["id"])}\nLoopr-Iteration: 1`,
      );
      expect(repo.git("notes", "--ref=loopr", "show", "main")).toContain("exit 0: sh test.sh");
      expect(leftWorktrees(home, repo)).toEqual([]);
      expect(server.refused).toEqual([]);
      expect(server.requests).toHaveLength(2);
    });
  });

  test("what the check said is in the next, fresh prompt; the second iteration mends it", async () => {
    const replies = [
      [tool("write_file", { path: "greet.sh", content: '#!/bin/sh\necho "hello wold"\n' })],
      [text("Done.")],
      [tool("write_file", { path: "greet.sh", content: goodGreet })],
      [text("Now it is done.")],
    ];
    await withRuns(replies, async ({ repo, server, loopr }) => {
      const result = await loopr(["run", "--depth", "code", ...check, "Greet the world", "--yes"]);
      expect(result).toMatchObject({ code: 0 });
      expect(repo.read("greet.sh")).toBe(goodGreet);
      const third = JSON.stringify(server.requests[2]?.body);
      expect(third).toContain("FAIL: greet said hello wold");
      expect(third).toContain("failed with exit code 1");
      expect(third).not.toContain("Done."); // no history of the iteration before
      expect(repo.git("log", "-1", "--format=%B")).toContain("Loopr-Iteration: 2");
    });
  });

  test("a model that only claims success ends with exit code 1 and an untouched target", async () => {
    await withRuns(
      () => [text("All done, every test passes!")],
      async ({ home, repo, loopr }) => {
        const before = repo.git("rev-parse", "main");
        const result = await loopr(["run", "--depth", "code", ...check, "Greet the world", "--yes"]);
        expect(result.code).toBe(1);
        expect(result.stdout + result.stderr).toContain("no progress");
        expect(result.stdout).not.toContain("branch"); // nothing is on it, and it is gone
        expect(repo.git("branch", "--list", "loopr/*")).toBe("");
        expect(repo.git("rev-parse", "main")).toBe(before);
        expect(leftWorktrees(home, repo)).toEqual([]);
      },
    );
  });

  test("iterations used up: exit code 1, the work is kept under a ref", async () => {
    let n = 0;
    const handler = () => {
      n += 1;
      return n % 2 === 1
        ? [tool("write_file", { path: "greet.sh", content: `#!/bin/sh\necho try ${n}\n` })]
        : [text("Done.")];
    };
    await withRuns(handler, async ({ repo, home, loopr }) => {
      const result = await loopr([
        "run",
        "--depth",
        "code",
        ...check,
        "--max-iterations",
        "2",
        "Greet",
        "--yes",
        "--json",
      ]);
      expect(result.code).toBe(1);
      const id = String(json(result)["id"]);
      expect(json(result)["run_state"]).toBe("failed");
      expect(repo.git("show", `refs/loopr/loops/${id}:greet.sh`)).toContain("try 3");
      expect(repo.read("greet.sh")).not.toContain("try");
      expect(leftWorktrees(home, repo)).toEqual([]);
    });
  });

  test("passing only by rewriting an existing test is refused, with that as feedback", async () => {
    const replies = [
      [tool("write_file", { path: "greet_test.sh", content: "#!/bin/sh\nexit 0\n" })],
      [text("The tests pass.")],
      [
        tool("run_command", { command: "git checkout -q HEAD~1 -- greet_test.sh 2>/dev/null; true" }),
        tool("write_file", {
          path: "greet_test.sh",
          content: '#!/bin/sh\n[ "$(sh greet.sh)" = "hello world" ]\n',
        }),
        tool("write_file", { path: "greet.sh", content: goodGreet }),
      ],
      [text("Done.")],
    ];
    const files = {
      "greet.sh": '#!/bin/sh\necho "hello"\n',
      "greet_test.sh": '#!/bin/sh\n[ "$(sh greet.sh)" = "hello world" ]\n',
      "all.sh": "#!/bin/sh\nfor t in *_test.sh; do sh $t || exit 1; done\n",
    };
    await withRuns(
      replies,
      async ({ repo, server, loopr }) => {
        const result = await loopr([
          "run",
          "--depth",
          "code",
          "--check",
          "sh all.sh",
          "Greet the world",
          "--yes",
        ]);
        expect(result).toMatchObject({ code: 0 });
        const third = JSON.stringify(server.requests[2]?.body);
        expect(third).toContain("passes only with your changes to existing tests");
        expect(third).toContain("greet_test.sh");
        expect(repo.read("greet_test.sh")).toContain("hello world");
        expect(repo.git("diff", "--name-only", "HEAD~1", "HEAD")).toBe("greet.sh");
      },
      { files },
    );
  });

  test("a tests directory replaced by a link to a bent copy is refused with feedback", async () => {
    const bend = "mv tests elsewhere && ln -s elsewhere tests && echo true > elsewhere/greet.sh";
    const files = {
      "greet.sh": '#!/bin/sh\necho "hello"\n',
      "tests/greet.sh": '[ "$(sh greet.sh)" = "hello world" ]\n',
      "all.sh": "for t in tests/*.sh; do sh $t || exit 1; done\n",
    };
    await withRuns(
      (_request, n) => (n === 0 ? [tool("run_command", { command: bend })] : [text("The tests pass.")]),
      async ({ home, repo, server, loopr }) => {
        const before = repo.git("rev-parse", "main");
        const bounds = ["--check", "sh all.sh", "--max-iterations", "2"];
        const result = await loopr(["run", "--depth", "code", ...bounds, "Greet the world", "--yes"]);
        expect(result.code).toBe(1);
        const third = JSON.stringify(server.requests[2]?.body);
        expect(third).toContain("passes only with your changes to existing tests");
        expect(third).toContain("tests/greet.sh");
        expect(repo.git("rev-parse", "main")).toBe(before);
        expect(leftWorktrees(home, repo)).toEqual([]);
      },
      { files },
    );
  });

  test("a model that writes only what is ignored is told so, with names", async () => {
    await withRuns(
      (_request, n) => (n === 0 ? [tool("write_file", { path: "x.log", content: "x" })] : [text("Done.")]),
      async ({ server, loopr }) => {
        const result = await loopr(["run", "--depth", "code", ...check, "Greet the world", "--yes"]);
        expect(result.code).toBe(1);
        const next = JSON.stringify(server.requests[2]?.body);
        expect(next).toContain(
          "Only files that git ignores are there beside it, and they do not count: x.log.",
        );
      },
      { files: { ...sampleFiles, ".gitignore": "*.log\n" } },
    );
  });

  test("changing the check's own script is refused even where everything passes", async () => {
    const replies = [
      [
        tool("write_file", { path: "test.sh", content: "#!/bin/sh\nexit 0\n" }),
        tool("write_file", { path: "greet.sh", content: goodGreet }),
      ],
      [text("Done.")],
    ];
    await withRuns(
      (_request, n) => replies[n % 2] ?? [text("Done.")],
      async ({ repo, server, loopr }) => {
        const before = repo.git("rev-parse", "main");
        const result = await loopr(["run", "--depth", "code", ...check, "Greet the world", "--yes"]);
        expect(result.code).toBe(1);
        expect(JSON.stringify(server.requests[2]?.body)).toContain("must not be changed by it: test.sh");
        expect(repo.git("rev-parse", "main")).toBe(before);
      },
    );
  });

  test("--may-change permits it", async () => {
    const replies = [
      [
        tool("write_file", { path: "test.sh", content: '#!/bin/sh\n[ "$(sh greet.sh)" = "hi" ]\n' }),
        tool("write_file", { path: "greet.sh", content: "#!/bin/sh\necho hi\n" }),
      ],
      [text("Done.")],
    ];
    await withRuns(replies, async ({ repo, loopr }) => {
      const result = await loopr([
        "run",
        "--depth",
        "code",
        ...check,
        "--may-change",
        "test.sh",
        "--yes",
        "--",
        "Say hi",
      ]);
      expect(result).toMatchObject({ code: 0 });
      expect(repo.read("greet.sh")).toContain("echo hi");
    });
  });

  test("--no-merge leaves the verified work on its branch", async () => {
    const replies = [[tool("write_file", { path: "greet.sh", content: goodGreet })], [text("Done.")]];
    await withRuns(replies, async ({ home, repo, loopr }) => {
      const before = repo.git("rev-parse", "main");
      const result = await loopr([
        "run",
        "--depth",
        "code",
        ...check,
        "Greet the world",
        "--yes",
        "--no-merge",
        "--json",
      ]);
      expect(result).toMatchObject({ code: 0 });
      const outcome = json(result);
      expect(outcome["run_state"]).toBe("verified");
      expect(repo.git("rev-parse", "main")).toBe(before);
      expect(repo.git("show", `${String(outcome["branch"])}:greet.sh`)).toBe(goodGreet.trim());
      expect(leftWorktrees(home, repo)).toEqual([]);
      const merged = await loopr(["merge", String(outcome["id"])]);
      expect(merged).toMatchObject({ code: 0 });
      expect(repo.read("greet.sh")).toBe(goodGreet);
    });
  });

  test("the key is nowhere in the home, and no tool sees it", async () => {
    const replies = [
      [
        tool("run_command", { command: "env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; true" }),
        tool("write_file", { path: "greet.sh", content: goodGreet }),
      ],
      [text("Done.")],
    ];
    await withRuns(replies, async ({ home, server, loopr }) => {
      const result = await loopr(["run", "--depth", "code", ...check, "Greet the world", "--yes"]);
      expect(result).toMatchObject({ code: 0 });
      expect(JSON.stringify(server.requests[1]?.body)).toContain("PATH=");
      expect(JSON.stringify(server.requests[1]?.body)).not.toContain(testKey);
      const found = await home.exec("grep", ["-rlaF", testKey, home.dir]);
      expect(found.stdout).toBe("");
    });
  });
});
