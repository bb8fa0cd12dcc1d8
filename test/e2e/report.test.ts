// loopr report: the morning after.
import { expect, test } from "bun:test";
import { text, tool, type Handler } from "../support/model-server.ts";
import { goodGreet, json, withRuns } from "../support/runs.ts";

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
