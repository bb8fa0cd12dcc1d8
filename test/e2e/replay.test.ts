// loopr replay: a loop run anew from the middle, with another model; the original stays as it is.
import { expect, test } from "bun:test";
import { until } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { goodGreet, json, leftWorktrees, withRuns } from "../support/runs.ts";

const plan = {
  title: "Greet",
  summary: "Say more.",
  specs: [{ name: "greet", description: "Greet the world" }],
};
/** The first iteration leaves a trace and is wrong; the second one puts it right. */
const handler: Handler = ({ turn, tools, prompt }) => {
  if (turn > 0) return [text("Done.")];
  if (tools.includes("create_plan")) {
    return [tool("create_plan", prompt.includes("louder") ? { ...plan, title: "Greet loudly" } : plan)];
  }
  if (prompt.includes("<feedback")) return [tool("write_file", { path: "greet.sh", content: goodGreet })];
  return [tool("write_file", { path: "trace.txt", content: "first\n" })];
};

test("a code loop from its second iteration: same tree, feedback and context, another model", async () => {
  await withRuns(handler, async ({ home, repo, server, loopr }) => {
    const levels = ["--levels", "plan,code", "--check", "sh test.sh"];
    const first = json(await loopr(["run", ...levels, "Greet", "--yes", "--no-merge", "--json"]));
    const id = String(first["id"]);
    const child = `${id}-001`;
    const before = await loopr(["status", child, "-d", "--json"]);
    const main = repo.git("rev-parse", "main");
    const asked = server.requests.length;

    const args = ["replay", child, "--from", "2", "--model", "another-model"];
    const replayed = await loopr([...args, "--json"]);
    expect(replayed).toMatchObject({ code: 0 });
    const other = String(json(replayed)["id"]);
    expect(other).not.toBe(id);
    expect(json(replayed)).toMatchObject({ run_state: "verified" });
    const requests = server.requests.slice(asked);
    expect(requests).toHaveLength(2);
    for (const { body } of requests) expect(body).toMatchObject({ model: "another-model" });
    const prompt = requests[0]?.prompt ?? "";
    for (const part of [
      '<context title="plan: Greet">',
      "<task>\nGreet the world",
      '<feedback iteration="1" layer="check">',
      "FAIL: greet said hello",
    ]) {
      expect(prompt).toContain(part);
    }
    const branch = String(json(await loopr(["status", other, "--json"]))["branch"]);
    expect(repo.git("show", `${branch}:trace.txt`)).toBe("first");
    expect(repo.git("log", "-1", "--format=%B", branch)).toContain(
      `Loopr-Loop: ${other}\nLoopr-Iteration: 2`,
    );
    const shown = (await loopr(["status", other, "-d"])).stdout;
    expect(shown).toMatch(/replay +of \w+\.001 from iteration 2/);
    // What was before is shown with what it had cost, and this run has not paid for it.
    expect(shown).toMatch(/1\. did not pass .*, <?\$0\.\d*[1-9]\d*, paid for by \w+\.001,/);
    const [copied, own] = json(await loopr(["status", other, "--json", "-d"]))["iteration_records"] as {
      cost_usd: number;
    }[];
    expect(copied?.cost_usd).toBeGreaterThan(0);
    expect(json(replayed)["cost_usd"]).toBe(own?.cost_usd);

    // The original is untouched, and so is the target.
    const after = await loopr(["status", child, "-d", "--json"]);
    expect(after.stdout).toBe(before.stdout);
    expect(repo.git("rev-parse", "main")).toBe(main);
    expect(leftWorktrees(home, repo)).toEqual([]);

    // From the first: nothing of the original's work is there.
    expect(await loopr(["replay", child, "--from", "1", "--json"])).toMatchObject({ code: 0 });
    expect(server.requests[asked + 2]?.prompt).not.toContain("<feedback");
    for (const [from, code, message] of [
      ["3", 1, "has no iteration 3; it has 1 to 2"],
      ["0", 2, "not a whole number above 0"],
    ] as const) {
      const refused = await loopr(["replay", child, "--from", from]);
      expect(refused.code).toBe(code);
      expect(refused.stderr).toContain(message);
    }
    for (const ref of repo.git("for-each-ref", "--format=%(refname)", "refs/loopr").split("\n")) {
      repo.git("update-ref", "-d", ref);
    }
    repo.git("gc", "-q", "--prune=now");
    const gone = await loopr(["replay", child, "--from", "2"]);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toContain("is no longer in the repository");
  });
}, 60_000);

test("a plan from before its second iteration sees its first version and what the person said", async () => {
  await withRuns(handler, async ({ server, loopr }) => {
    const created = json(await loopr(["plan", "--check", "sh test.sh", "Greet", "--wait", "--json"]));
    const id = String(created["id"]);
    expect(await loopr(["iterate", id, "-m", "louder, please"])).toMatchObject({ code: 0 });
    const again = async () => json(await loopr(["status", id, "--json"]));
    await until(async () => (await again())["title"] === "Greet loudly", 20_000, "the second version");
    const asked = server.requests.length;
    const replayed = await loopr(["replay", id, "--from", "2", "--json"]);
    expect(replayed).toMatchObject({ code: 6 }); // it waits at the gate, as the original did
    const prompt = server.requests[asked]?.prompt ?? "";
    expect(prompt).toContain("louder, please");
    expect(prompt).toContain("your plan as you handed it in last");
    expect(await again()).toMatchObject({ status: "awaiting_approval", iteration: 2 });
    const other = String(json(replayed)["id"]);
    expect((await loopr(["status", other])).stdout).toContain("(version 2)");
  });
}, 60_000);
