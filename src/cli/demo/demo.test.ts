// The demo's script against its sample, without a daemon: what should fail fails, what should pass passes.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { planProblems, PlanArtifact } from "../../domain/artifacts.ts";
import { loadScript, type Script, type ScriptEntry } from "../../llm/script-file.ts";
import { isToolName, tools } from "../../tools/catalog.ts";
import { makeSample, sampleCheck } from "./sample.ts";
import { demoScript } from "./script.ts";

let scratch: string;
let directory: string;
let script: Script;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "loopr-sample-"));
  directory = join(scratch, "tally");
  mkdirSync(directory);
  writeFileSync(join(scratch, "script.json"), JSON.stringify(demoScript));
  script = loadScript(join(scratch, "script.json"));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const calls = (entry: ScriptEntry) => entry.turns.flatMap((turn) => turn.tools ?? []);
const check = () => spawnSync("/bin/sh", ["-c", sampleCheck], { cwd: directory, encoding: "utf8" });

/** Does what the tools of an entry would do to the files. */
function play(entry: ScriptEntry | undefined): void {
  for (const { name, input = {} } of entry ? calls(entry) : []) {
    const path = join(directory, String(input["path"]));
    if (name === "write_file") writeFileSync(path, String(input["content"]));
    if (name !== "edit_file") continue;
    const parts = readFileSync(path, "utf8").split(String(input["old_string"]));
    expect(parts).toHaveLength(2);
    writeFileSync(path, parts.join(String(input["new_string"])));
  }
}

test("every call is one that its tool takes, and the plan is sound", () => {
  for (const { name, input } of script.entries.flatMap(calls)) {
    if (!isToolName(name)) throw new Error(name);
    expect(tools[name].parameters.safeParse(input).success).toBe(true);
    if (name === "create_plan") expect(planProblems(PlanArtifact.parse(input))).toEqual([]);
  }
});

test("every code entry belongs to a spec of the plan", () => {
  const plan = script.entries.flatMap(calls).find(({ name }) => name === "create_plan");
  const names = PlanArtifact.parse(plan?.input).specs.map(({ name }) => name);
  const titles = script.entries.filter(({ loop }) => loop === "code").map(({ title }) => title ?? "");
  expect(new Set(titles)).toEqual(new Set(names));
});

test("the sample passes; the first attempt at `top` fails by its own test, the second passes, and so does the rest", async () => {
  await makeSample(directory, { PATH: process.env["PATH"], HOME: directory });
  const git = spawnSync("git", ["status", "--porcelain"], { cwd: directory, encoding: "utf8" });
  expect([git.status, git.stdout]).toEqual([0, ""]);
  expect(check()).toMatchObject({ status: 0, stdout: "2 passed, 0 failed\n" });
  const [, longest, topFirst, topThen, readme] = script.entries;
  play(longest);
  expect(check()).toMatchObject({ status: 0, stdout: "4 passed, 0 failed\n" });
  play(topFirst);
  const failed = check();
  expect(failed.status).toBe(1);
  expect(failed.stdout).toContain("FAILED top ignores upper and lower case: wanted 'the 3'");
  play(topThen);
  expect(check()).toMatchObject({ status: 0, stdout: "6 passed, 0 failed\n" });
  play(readme);
  expect(readFileSync(join(directory, "README.md"), "utf8")).toContain("| top |");
});

test("an unknown command, or one that is a path, is refused", () => {
  for (const name of ["nope", "../test", ""]) {
    const told = spawnSync("./tally", [name], { cwd: directory, encoding: "utf8", input: "" });
    expect(told.status).toBe(2);
    expect(told.stderr).toContain("usage: tally COMMAND");
  }
});
