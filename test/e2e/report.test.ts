// loopr report: the morning after.
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text, tool, turn, type Handler } from "../support/model-server.ts";
import { goodGreet, json, withRuns } from "../support/runs.ts";
import { wire } from "../support/wire.ts";

const handler: Handler = ({ turn, tools, prompt }) => {
  if (turn > 0) return [text("Done.")];
  if (tools.includes("create_plan")) {
    return [
      tool("create_plan", {
        title: "A plan",
        summary: "s",
        specs: [{ name: "one", description: "do one" }],
      }),
    ];
  }
  return prompt.includes("Greet")
    ? [tool("write_file", { path: "greet.sh", content: goodGreet })]
    : [tool("write_file", { path: "notes.txt", content: `${prompt.length}\n` })];
};
const code = ["run", "--depth", "code", "--yes", "--json"];

test("merged, failed and why, waiting; each once, and the one next action", async () => {
  await withRuns(handler, async ({ loopr, repo, home }) => {
    expect(json(await loopr(["report", "--json"]))).toMatchObject({ since: 0, merged: [], next: null });
    expect((await loopr(["report"])).stdout).toContain("Nothing has happened.");

    const failing = await loopr([...code, "--check", "false", "--max-iterations", "1", "Impossible"]);
    const failedId = String(json(failing)["id"]);
    const merged = json(await loopr([...code, "--check", "sh test.sh", "Greet the world"]));
    const mergedId = String(merged["id"]);
    const waiting = await loopr(["plan", "--wait", "--check", "sh test.sh", "Plan it"]);
    const planId = waiting.stdout.trim();

    // From elsewhere, and with a time given: that is no look of this project's.
    const old = json(await loopr(["report", "--since", "1h", "--json"]));
    expect(old["cost_usd"]).toBeGreaterThan(0);
    const first = json(await loopr(["report", "--json"]));
    expect(first).toMatchObject({
      merged: [{ id: mergedId, commit: merged["commit"], target: "main", title: "Greet the world" }],
      failed: [{ id: failedId, failure: { code: "iterations_used_up" } }],
      waiting: [{ id: planId, waiting_for: "approval" }],
      running: [],
      next: { id: planId, command: `loopr status ${planId}` },
    });

    // Looked at: what has ended is told once; what waits goes on waiting, over a restart of the daemon too.
    await home.ok(["daemon", "restart"]);
    const second = json(await loopr(["report", "--json"]));
    expect(second).toMatchObject({
      since: first["until"],
      merged: [],
      failed: [],
      waiting: [{ id: planId }],
    });
    expect(second["cost_usd"]).toBe(0);
    expect(await loopr(["reject", planId, "-r", "no"])).toMatchObject({ code: 0 });
    const shown = (await loopr(["report"])).stdout;
    expect(shown).toContain("1 run failed:");
    expect(shown).toContain("the plan was rejected: no");
    expect(shown).toContain("next: loopr status ");

    expect(await loopr(["undo", mergedId])).toMatchObject({ code: 0 });
    const undone = repo.git("rev-parse", "main");
    expect(json(await loopr(["report", "--json"]))).toMatchObject({
      undone: [{ id: mergedId, undone_commit: undone }],
      next: null,
    });
    // Outside of a repository: all projects.
    const all = json(await loopr(["report", "--since", "2w", "--json"], { cwd: home.userHome }));
    expect(all).toMatchObject({ undone: [{ id: mergedId }] });
    expect(await loopr(["report", "--since", "soon"])).toMatchObject({ code: 2 });
  });
}, 60_000);

test("since a moment in the middle of an iteration: what was paid after it, and only ends that came after it", async () => {
  let split = 0;
  const usage = (output_tokens: number) => ({ usage: { input_tokens: 0, output_tokens } });
  const priced: Handler = (request) => {
    if (request.turn === 0)
      return turn([tool("write_file", { path: "greet.sh", content: goodGreet })], usage(300_000));
    split = Date.now(); // the first turn is paid by now, and its iteration goes on
    return turn([text("Done.")], usage(100_000));
  };
  await withRuns(priced, async ({ loopr, repo }) => {
    const merged = json(await loopr([...code, "--check", "sh test.sh", "Greet the world"]));
    const id = String(merged["id"]);
    const whole = Number(merged["cost_usd"]);
    const socket = await wire(String(json(await loopr(["daemon", "status", "--json"]))["socket"]));
    const since = async (at: number) =>
      (await socket.call("report.get", { project: repo.dir, since: at })).result as Record<string, unknown>;
    expect((await since(split - 1_000_000))["cost_usd"]).toBeCloseTo(whole, 6);
    const half = await since(split);
    expect(half["cost_usd"]).toBeCloseTo(whole / 4, 6);
    expect(half).toMatchObject({ merged: [{ id }] });
    expect(half).not.toHaveProperty("warnings");
    const [told] = half["merged"] as { updated_at: number }[];
    const after = await since(told?.updated_at ?? 0);
    expect(after).toMatchObject({ merged: [], cost_usd: 0 });
    socket.close();
  });
}, 60_000);

test("a last look that cannot be used is as if there was none, with a warning; the next one is whole again", async () => {
  await withRuns(handler, async ({ loopr, home }) => {
    const merged = json(await loopr([...code, "--check", "sh test.sh", "Greet the world"]));
    await loopr(["report"]);
    const [hash = ""] = readdirSync(join(home.dir, "projects"));
    const file = join(home.dir, "projects", hash, "last-look.json");
    for (const spoil of [
      () => writeFileSync(file, "garbage"),
      () => writeFileSync(file, '{"at":"yesterday"}'),
      () => truncateSync(file, 3 * 1024 ** 3),
      () => {
        rmSync(file);
        spawnSync("mkfifo", [file]);
      },
    ]) {
      spoil();
      const said = await loopr(["report"]);
      expect(said.code).toBe(0);
      expect(said.stdout).toContain("1 run merged:");
      expect(said.stderr).toMatch(
        /^warning: when you looked last is not known.*last-look\.json cannot be used: /,
      );
      const next = json(await loopr(["report", "--json"]));
      expect(next).toMatchObject({ merged: [] });
      expect(next).not.toHaveProperty("warnings");
    }
    expect(merged["run_state"]).toBe("merged");
  });
}, 60_000);
