// Any git repository will do, and what is no usable one is said at once, with exit code 2.
import { describe, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until, type Repository } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { goodGreet, json, sampleFiles, withRuns, type RunBed } from "../support/runs.ts";

const solving: Handler = (request) =>
  request.turn === 0 ? [tool("write_file", { path: "greet.sh", content: goodGreet })] : [text("Done.")];
const run = ["run", "--depth", "code", "--check", "sh test.sh", "Greet the world", "--yes"];

describe("a run works in", () => {
  for (const branch of ["master", "trunk"]) {
    test(`a repository whose branch is ${branch}`, async () => {
      await withRuns(
        solving,
        async ({ repo, loopr }) => {
          expect(await loopr(run)).toMatchObject({ code: 0 });
          expect(repo.git("show", `${branch}:greet.sh`)).toBe(goodGreet.trim());
        },
        { branch },
      );
    });
  }

  test("a path with spaces and umlauts", async () => {
    await withRuns(
      solving,
      async ({ repo, loopr }) => {
        expect(await loopr(run)).toMatchObject({ code: 0 });
        expect(repo.read("greet.sh")).toBe(goodGreet);
      },
      { name: "mein Gerät (größer)" },
    );
  });

  test("a subdirectory, where the check given on the command line runs too", async () => {
    const files = {
      "sub/greet.sh": sampleFiles["greet.sh"],
      "sub/test.sh": sampleFiles["test.sh"],
      "top.txt": "x",
    };
    const inSub: Handler = (request) =>
      request.turn === 0
        ? [tool("write_file", { path: "sub/greet.sh", content: goodGreet })]
        : [text("Done.")];
    await withRuns(
      inSub,
      async ({ repo, loopr }) => {
        expect(await loopr(run, { cwd: join(repo.dir, "sub") })).toMatchObject({ code: 0 });
        expect(repo.read("sub/greet.sh")).toBe(goodGreet);
      },
      { files },
    );
  });

  test("a linked worktree, and merges onto the branch that it has checked out", async () => {
    await withRuns(solving, async ({ home, repo, loopr }) => {
      const linked = join(home.root, "linked tree");
      repo.git("worktree", "add", "-q", "-b", "feature", linked);
      expect(await loopr(run, { cwd: linked })).toMatchObject({ code: 0 });
      expect(repo.git("show", "feature:greet.sh")).toBe(goodGreet.trim());
      expect(repo.git("show", "main:greet.sh")).toBe(sampleFiles["greet.sh"].trim());
      expect(repo.git("-C", linked, "status", "--porcelain")).toBe("");
    });
  });

  test("a repository without any identity", async () => {
    await withRuns(solving, async ({ repo, loopr }) => {
      repo.git("config", "--unset", "user.name");
      repo.git("config", "--unset", "user.email");
      expect(await loopr(run)).toMatchObject({ code: 0 });
      expect(repo.git("log", "-1", "--format=%an <%ae>")).toBe("Loopr <loopr@localhost>");
    });
  });

  test("a repository with commit signing on", async () => {
    await withRuns(solving, async ({ repo, loopr }) => {
      repo.git("config", "commit.gpgsign", "true");
      repo.git("config", "gpg.program", "/bin/false");
      expect(await loopr(run)).toMatchObject({ code: 0 });
    });
  });

  test("a repository with a branch called loopr", async () => {
    await withRuns(solving, async ({ repo, loopr }) => {
      repo.git("branch", "loopr");
      const result = await loopr([...run, "--json"]);
      expect(result).toMatchObject({ code: 0 });
      expect(String(json(result)["branch"])).not.toStartWith("loopr/");
    });
  });

  test("a repository with hostile hooks and fsmonitor, of which none runs", async () => {
    await withRuns(solving, async ({ home, repo, loopr }) => {
      const trace = join(home.root, "hook-ran");
      plantHooks(repo, trace);
      expect(await loopr(run)).toMatchObject({ code: 0 });
      expect(existsSync(trace)).toBe(false);
    });
  });
});

function plantHooks(repo: Repository, trace: string): void {
  const script = `#!/bin/sh\necho "$0" >> '${trace}'\n`;
  const hooks = join(repo.dir, ".git", "hooks");
  mkdirSync(hooks, { recursive: true });
  for (const name of [
    "pre-commit",
    "post-commit",
    "post-checkout",
    "post-merge",
    "pre-rebase",
    "commit-msg",
    "prepare-commit-msg",
    "reference-transaction",
    "post-index-change",
    "post-rewrite",
    "pre-merge-commit",
    "pre-auto-gc",
  ]) {
    writeFileSync(join(hooks, name), script);
    chmodSync(join(hooks, name), 0o755);
  }
  const monitor = join(repo.dir, ".git", "monitor.sh");
  writeFileSync(monitor, script);
  chmodSync(monitor, 0o755);
  repo.git("config", "core.fsmonitor", monitor);
}

describe("a dirty checkout", () => {
  test("is warned about at the start, left untouched, and ends with 6 and the command to run", async () => {
    await withRuns(solving, async ({ home, repo, loopr }) => {
      repo.write("README.md", "changed by the person\n");
      const before = repo.git("rev-parse", "main");
      const result = await loopr(run);
      expect(result.code).toBe(6);
      expect(result.stdout + result.stderr).toContain("README.md");
      expect(result.stdout + result.stderr).toMatch(/git .*(merge|stash)/);
      expect(repo.read("README.md")).toBe("changed by the person\n");
      expect(repo.git("rev-parse", "main")).toBe(before);
      const id = String((json(await loopr(["list", "--json"]))["loops"] as { id: string }[])[0]?.id);
      // merge refuses it as well; the commands that it names do it, whatever the person has changed.
      repo.write("greet.sh", "echo mine\n");
      const refused = await loopr(["merge", id, "--json"]);
      expect(refused.code).toBe(6);
      const { code, hint } = json(refused)["failure"] as { code: string; hint: string };
      expect(code).toBe("merge_dirty");
      repo.git("checkout", "-q", "--", "greet.sh");
      const commands = hint.slice(0, hint.indexOf(", or loopr merge"));
      expect(await home.exec("sh", ["-c", commands])).toMatchObject({ code: 0 });
      expect(repo.read("README.md")).toBe("changed by the person\n");
      expect(await loopr(["merge", id])).toMatchObject({ code: 0 });
      expect(json(await loopr(["status", id, "--json"]))["run_state"]).toBe("merged");
      expect(repo.read("greet.sh")).toBe(goodGreet);
    });
  });

  test("an untracked or ignored file in the way is never overwritten", async () => {
    const adding: Handler = (request) =>
      request.turn === 0
        ? [
            tool("write_file", { path: "greet.sh", content: goodGreet }),
            tool("run_command", {
              command: "echo new > .env.local; git check-ignore .env.local; rm .gitignore",
            }),
          ]
        : [text("Done.")];
    const files = { ...sampleFiles, ".gitignore": ".env.local\n" };
    await withRuns(
      adding,
      async ({ repo, loopr }) => {
        repo.write(".env.local", "PRECIOUS=1\n");
        const result = await loopr(run);
        expect(result.code).toBe(6);
        expect(repo.read(".env.local")).toBe("PRECIOUS=1\n");
      },
      { files },
    );
  });
});

describe("refused at once with exit code 2:", () => {
  const cases: [
    string,
    (
      bed: RunBed,
    ) =>
      | Promise<{ args: string[]; cwd?: string; says: RegExp }>
      | { args: string[]; cwd?: string; says: RegExp },
  ][] = [
    [
      "not a repository",
      ({ home }) => ({ args: run, cwd: home.userHome, says: /not .*git repository|no git repository/i }),
    ],
    [
      "a repository without a commit",
      async ({ home }) => {
        const dir = join(home.root, "empty");
        mkdirSync(dir);
        await home.exec("git", ["init", "-q", dir]);
        return { args: run, cwd: dir, says: /no commit/i };
      },
    ],
    [
      "a detached HEAD",
      ({ repo }) => {
        repo.git("checkout", "-q", "--detach");
        return { args: run, says: /--target/ };
      },
    ],
    ["no check command", () => ({ args: ["run", "--depth", "code", "Greet", "--yes"], says: /check/ })],
    ["a target that does not exist", () => ({ args: [...run, "--target", "nowhere"], says: /nowhere/ })],
    [
      "levels that are none",
      () => ({ args: ["run", "--levels", "code,plan", "--check", "true", "x"], says: /levels|code,plan/ }),
    ],
  ];
  for (const [name, prepare] of cases) {
    test(name, async () => {
      await withRuns(solving, async (bed) => {
        const { args, cwd, says } = await prepare(bed);
        const result = await bed.loopr(args, cwd ? { cwd } : {});
        expect(result.stderr).toMatch(says);
        expect(result.stderr).toMatch(/^error: /m);
        expect(result.code).toBe(2);
        expect(bed.server.requests).toHaveLength(0);
      });
    });
  }

  test("no model configured, for run and plan, naming what to set", async () => {
    await withRuns(solving, async ({ home, repo }) => {
      for (const command of ["run", "plan"]) {
        const result = await home.loopr([command, "--check", "true", "Greet"], { cwd: repo.dir });
        expect(result.code).toBe(2);
        expect(result.stderr).toContain("ANTHROPIC_API_KEY");
      }
    });
  });

  test("a check that does not exist: there is a run, and it has failed, exit code 1", async () => {
    await withRuns(solving, async ({ server, loopr }) => {
      const args = ["run", "--depth", "code", "--check", "./no-such-check.sh", "Greet", "--yes"];
      const result = await loopr(args);
      expect(result.stderr).toMatch(/^error: .*cannot be run here: exit code 127/m);
      expect(result.code).toBe(1);
      expect(server.requests).toHaveLength(0);
    });
  });

  test("a worktree set-up that fails: exit code 1", async () => {
    await withRuns(solving, async ({ repo, server, loopr }) => {
      repo.write(
        ".loopr.yml",
        "validation:\n  command: sh test.sh\nworktree:\n  setup: echo broken-setup >&2; exit 3\n",
      );
      expect(await loopr(["trust"])).toMatchObject({ code: 0 });
      const result = await loopr(["run", "--depth", "code", "Greet", "--yes"]);
      expect(result.code).toBe(1);
      expect(result.stderr).toContain("broken-setup");
      expect(server.requests).toHaveLength(0);
    });
  });

  test("a project file that makes commands run and was never trusted", async () => {
    await withRuns(solving, async ({ repo, server, loopr }) => {
      repo.write(".loopr.yml", "validation:\n  command: sh test.sh\n");
      const result = await loopr(["run", "--depth", "code", "Greet", "--yes"]);
      expect(result.code).toBe(2);
      expect(result.stderr).toContain("loopr trust");
      expect(server.requests).toHaveLength(0);
    });
  });
});

describe("a repository that is moved away during a run", () => {
  test("is named with what to do; the run goes on when it is back", async () => {
    let away: (() => void) | null = null;
    const handler: Handler = (request) => {
      away?.();
      away = null;
      return solving(request, 0);
    };
    await withRuns(handler, async ({ repo, loopr }) => {
      away = () => renameSync(repo.dir, `${repo.dir}-away`);
      const result = await loopr([...run, "--json"], { cwd: repo.dir });
      expect(result.code).toBe(6);
      const said = result.stdout + result.stderr;
      expect(said).toContain(`the repository ${join(repo.dir, ".git")} is not there any more`);
      expect(said).not.toContain("Install git");
      renameSync(`${repo.dir}-away`, repo.dir);
      const id = String(json(result)["id"]);
      expect(await loopr(["resume", id])).toMatchObject({ code: 0 });
      await until(
        () => Promise.resolve(repo.read("greet.sh") === goodGreet),
        30_000,
        "the run to go on and be merged",
      );
    });
  });
});
