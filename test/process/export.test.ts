// What is on record of a run, read back whole: `loopr export` against its schema, and the diff of one iteration.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RunExport } from "../../src/domain/export.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { goodGreet, json, testKey, withRuns } from "../support/runs.ts";

const containing = (text: string): unknown => expect.stringContaining(text);
const like = (pattern: RegExp): unknown => expect.stringMatching(pattern);

const plan = { title: "Greet", summary: "s", specs: [{ name: "greet the world", description: "Do it" }] };
/** More than two pages of an export. */
const longAnswer = "ü\u0007 long \u2028".repeat(60_000);
/** The second iteration puts right what the first had wrong. */
const twice: Handler = ({ turn, tools, prompt }) => {
  if (tools.includes("create_plan")) return turn > 0 ? [text("Planned.")] : [tool("create_plan", plan)];
  if (turn === 1) return [tool("read_file", { path: "greet.sh" })];
  if (turn > 1) return [text(prompt.includes("<feedback") ? "Done." : longAnswer)];
  const content = prompt.includes("<feedback") ? goodGreet : `echo ${testKey}\n`;
  return [tool("write_file", { path: "greet.sh", content })];
};

test("export holds everything on record, by its schema, without a key; diff --iteration shows one step", async () => {
  await withRuns(twice, async ({ home, repo, loopr }) => {
    const run = await loopr([
      "run",
      "--check",
      "sh test.sh",
      "--levels",
      "plan,code",
      "Greet",
      "--yes",
      "--json",
    ]);
    expect(run).toMatchObject({ code: 0 });
    const id = String(json(run)["id"]);
    const file = join(home.root, "out", "run.json");
    const missing = await loopr(["export", id, "-o", file]);
    expect(missing.stderr).toContain("cannot be written");
    mkdirSync(join(home.root, "out"));
    expect(await loopr(["export", id.slice(-16, -10), "-o", file])).toMatchObject({ code: 0 });
    expect(readdirSync(join(home.root, "out"))).toEqual(["run.json"]);
    expect(statSync(file).mode & 0o777).toBe(0o600);

    const whole = readFileSync(file, "utf8");
    expect(whole.includes(testKey)).toBe(false);
    expect((await home.exec("grep", ["-rlF", testKey, home.dir])).stdout).toBe("");
    const parsed = RunExport.parse(JSON.parse(whole));
    expect(parsed.run).toMatchObject({ id, merged_commit: repo.git("rev-parse", "main") });
    expect(parsed.run.env).toContain("PATH");
    expect(parsed.loops.map(({ loop_type }) => loop_type)).toEqual(["plan", "code"]);
    expect(parsed.artifacts).toMatchObject([
      { loop_id: id, version: 1, author: "model", value: { title: "Greet" } },
    ]);
    const child = `${id}-001`;
    expect(parsed.iterations.filter(({ loop_id }) => loop_id === child)).toMatchObject([
      {
        iteration: 1,
        outcome: "failed",
        layer: "check",
        turns: 3,
        tool_calls: 2,
        diffstat: containing("1 file changed"),
      },
      { iteration: 2, outcome: "passed", commit: like(/^[0-9a-f]{40}$/), tree: like(/^[0-9a-f]{40}$/) },
    ]);
    for (const { cost_usd, tokens_in, tokens_out } of parsed.iterations) {
      expect(Math.min(cost_usd, tokens_in, tokens_out)).toBeGreaterThan(0);
    }
    expect(parsed.evidence.map(({ stage }) => stage)).toEqual([
      "baseline",
      "iteration",
      "iteration",
      "integration",
    ]);
    const record = (iteration: number, name: string) =>
      parsed.files.find((one) => one.loop_id === child && one.iteration === iteration && one.name === name);
    expect(record(1, "prompt.md")).toMatchObject({ text: containing("<task>\nDo it") });
    expect(record(2, "prompt.md")).toMatchObject({ text: containing("FAIL: greet said [key]") });
    expect(record(1, "validation.log")).toMatchObject({ text: containing("FAIL: greet said") });
    expect(record(1, "conversation.jsonl")).toMatchObject({
      messages: [
        { role: "user" },
        { role: "assistant", content: [{ type: "tool_use", name: "write_file" }] },
        { role: "user", content: [{ type: "tool_result" }] },
        { role: "assistant", content: [{ type: "tool_use", name: "read_file" }] },
        { role: "user", content: [{ type: "tool_result", content: containing("[key]") }] },
        { role: "assistant", content: [{ type: "text", text: longAnswer }] },
      ],
    });
    expect(record(1, "output.log")).toMatchObject({ text: containing(longAnswer) });
    const told = parsed.events.map(({ event }) => event);
    expect(told.filter((event) => event === "loop.iteration")).toHaveLength(3);
    expect(told).toContain("merge.completed");

    const again = await loopr(["export", id, "-o", file]);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain("is there already");
    writeFileSync(file, "old");
    expect(json(await loopr(["export", child, "-o", file, "--force", "--json"]))).toMatchObject({ id, file });
    const piped = await loopr(["export", id]);
    expect(RunExport.parse(JSON.parse(piped.stdout)).files).toHaveLength(parsed.files.length);
    expect(existsSync(`${file}.part`)).toBe(false);

    const first = (await loopr(["diff", child, "--iteration", "1"])).stdout;
    expect(first).toContain('-echo "hello"');
    const second = (await loopr(["diff", child, "--iteration", "2"])).stdout;
    expect(second).toContain('+echo "hello world"');
    expect(second).not.toContain('-echo "hello"\n');
    expect((await loopr(["diff", id, "--iteration", "1"])).stderr).toContain("changes no files");
    expect((await loopr(["diff", child, "--iteration", "7"])).stderr).toContain("has no iteration 7");
  });
}, 60_000);
