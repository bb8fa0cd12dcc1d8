// kill -9 of the daemon at every step of a plan that goes through passes and a judge who refuses it once: no pass
// and no verdict is lost or done twice.
import { expect, test } from "bun:test";
import { until } from "../support/harness.ts";
import { text, tool, type Handler, type RecordedRequest } from "../support/model-server.ts";
import { json, withRuns, writeUserConfig } from "../support/runs.ts";

/** Far beyond what a plan takes: the sweep ends when a plan is done before its step. */
const stepsMax = 500;
/** Three passes and a revision of two turns each, and two verdicts. */
const requestsUndisturbed = 10;
/** An interrupted conversation begins again. */
const turnsRepeated = 2;

const plan = (summary: string) => ({
  title: "Loud",
  summary,
  specs: [{ name: "loud", description: "Make greet.sh say hello world" }],
});
const isJudge = (request: RecordedRequest) => request.tools.includes("verdict");
const handler: Handler = (request) => {
  if (isJudge(request)) {
    const pass = request.prompt.includes("mended");
    return [tool("verdict", { pass, reasons: [pass ? "clear" : "vague"] })];
  }
  if (request.turn > 0) return [text("Done.")];
  if (request.prompt.includes("<feedback")) return [tool("create_plan", plan("mended"))];
  if (request.prompt.includes("<pass")) return [tool("accept_plan", { why: "fine" })];
  return [tool("create_plan", plan("first"))];
};
const create = ["plan", "--check", "true", "Greet", "--json"];

async function killAtStep(n: number): Promise<boolean> {
  let killed = false;
  await withRuns(handler, async ({ home, server, loopr }) => {
    writeUserConfig(home, "plan: { passes: [order, final] }\n");
    const started = await loopr(["daemon", "start"], { env: { LOOPR_DEBUG_KILL_AT: String(n) } });
    const pid = home.daemonPid();
    const created = await loopr(create);
    // The command itself may be what the daemon dies under: then it is asked again.
    const loops = async () =>
      until(
        async () =>
          json(await loopr(["list", "--json"]))["loops"] as { id: string; status: string }[] | undefined,
        30_000,
        `a list, step ${n}`,
      );
    if ((await loops()).length === 0) {
      expect(created.code).not.toBe(0);
      expect(await loopr(create)).toMatchObject({ code: 0 });
    }
    await until(
      async () => (await loops())[0]?.status === "awaiting_approval",
      60_000,
      `the gate, step ${n}`,
    );
    const [loop] = await loops();
    const detail = json(await loopr(["status", loop?.id ?? "", "-d", "--json"]));
    const records = detail["iteration_records"] as {
      iteration: number;
      outcome: string;
      pass?: string | null;
      judgements?: { pass: boolean }[];
    }[];
    expect(
      records.map(({ iteration, pass, outcome, judgements }) => {
        const verdicts = (judgements ?? []).map((one) => (one.pass ? "yes" : "no"));
        return [iteration, pass ?? "-", outcome, ...verdicts].join(" ");
      }),
    ).toEqual(["1 draft passed", "2 order passed", "3 final failed no", "4 - passed yes"]);
    expect(server.requests.length).toBeGreaterThanOrEqual(requestsUndisturbed);
    expect(server.requests.length).toBeLessThanOrEqual(requestsUndisturbed + turnsRepeated);
    expect(server.refused).toEqual([]);
    killed = started.code !== 0 || home.daemonPid() !== pid;
  });
  return killed;
}

for (const first of [1, 2]) {
  test.concurrent(
    `every second step from ${first}`,
    async () => {
      let step = first;
      while (step < stepsMax && (await killAtStep(step))) step += 2;
      expect(step).toBeGreaterThan(30);
      expect(step).toBeLessThan(stepsMax);
    },
    900_000,
  );
}
