// Types of loops, prompts, models and tools as a project and a person set them, seen from the model's side.
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { text, tool, type Handler } from "../support/model-server.ts";
import { goodGreet, json, sampleFiles, withRuns, writeUserConfig, type RunBed } from "../support/runs.ts";

type Checked = Record<"stage" | "command", string> & { passed: boolean };
const run = ["run", "--check", "sh test.sh", "--yes", "--json"];
const solving: Handler = (request) =>
  request.turn === 0 ? [tool("write_file", { path: "greet.sh", content: goodGreet })] : [text("Done.")];

function put({ home }: RunBed, path: string, content: string): void {
  const whole = join(home.userHome, ".config", "loopr", path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, content);
}

describe("a type of the project's own", () => {
  test("its model, its tools, its limits, its template and its command; named wherever loops are shown", () => {
    const handler: Handler = (request) => {
      if (request.turn === 0) return [tool("run_command", { command: "true" })];
      if (request.turn === 1) return [tool("write_file", { path: "greet.sh", content: goodGreet })];
      const isLate = request.prompt.includes("<feedback");
      if (request.turn === 2 && isLate) return [tool("write_file", { path: "done.txt", content: "x" })];
      return [text("Done.")];
    };
    return withRuns(handler, async (bed) => {
      const { repo, loopr, server } = bed;
      repo.write(
        ".loopr/loops/refactor.yml",
        "extends: code\ndescription: changes structure\nmodel: big-model\ntools: [edit_file, write_file]\nlimits: { iterations: 3 }\nvalidation: { command: test -f done.txt }\n",
      );
      repo.write(
        ".loopr/prompts/refactor.md",
        "You refactor, and nothing else.\n---\nRULES\n\n{{context}}\n\n{{task}}\n\n{{check}}\n\n{{feedback}}\n",
      );
      const refused = await loopr([...run, "--depth", "refactor", "keep {{check}} as it is"]);
      expect(refused.code).toBe(2);
      expect(refused.stdout).toContain("is not trusted");
      expect(await loopr(["trust"])).toMatchObject({ code: 0 });

      const result = await loopr([...run, "--depth", "refactor", "keep {{check}} as it is"]);
      expect(result).toMatchObject({ code: 0 });
      const [first] = server.requests;
      expect(first?.model).toBe("big-model");
      expect(first?.system).toBe("You refactor, and nothing else.");
      expect(first?.tools).toEqual(["write_file", "edit_file"]);
      expect(first?.prompt).toStartWith("RULES\n\n<task>\nkeep {{check}} as it is\n</task>");
      expect(first?.prompt).toContain("test -f done.txt");
      // A tool that it does not have is answered so that the model can mend it.
      expect(server.requests[1]?.results[0]).toMatchObject({ isError: true });
      expect(server.requests[1]?.results[0]?.content).toContain(
        "Unknown tool: run_command. The tools here are: write_file, edit_file",
      );
      // The project's check passed in the first iteration, the type's own command did not.
      expect(server.requests.some(({ prompt }) => prompt.includes("`test -f done.txt` failed"))).toBe(true);
      const id = String(json(result)["id"]);
      expect(json(await loopr(["status", id, "--json"]))).toMatchObject({
        loop_type: "code",
        type_name: "refactor",
        max_iterations: 3,
        iteration: 2,
      });
      for (const type of ["refactor", "code"])
        expect((await loopr(["list", "-t", type])).stdout).toContain("refactor");
      expect((await loopr(["list", "-t", "plan"])).stdout).toBe("No loop matches.\n");
      repo.write(".loopr/loops/unused.yml", "extends: code\n");
      expect((await loopr(["list", "-t", "unused"])).stdout).toBe("No loop matches.\n");
      const unknown = await loopr(["list", "-t", "refactr"]);
      expect(unknown.code).toBe(2);
      expect(unknown.stderr).toContain("one of plan, spec, phase, code, refactor, unused");
      expect((await loopr(["status", id])).stdout).toContain("refactor");
      expect((await loopr(["prompts", "list"])).stdout).toMatch(/refactor \(code\).*refactor\.md/);
    });
  }, 60_000);

  test("a plan names it for its specs, is told of it, and is answered where it names another", () => {
    const specs = (type?: string) => [
      { name: "loud", description: "Make greet.sh say hello world", ...(type && { type }) },
    ];
    const handler: Handler = (request, n) => {
      if (!request.tools.includes("create_plan")) return solving(request, n);
      if (request.turn === 0)
        return [tool("create_plan", { title: "Loud", summary: "s", specs: specs("refactr") })];
      if (request.turn === 1)
        return [tool("create_plan", { title: "Loud", summary: "s", specs: specs("refactor") })];
      return [text("Done.")];
    };
    return withRuns(handler, async (bed) => {
      bed.repo.write(
        ".loopr/loops/refactor.yml",
        "extends: code\ndescription: changes structure\nmodel: big-model\n",
      );
      const result = await bed.loopr([...run, "Greet"]);
      expect(result).toMatchObject({ code: 0 });
      expect(bed.server.requests[0]?.prompt).toContain("- refactor (code): changes structure");
      expect(bed.server.requests[1]?.results[0]?.content).toContain(
        '"refactr" is no type that a plan may choose; one of refactor',
      );
      expect(bed.server.requests.map(({ model }) => model)).toContain("big-model");
      const loops = json(await bed.loopr(["list", "--json"]))["loops"] as {
        type_name?: string;
        loop_type: string;
      }[];
      expect(loops.find(({ loop_type }) => loop_type === "code")?.type_name).toBe("refactor");
    });
  }, 60_000);
});

test("levels of any depth, types of one's own in between; models for each purpose from the configuration", () => {
  const handler: Handler = (request, n) => {
    if (request.turn > 0) return [text("Done.")];
    if (request.tools.includes("verdict")) return [tool("verdict", { pass: true, reasons: ["clear"] })];
    if (request.tools.includes("create_spec"))
      return [
        tool("create_spec", {
          title: "s",
          summary: "s",
          phases: [{ name: "one", description: "all of it" }],
        }),
      ];
    if (request.tools.includes("create_phase"))
      return [tool("create_phase", { title: "p", instructions: "do it" })];
    return solving(request, n);
  };
  return withRuns(handler, async (bed) => {
    writeUserConfig(
      bed.home,
      "judge: { spec: off, phase: gate }\nllm: { models: { spec: for-specs, phase: for-phases, judge: for-judging } }\n",
    );
    put(bed, "loops/design.yml", "extends: spec\nmodel: for-design\nchildren: [phase]\njudge: shadow\n");
    const result = await bed.loopr([...run, "--levels", "spec,spec,design,phase,code", "Greet"], {
      deadlineMs: 50_000,
    });
    expect(result).toMatchObject({ code: 0 });
    const models = bed.server.requests.filter(({ turn }) => turn === 0).map(({ model }) => model);
    expect(models).toEqual([
      ...["for-specs", "for-specs", "for-design", "for-judging"],
      ...["for-phases", "for-judging", "claude-sonnet-5-5"],
    ]);
    const wrong = await bed.loopr([...run, "--levels", "design,code", "Greet"]);
    expect(wrong.code).toBe(2);
    expect(wrong.stdout).toContain("has code below design; below it may come phase");
    const unknown = await bed.loopr([...run, "--levels", "plan,desing,code", "Greet"]);
    expect(unknown.stdout).toContain("there are code, design, phase, plan, spec");
  });
}, 60_000);

test(
  "prompts export writes what counts then, and never over what is there; a wrong template starts no run",
  () =>
    withRuns(solving, async (bed) => {
      const { home, loopr, server } = bed;
      const exported = await loopr(["prompts", "export", "code", "--json"]);
      const path = join(home.userHome, ".config", "loopr", "prompts", "code.md");
      expect(json(exported)).toEqual({ written: [path] });
      expect((await loopr(["prompts", "list"])).stdout).toContain(path);
      expect((await loopr(["prompts", "export"])).stderr).toContain("exists already");
      expect(await loopr(["prompts", "export", "--dir", "elsewhere"])).toMatchObject({ code: 0 });
      expect(await loopr([...run, "--depth", "code", "Greet"])).toMatchObject({ code: 0 });
      writeFileSync(path, "System\n---\n{{task}}\n{{contxt}}\n{{feedback}}\n");
      const asked = server.requests.length;
      const refused = await loopr([...run, "--depth", "code", "Greet"]);
      expect(refused.code).toBe(2);
      expect(refused.stdout).toContain("code.md:4: unknown placeholder {{contxt}}");
      expect(server.requests).toHaveLength(asked);
    }),
  60_000,
);

test("the command of a type counts on top of a target that has moved, and verify runs it again", () => {
  const files = {
    ".loopr/loops/refactor.yml":
      "extends: code\nlimits: { iterations: 1 }\nvalidation: { command: test ! -e zz }\n",
  };
  return withRuns(
    solving,
    async ({ repo, loopr }) => {
      expect(await loopr(["trust"])).toMatchObject({ code: 0 });
      const ended = await loopr([...run, "--depth", "refactor", "--no-merge", "Greet"]);
      expect(ended).toMatchObject({ code: 0 });
      const id = String(json(ended)["id"]);
      repo.write("other", "x\n");
      repo.git("add", "other");
      repo.git("commit", "-q", "-m", "Person's");
      expect(await loopr(["merge", id])).toMatchObject({ code: 0 });
      expect(await loopr(["verify", "HEAD", "--json"])).toMatchObject({ code: 0 });
      const verified = json(await loopr(["verify", "HEAD", "--json"]));
      expect(verified).toMatchObject({
        same: true,
        checks: [
          { recorded: { command: "sh test.sh", stage: "final" }, result: { exit_code: 0 } },
          { recorded: { command: "test ! -e zz", stage: "final" }, result: { exit_code: 0 } },
        ],
      });
      const note = repo.git("notes", "--ref=loopr", "show", "HEAD").replaceAll("test ! -e zz", "true");
      repo.git("notes", "--ref=loopr", "add", "-f", "-m", note, "HEAD");
      const forged = await loopr(["verify", "HEAD", "--json"]);
      expect(forged.code).toBe(1);
      expect(json(forged)["error"]).toMatchObject({ code: "evidence_mismatch" });

      repo.write("greet.sh", '#!/bin/sh\necho "hello"\n');
      repo.git("commit", "-q", "-a", "-m", "Again without the world");
      const second = await loopr([...run, "--depth", "refactor", "--no-merge", "Greet"]);
      expect(second).toMatchObject({ code: 0 });
      repo.write("zz", "x\n");
      repo.git("add", "zz");
      repo.git("commit", "-q", "-m", "What the type forbids");
      const main = repo.git("rev-parse", "main");
      // It goes back to its loop, which cannot mend it: the target stays where the person has put it.
      const refused = await loopr(["merge", String(json(second)["id"])]);
      expect(refused.code).not.toBe(0);
      expect(repo.git("rev-parse", "main")).toBe(main);
    },
    { files: { ...sampleFiles, ...files } },
  );
}, 90_000);

test("what an earlier type asks holds at every later integration, and is asked again by undo", () => {
  const files = {
    ".loopr/loops/refactor.yml": "extends: code\nvalidation: { command: test ! -e zz }\n",
    ".loopr/loops/docs.yml": "extends: code\nvalidation: { command: test -f more.txt }\n",
  };
  const specs = [
    { name: "first", description: "Greet", type: "refactor" },
    { name: "second", description: "Second", type: "docs", depends_on: ["first"] },
  ];
  const handler: Handler = (request, n) => {
    if (request.turn > 0) return [text("Done.")];
    if (request.tools.includes("create_plan"))
      return [tool("create_plan", { title: "P", summary: "s", specs })];
    if (!request.prompt.includes("<task>\nSecond")) return solving(request, n);
    const sentBack = request.prompt.includes("`test ! -e zz` failed");
    return [tool("run_command", { command: sentBack ? "rm zz" : "touch zz more.txt" })];
  };
  return withRuns(
    handler,
    async ({ repo, loopr }) => {
      expect(await loopr(["trust"])).toMatchObject({ code: 0 });
      const merged = json(await loopr([...run, "Greet"]));
      expect(merged).toMatchObject({ run_state: "merged", iterations: 4 });
      const id = String(merged["id"]);
      const stages = (json(await loopr(["evidence", id, "--json"]))["checks"] as Checked[]).map(
        ({ stage, command, passed }) => `${stage}: ${command}: ${passed}`,
      );
      expect(stages).toContain("integration: test ! -e zz: false");
      expect(stages.slice(-3)).toEqual([
        "integration: sh test.sh: true",
        "integration: test ! -e zz: true",
        "integration: test -f more.txt: true",
      ]);
      expect(json(await loopr(["verify", "HEAD", "--json"]))["checks"]).toHaveLength(3);

      // What passed before the run has to pass without it; what failed before it, only its work had.
      repo.write("zz", "x\n");
      repo.git("add", "zz");
      repo.git("commit", "-q", "-m", "What the type forbids");
      const refused = json(await loopr(["undo", id, "--json"]));
      expect(JSON.stringify(refused["error"])).toMatch(/undo_check_failed.*`test ! -e zz`/);
      repo.git("rm", "-q", "zz");
      repo.git("commit", "-q", "-m", "Gone again");
      expect(await loopr(["undo", id])).toMatchObject({ code: 0 });
      expect(repo.read("greet.sh")).toBe(sampleFiles["greet.sh"]);
    },
    { files: { ...sampleFiles, ...files } },
  );
}, 90_000);
