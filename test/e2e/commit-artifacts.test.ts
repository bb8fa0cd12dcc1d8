// git.commit_artifacts: the plan and what is below it are committed with the work.
import { describe, expect, test } from "bun:test";
import { isAlive, signal, until } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import {
  goodGreet,
  json,
  leftWorktrees,
  plainPlans,
  withRuns,
  writeUserConfig,
  type RunBed,
} from "../support/runs.ts";

const limitMs = 90_000;
const plan = {
  title: "Greeting",
  summary: "Greet the world, and more.",
  specs: [
    { name: "Greet the world!", description: "Greet it", depends_on: [], level: "spec" },
    { name: "extra", description: "An extra file", depends_on: ["Greet the world!"], level: "code" },
  ],
};
const handler: Handler = (request) => {
  if (request.turn > 0) return [text("Done.")];
  if (request.tools.includes("create_plan")) return [tool("create_plan", plan)];
  if (request.tools.includes("create_spec"))
    return [
      tool("create_spec", { title: "The spec", summary: "s", phases: [{ name: "one", description: "d" }] }),
    ];
  if (request.tools.includes("create_phase"))
    return [tool("create_phase", { title: "The phase", instructions: "Say hello world" })];
  if (/<task>\nAn extra/.test(request.prompt))
    return [tool("write_file", { path: "extra.txt", content: "x\n" })];
  return [tool("write_file", { path: "greet.sh", content: goodGreet })];
};

const greeted = "sh test.sh";

async function ran({ home, loopr }: RunBed, check = greeted): Promise<{ id: string; said: string }> {
  writeUserConfig(home, `${plainPlans}git: { commit_artifacts: true }\n`);
  const result = await loopr(["run", "--check", check, "Greet the world", "--yes"]);
  expect(result).toMatchObject({ code: 0 });
  const loops = json(await loopr(["list", "--json"]))["loops"] as { id: string; root_id: string }[];
  return { id: loops[0]?.root_id ?? "", said: result.stdout + result.stderr };
}

function committed({ repo }: RunBed): string[] {
  return repo
    .git("ls-files", ".loopr")
    .split("\n")
    .filter((path) => path !== "");
}

describe("git.commit_artifacts", () => {
  test(
    "one checked commit on top of the work, with author and trailers; undo takes it back",
    () =>
      withRuns(handler, async (bed) => {
        const { repo, home, loopr } = bed;
        const before = repo.git("rev-parse", "main");
        const { id } = await ran(bed);
        const directory = `.loopr/plans/${repo.git("for-each-ref", "--format=%(refname:lstrip=3)", "refs/heads/loopr")}`;
        expect(directory).toMatch(/^\.loopr\/plans\/greet-the-world-[0-9a-f]{8}$/);
        expect(committed(bed)).toEqual([
          `${directory}/001-greet-the-world/001-one/phase.md`,
          `${directory}/001-greet-the-world/spec.md`,
          `${directory}/plan.md`,
        ]);
        expect(repo.read(`${directory}/plan.md`)).toContain("# Greeting\n\nGreet the world, and more.");
        expect(repo.read(`${directory}/001-greet-the-world/spec.md`)).toContain("# The spec");
        expect(repo.git("log", "--reverse", "--format=%s", `${before}..main`).split("\n").at(-1)).toBe(
          'Plan of "Greeting"',
        );
        expect(repo.git("log", "-1", "--format=%an")).toBe("Test Person");
        expect(repo.git("log", "-1", "--format=%(trailers:only)")).toContain(`Loopr-Artifacts: ${id}`);
        expect(repo.git("log", "-1", "--format=%(trailers:only)")).toContain(`Loopr-Loop: ${id}`);
        for (const commit of repo.git("rev-list", `${before}..main`).split("\n"))
          expect(json(await loopr(["verify", commit, "--json"]))).toMatchObject({ commit, same: true });
        expect(repo.git("status", "--porcelain")).toBe("");
        expect(leftWorktrees(home, repo)).toEqual([]);
        expect(await loopr(["undo", id])).toMatchObject({ code: 0 });
        expect(repo.git("rev-parse", "main^{tree}")).toBe(repo.git("rev-parse", `${before}^{tree}`));
      }),
    limitMs,
  );

  test(
    "a repository that ignores .loopr, and a check that does not accept them: left out, with a warning, once",
    async () => {
      await withRuns(handler, async (bed) => {
        const { repo } = bed;
        repo.write(".gitignore", ".loopr/\n");
        repo.git("add", ".gitignore");
        repo.git("commit", "-q", "-m", "Ignore");
        const { said } = await ran(bed);
        expect(committed(bed)).toEqual([]);
        expect(said.split("warning: the plan was not committed").length).toBe(2);
        expect(said).toContain("git ignores it in this repository");
        expect(repo.read("greet.sh")).toBe(goodGreet);
      });
      await withRuns(handler, async (bed) => {
        const { said } = await ran(bed, `${greeted} && [ ! -e .loopr ]`);
        expect(committed(bed)).toEqual([]);
        expect(said).toContain("with it the check");
        expect(bed.repo.read("greet.sh")).toBe(goodGreet);
      });
    },
    limitMs,
  );

  test(
    "without a check they are committed as well, and the commit that is told holds them",
    () =>
      withRuns(handler, async (bed) => {
        const { repo, home, loopr } = bed;
        writeUserConfig(home, `${plainPlans}git: { commit_artifacts: true }\n`);
        const args = ["run", "--levels", "plan,code", "--no-check", "Greet the world", "--yes", "--json"];
        const verified = json(await loopr([...args, "--no-merge"]));
        const branch = String(verified["branch"]);
        expect(verified).toMatchObject({ run_state: "verified", commit: repo.git("rev-parse", branch) });
        expect(repo.git("ls-tree", "-r", "--name-only", branch)).toContain("plan.md");
        const merged = json(await loopr(args));
        const id = String(merged["id"]);
        const main = repo.git("rev-parse", "main");
        expect(committed(bed)).not.toEqual([]);
        for (const command of [
          ["status", id, "-d"],
          ["evidence", id],
        ]) {
          expect(json(await loopr([...command, "--json"]))).toMatchObject({ commit: main });
          expect((await loopr(command)).stdout).toContain(main.slice(0, 10));
        }
        expect(merged).toMatchObject({ run_state: "merged", commit: main });
        const { merged: told } = json(await loopr(["report", "--json"])) as { merged: unknown[] };
        expect(told).toMatchObject([{ id, commit: main }]);
      }),
    limitMs,
  );

  test(
    "kill -9 while they are checked: committed once",
    () =>
      withRuns(handler, async (bed) => {
        const { repo, home, loopr, env } = bed;
        writeUserConfig(home, `${plainPlans}git: { commit_artifacts: true }\n`);
        const base = repo.git("rev-parse", "main");
        const check = `if [ -e .loopr ]; then sleep 3; fi; ${greeted}`;
        const args = ["run", "--check", check, "Greet the world", "--yes"];
        const running = home.start(args, { cwd: repo.dir, env });
        const progress = async () => {
          const loops = json(await loopr(["list", "--json"]))["loops"] as { progress: string }[];
          return loops.map((loop) => loop.progress).join("\n");
        };
        await until(
          async () => (await progress()).includes("committing the plan"),
          40_000,
          "the plan's check",
        );
        const daemon = home.daemonPid() ?? 0;
        signal(daemon, "SIGKILL");
        await until(() => !isAlive(daemon), 10_000, "the daemon to be gone");
        expect(await running.wait()).toMatchObject({ code: 0 });
        const subjects = repo.git("log", "--format=%s", `${base}..main`).split("\n");
        expect(subjects.filter((subject) => subject.startsWith("Plan of"))).toHaveLength(1);
        expect(subjects).toHaveLength(3);
        expect(committed(bed)).toHaveLength(3);
      }),
    limitMs,
  );
});
