// Bounds on money, tokens and time: a run pauses before it passes them, says so, and goes on when a person lets it.
import { describe, expect, test } from "bun:test";
import { hang, text, tool, turn, type Handler } from "../support/model-server.ts";
import {
  goodGreet,
  json,
  plainPlans,
  sampleFiles,
  withRuns,
  writeUserConfig,
  type RunBed,
} from "../support/runs.ts";

const write = tool("write_file", { path: "greet.sh", content: goodGreet });
const run = ["run", "--depth", "code", "--check", "sh test.sh", "Greet the world", "--yes", "--json"];

function configure({ home }: RunBed, limits: string): void {
  writeUserConfig(home, `${plainPlans}limits: { ${limits} }\n`);
}

describe("money", () => {
  test("too little for one call: none is made, exit 6; a raised bound and resume bring the run to its end", async () => {
    const handler: Handler = (request) => (request.turn === 0 ? write : [text("Done.")]);
    await withRuns(handler, async ({ repo, server, loopr }) => {
      const result = await loopr([...run, "--budget", "0.0001"]);
      expect(result.code).toBe(6);
      expect(server.requests).toHaveLength(0);
      const id = String(json(result)["id"]);
      const status = json(await loopr(["status", id, "--json"]));
      expect(status).toMatchObject({ waiting_for: "budget", cost_usd: 0 });
      expect(status["failure"]).toMatchObject({ code: "budget_run_usd" });
      expect(JSON.stringify(status["failure"])).toContain("is left");

      for (const wrong of [["--add", "-1"], ["--tokens", "1.5"], ["--minutes", ""], []])
        expect(await loopr(["budget", id, ...wrong])).toMatchObject({ code: 2 });
      const none = await loopr(["budget", id, "--tokens", "10"]);
      expect(none).toMatchObject({ code: 1 });
      expect(none.stderr).toContain("has no bound on tokens");
      const raised = json(await loopr(["budget", id, "--add", "5", "--json"]));
      expect(raised).toMatchObject({ id, cost_usd: 0, budget_usd: 5.0001 });
      expect((await loopr(["status", id])).stdout).toMatch(
        /bounds .* of at most 120 minutes\n.*\$0 of at most \$5/,
      );
      expect(repo.read("greet.sh")).toBe(sampleFiles["greet.sh"]);
      expect(await loopr(["resume", id])).toMatchObject({ code: 0 });
      expect(await loopr(["watch", id])).toMatchObject({ code: 0 });
      expect(repo.read("greet.sh")).toBe(goodGreet);
      // The person's raise was enough: resume has granted nothing beside it.
      const { bounds } = json(await loopr(["status", id, "--json"])) as {
        bounds: { owner: string | null; kind: string; limit: number }[];
      };
      const ofRun = bounds.find(({ owner, kind }) => owner === null && kind === "usd");
      expect(ofRun?.limit).toBe(5.0001);
      // Merged, it spends nothing any more.
      const over = await loopr(["budget", id, "--add", "1", "--json"]);
      expect(over).toMatchObject({ code: 1 });
      expect(over.stderr + over.stdout).toContain(`run ${id} is merged: its bounds cannot be raised`);
    });
  });

  test("the last answer is only as long as what is left pays for; cut short it is not worked with", async () => {
    /** 10,000 tokens of an answer cost 10 cents. */
    const handler: Handler = (request) =>
      request.turn === 0
        ? turn([write], { usage: { input_tokens: 1000, output_tokens: 3000 } })
        : turn([text("I was going to say")], {
            stop: "max_tokens",
            usage: { input_tokens: 1000, output_tokens: 100 },
          });
    await withRuns(handler, async ({ repo, server, loopr }) => {
      const result = await loopr([...run, "--budget", "0.1"]);
      expect(json(result)).toMatchObject({ run_state: "paused", failure: { code: "budget_run_usd" } });
      const [first, second, third] = server.requests;
      expect(first?.body.max_tokens).toBe(8192);
      expect(second?.body.max_tokens).toBeLessThan(7000);
      expect(third).toBeUndefined();
      expect(Number(json(result)["cost_usd"])).toBeLessThan(0.1);
      expect(repo.read("greet.sh")).toBe(sampleFiles["greet.sh"]);
    });
  });

  test("children draw on their parent's: two of them cannot each spend what it has", async () => {
    const plan = {
      title: "Two",
      summary: "Two.",
      specs: ["a", "b"].map((name) => ({ name, description: `Make ${name}`, depends_on: [], level: "code" })),
    };
    const handler: Handler = (request) =>
      request.tools.includes("create_plan")
        ? turn([request.turn === 0 ? tool("create_plan", plan) : text("Done.")], {})
        : turn([tool("run_command", { command: `echo ${request.turn}` })], {
            usage: { input_tokens: 100_000, output_tokens: 1_000 },
          });
    await withRuns(handler, async (bed) => {
      configure(bed, "usd: 1, run_usd: 100");
      const result = await bed.loopr([
        "run",
        "--levels",
        "plan,code",
        "--check",
        "true",
        "Two",
        "--yes",
        "--json",
      ]);
      expect(result.code).toBe(6);
      expect(json(result)).toMatchObject({ run_state: "paused" });
      const cost = Number(json(result)["cost_usd"]);
      expect(cost).toBeGreaterThan(0.5);
      // A call of 21 cents whose prompt looked short beforehand is the most that each can be over.
      expect(cost).toBeLessThan(1 + 2 * 0.22);
      const loops = json(await bed.loopr(["list", "--json"]))["loops"] as {
        failure: { code: string } | null;
      }[];
      expect(loops.map(({ failure }) => failure?.code ?? "").toSorted()).toEqual([
        "",
        "budget_usd",
        "budget_usd",
      ]);
    });
  });
});

describe("tokens and minutes", () => {
  test("of the whole run: paused with the bound's name; budget and resume let it go on", async () => {
    const handler: Handler = (request) => (request.turn === 0 ? write : [text("Done.")]);
    await withRuns(handler, async (bed) => {
      configure(bed, "run_tokens: 500");
      const result = await bed.loopr(run);
      expect(result.code).toBe(6);
      expect(json(result)["failure"]).toMatchObject({ code: "budget_run_tokens" });
      const id = String(json(result)["id"]);
      expect(await bed.loopr(["budget", id, "--tokens", "1000000"])).toMatchObject({ code: 0 });
      expect(await bed.loopr(["resume", id])).toMatchObject({ code: 0 });
      expect(await bed.loopr(["watch", id])).toMatchObject({ code: 0 });
    });
  });

  for (const limit of ["minutes: 0.02", "run_minutes: 0.02"])
    test(`${limit}: a call that does not end is ended, and time at the pause does not count`, async () => {
      let answers = false;
      const handler: Handler = (request) =>
        answers ? (request.turn === 0 ? write : [text("Done.")]) : hang();
      await withRuns(handler, async (bed) => {
        configure(bed, limit);
        const result = await bed.loopr(run);
        expect(result.code).toBe(6);
        const code = limit.startsWith("run") ? "budget_run_minutes" : "budget_minutes";
        expect(json(result)).toMatchObject({ run_state: "paused", failure: { code } });
        const id = String(json(result)["id"]);
        const usedBefore = json(await bed.loopr(["status", id, "--json"]))["bounds"];
        answers = true;
        expect(json(await bed.loopr(["status", id, "--json"]))["bounds"]).toEqual(usedBefore);
        expect(await bed.loopr(["budget", id, "--minutes", "10"])).toMatchObject({ code: 0 });
        expect(await bed.loopr(["resume", id])).toMatchObject({ code: 0 });
        expect(await bed.loopr(["watch", id])).toMatchObject({ code: 0 });
      });
    });
});

test("a parent whose child has used up its iterations does not look complete; what resumes the child mends it", async () => {
  let knows = false;
  const handler: Handler = ({ turn, tools }) => {
    if (turn > 0) return [text("Done.")];
    if (tools.includes("create_plan"))
      return [
        tool("create_plan", { title: "P", summary: "s", specs: [{ name: "one", description: "do it" }] }),
      ];
    if (tools.includes("create_phase")) return [tool("create_phase", { title: "p", instructions: "do it" })];
    return [knows ? write : tool("write_file", { path: "greet.sh", content: "echo no\n" })];
  };
  await withRuns(handler, async (bed) => {
    configure(bed, "retries: 0, iterations: { code: 1 }");
    const levels = ["--levels", "plan,phase,code", "--check", "sh test.sh"];
    const failed = await bed.loopr(["run", ...levels, "Greet", "--yes", "--json"]);
    expect(failed.code).toBe(1);
    expect(json(failed)).toMatchObject({ run_state: "failed", failure: { code: "iterations_used_up" } });
    const phase = `${String(json(failed)["id"])}-001`;
    expect(json(await bed.loopr(["status", phase, "--json"]))).toMatchObject({
      status: "complete", // of its own artifact
      failure: { code: "child_failed" },
    });
    const shown = (await bed.loopr(["status", phase])).stdout;
    expect(shown).toMatch(/state +failed/);
    expect(shown).toMatch(/code ".*" below it has failed: 1 iterations were not enough/);
    expect((await bed.loopr(["list"])).stdout).toMatch(/\.001 +phase +failed/);
    knows = true;
    expect(await bed.loopr(["resume", phase])).toMatchObject({ code: 0 });
    expect(await bed.loopr(["watch", String(json(failed)["id"])])).toMatchObject({ code: 0 });
    expect(json(await bed.loopr(["status", phase, "--json"]))).toMatchObject({ failure: null });
  });
}, 60_000);
