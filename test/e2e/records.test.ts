// Records have an end: by age and by size those of ended runs go, and what is left says so.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { until, type Home } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { goodGreet, json, withRuns } from "../support/runs.ts";

const handler: Handler = ({ turn, tools }) => {
  if (turn > 0) return [text("Done.")];
  if (!tools.includes("create_plan")) return [tool("write_file", { path: "greet.sh", content: goodGreet })];
  return [tool("create_plan", { title: "P", summary: "s", specs: [{ name: "one", description: "do one" }] })];
};

function recordsOf(home: Home, id: string): string {
  const projects = join(home.dir, "projects");
  return join(projects, readdirSync(projects)[0] ?? "", "records", id);
}

test("by size and by age the records of ended runs go, the newest excepted; what waits keeps its own", async () => {
  await withRuns(handler, async ({ home, repo, loopr }) => {
    const run = async (...args: string[]) =>
      String(json(await loopr(["run", "--depth", "code", "--yes", "--json", ...args]))["id"]);
    const failed = await run("--check", "false", "--max-iterations", "1", "Impossible");
    const merged = await run("--check", "sh test.sh", "Greet");
    const waiting = (await loopr(["plan", "--wait", "--check", "sh test.sh", "Plan it"])).stdout.trim();
    const refs = repo.git("for-each-ref");
    for (const id of [failed, merged, waiting]) expect(existsSync(recordsOf(home, id))).toBe(true);

    const config = join(home.userHome, ".config", "loopr");
    mkdirSync(config, { recursive: true });
    const restartWith = async (yaml: string) => {
      writeFileSync(join(config, "loopr.yml"), yaml);
      await home.ok(["daemon", "restart"]);
    };
    await restartWith("records: { max_mb: 0.000001, keep_runs: 1 }\n");
    await until(() => !existsSync(recordsOf(home, failed)), 20_000, "the oldest records to go");
    expect(existsSync(recordsOf(home, merged))).toBe(true);

    await restartWith("records: { keep_days: 0.000001, keep_runs: 0 }\n");
    await until(() => !existsSync(recordsOf(home, merged)), 20_000, "the others to go by age");
    expect(existsSync(recordsOf(home, waiting))).toBe(true);
    expect(repo.git("for-each-ref")).toBe(refs);

    const logs = await loopr(["logs", failed, "--iteration", "1"]);
    expect(logs.code).toBe(1);
    expect(logs.stderr).toMatch(/the records of \w+ were removed on \d{4}-\d\d-\d\d/);
    expect(logs.stderr).toContain("records.keep_days");
    expect((await loopr(["status", merged, "-d"])).stdout).toContain("its record was removed");
    expect((await loopr(["logs", waiting])).stdout).toContain("create_plan");
    const exported = json(await loopr(["export", merged]));
    expect(exported["files"]).toEqual([]);
    const events = exported["events"] as { event: string; data: { bytes: number } }[];
    expect(events.find(({ event }) => event === "records.pruned")?.data.bytes).toBeGreaterThan(0);
    // What is left is enough to go on with it.
    expect(await loopr(["undo", merged])).toMatchObject({ code: 0 });
  });
}, 60_000);
