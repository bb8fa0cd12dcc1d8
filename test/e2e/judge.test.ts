// The judge of plans, specs and phases: what its word does, and what becomes of a judge without one.
import { describe, expect, test } from "bun:test";
import { until } from "../support/harness.ts";
import { status, text, tool, turn, type Handler, type RecordedRequest } from "../support/model-server.ts";
import { goodGreet, json, withRuns, writeUserConfig, type RunBed } from "../support/runs.ts";

const plan = (summary: string) => ({
  title: "Loud",
  summary,
  specs: [{ name: "loud", description: "Make greet.sh say hello world" }],
});
const isJudge = (request: RecordedRequest) => request.tools.includes("verdict");
const judgeOf = ({ server }: RunBed) => server.requests.filter(isJudge);

/** The loops' own work; the second plan is a better one. */
const working: Handler = (request) => {
  if (request.turn > 0) return [text("Done.")];
  if (!request.tools.includes("create_plan"))
    return [tool("write_file", { path: "greet.sh", content: goodGreet })];
  return [tool("create_plan", plan(request.prompt.includes("<feedback") ? "better" : "vague"))];
};
const judged =
  (judge: Handler): Handler =>
  (request, n) =>
    isJudge(request) ? judge(request, n) : working(request, n);
const refusing: Handler = (request) => {
  const pass = request.prompt.includes("better");
  return turn(
    [tool("verdict", { pass, reasons: [pass ? "it is clear" : "it does not say what loud means"] })],
    {
      usage: { input_tokens: 1000, output_tokens: 100 },
    },
  );
};
const gate = "plan: { passes: 1 }\nllm: { models: { judge: judge-model } }\n";
const planOnly = ["plan", "--check", "sh test.sh", "--levels", "plan,code", "Greet", "--wait", "--json"];

async function statsOf({ loopr }: RunBed): Promise<unknown> {
  return json(await loopr(["judge", "stats", "--json"]))["stats"];
}

describe("gate", () => {
  test(
    "what it refuses goes back with its reasons; verdicts are recorded, paid for and compared",
    () =>
      withRuns(judged(refusing), async (bed) => {
        const { server, loopr, home } = bed;
        writeUserConfig(home, gate);
        const created = await loopr(planOnly);
        expect(created).toMatchObject({ code: 0 });
        const id = String(json(created)["id"]);
        expect(judgeOf(bed).map(({ model, turn: taken }) => `${model} ${taken}`)).toEqual([
          "judge-model 0",
          "judge-model 0",
        ]);
        expect(judgeOf(bed)[0]?.prompt).toContain('<work type="plan">');
        const second = server.requests.filter((request) => !isJudge(request) && request.turn === 0)[1];
        expect(second?.prompt).toContain('layer="judge"');
        expect(second?.prompt).toContain("it does not say what loud means");
        const empty = { pass_yes: 0, pass_no: 0, fail_yes: 0, fail_no: 0 };
        expect(await statsOf(bed)).toEqual([
          expect.objectContaining({
            type: "plan",
            model: "judge-model",
            verdicts: 2,
            passed: 1,
            failed: 1,
            errors: 0,
          }),
        ]);
        const detail = await loopr(["status", id, "-d"]);
        expect(detail.stdout).toContain("judge");

        // The judge holds the plan to what the person asked for, too.
        expect(await loopr(["iterate", id, "-m", "not so loud"])).toMatchObject({ code: 0 });
        await until(() => judgeOf(bed).length === 3, 20_000, "the judge to be asked again");
        expect(judgeOf(bed)[2]?.prompt).toContain("not so loud");
        await until(
          async () => json(await loopr(["status", id, "--json"]))["status"] === "awaiting_approval",
          20_000,
          "the gate",
        );
        expect(await loopr(["approve", id])).toMatchObject({ code: 0 });
        await until(
          async () => json(await loopr(["status", id, "--json"]))["run_state"] === "verified",
          25_000,
          "verified",
        );
        expect(await statsOf(bed)).toEqual([
          expect.objectContaining({
            person: { ...empty, pass_yes: 1, pass_no: 1 },
            checks: { ...empty, pass_yes: 1 },
          }),
        ]);
        expect((await loopr(["judge", "stats"])).stdout).toContain("agreement");
        // No judge at code: the loop's own turns, and nothing else.
        expect(judgeOf(bed)).toHaveLength(3);
      }),
    60_000,
  );

  test("one that rambles is asked once more, then the run waits for the person; resume asks it alone again", () => {
    let mended = false;
    const rambling: Handler = (request) => {
      if (mended) return [tool("verdict", { pass: true, reasons: ["fine"] })];
      return request.turn === 0 ? [text("Well, it depends.")] : [tool("verdict", { pass: "maybe" })];
    };
    return withRuns(judged(rambling), async (bed) => {
      const { server, loopr, home } = bed;
      writeUserConfig(home, gate);
      const created = await loopr([...planOnly.filter((word) => word !== "--json")]);
      expect(created.code).toBe(6);
      expect(created.stdout + created.stderr).toContain("gave no verdict");
      expect(judgeOf(bed)).toHaveLength(2);
      const [loop] = json(await loopr(["list", "--json"]))["loops"] as { id: string; failure: unknown }[];
      const id = loop?.id ?? "";
      expect(loop).toMatchObject({
        status: "paused",
        waiting_for: "judge",
        failure: { code: "judge_failed" },
      });
      expect(await statsOf(bed)).toEqual([expect.objectContaining({ verdicts: 1, passed: 0, errors: 1 })]);

      mended = true;
      const before = server.requests.length;
      expect(await loopr(["resume", id])).toMatchObject({ code: 0 });
      await until(
        async () => json(await loopr(["status", id, "--json"]))["status"] === "awaiting_approval",
        20_000,
        "the gate",
      );
      expect(server.requests).toHaveLength(before + 1); // the plan itself was not asked for again
      expect(json(await loopr(["status", id, "--json"]))).toMatchObject({ iteration: 1 });
    });
  }, 60_000);
});

test("shadow: verdicts, and a judge that cannot be asked, are recorded and decide nothing", () => {
  const verdicts: Handler = (_request, n) =>
    n % 2 === 0 ? status(400, "no such model") : [tool("verdict", { pass: false, reasons: ["no"] })];
  return withRuns(judged(verdicts), async (bed) => {
    writeUserConfig(bed.home, "plan: { passes: 1 }\njudge: shadow\n");
    const result = await bed.loopr([
      "run",
      "--check",
      "sh test.sh",
      "--levels",
      "plan,code",
      "Greet",
      "--yes",
      "--json",
    ]);
    expect(result).toMatchObject({ code: 0 });
    expect(judgeOf(bed).length).toBeGreaterThan(0);
    const [row] = (await statsOf(bed)) as {
      passed: number;
      failed: number;
      errors: number;
      person: object;
    }[];
    expect((row?.failed ?? 0) + (row?.errors ?? 0)).toBe(1);
    // --yes approved it beforehand: that is nobody's judgement of this plan.
    expect(row?.person).toEqual({ pass_yes: 0, pass_no: 0, fail_yes: 0, fail_no: 0 });
  });
}, 60_000);
