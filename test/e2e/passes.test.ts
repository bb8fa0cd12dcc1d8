// The Rule of Five: a plan's passes as it goes through them by default, and what becomes of them in the middle.
import { expect, test } from "bun:test";
import { until } from "../support/harness.ts";
import { text, tool, type Handler, type RecordedRequest } from "../support/model-server.ts";
import { json, withRuns, writeUserConfig, type RunBed } from "../support/runs.ts";

const plan = (summary: string) => ({
  title: "Loud",
  summary,
  specs: [{ name: "loud", description: "Make greet.sh say hello world" }],
});
const passIn = ({ prompt }: RecordedRequest) => /<pass name="(\w+)"/.exec(prompt)?.[1] ?? "draft";

/** Mends the plan in the second pass, and accepts it in all others. */
const planning: Handler = (request) => {
  if (request.turn > 0) return [text("Done.")];
  const pass = passIn(request);
  if (pass === "draft") return [tool("create_plan", plan("first"))];
  if (pass === "feasibility") return [tool("create_plan", plan("mended"))];
  return [tool("accept_plan", { why: "nothing to change" })];
};
const planOnly = ["plan", "--check", "sh test.sh", "Greet", "--wait", "--json"];

async function iterationsOf({ loopr }: RunBed, id: string) {
  const detail = json(await loopr(["status", id, "-d", "--json"]));
  return detail["iteration_records"] as { iteration: number; outcome: string; pass: string | null }[];
}

test(
  "five passes, each with a fresh context and the plan so far; all are recorded, none uses up an iteration",
  () =>
    withRuns(planning, async (bed) => {
      const { server, loopr, home } = bed;
      writeUserConfig(home, "judge: off\nlimits: { iterations: { plan: 1 } }\n");
      const created = await loopr(planOnly);
      expect(created).toMatchObject({ code: 0 });
      const asked = server.requests.filter((request) => request.turn === 0);
      expect(asked.map(passIn)).toEqual(["draft", "completeness", "feasibility", "order", "final"]);
      expect(asked.map(({ prompt }) => /first|mended/.exec(prompt)?.[0])).toEqual([
        undefined,
        "first",
        "first",
        "mended",
        "mended",
      ]);
      // What comes before the first message is the same in each: a provider can cache it.
      expect(new Set(asked.map(({ system, tools }) => JSON.stringify([system, tools]))).size).toBe(1);
      const id = String(json(created)["id"]);
      const loop = json(await loopr(["status", id, "--json"]));
      expect(loop).toMatchObject({ status: "awaiting_approval", iteration: 5, max_iterations: 5 });
      const records = await iterationsOf(bed, id);
      expect(records.map(({ pass, outcome }) => `${pass} ${outcome}`)).toEqual(
        ["draft", "completeness", "feasibility", "order", "final"].map((pass) => `${pass} passed`),
      );
      const detail = await loopr(["status", id, "-d"]);
      expect(detail.stdout).toContain("feasibility");

      // Sent back by the person it is mended in one iteration, and waits again.
      expect(await loopr(["iterate", id, "-m", "louder"])).toMatchObject({ code: 0 });
      await until(
        async () => json(await loopr(["status", id, "--json"]))["iteration"] === 6,
        20_000,
        "the sixth",
      );
      await until(
        async () => json(await loopr(["status", id, "--json"]))["status"] === "awaiting_approval",
        20_000,
        "the gate",
      );
      const sixth = server.requests.filter((request) => request.turn === 0).at(-1);
      expect(sixth?.prompt).toContain("louder");
      expect(sixth?.prompt).not.toContain("<pass");
    }),
  60_000,
);

test("a draft cannot be accepted unseen; kill -9 in the middle repeats the pass it interrupted, and no other", () => {
  let held: (() => void) | undefined;
  const holding = new Promise<void>((resolve) => (held = resolve));
  let reached = false;
  const handler: Handler = async (request, n) => {
    if (passIn(request) === "draft" && request.turn === 0)
      return [tool("accept_plan", { why: "I like what I have not seen" })];
    if (passIn(request) === "draft" && request.turn === 1) return [tool("create_plan", plan("first"))];
    if (passIn(request) === "order" && !reached) {
      reached = true;
      await holding;
    }
    return planning(request, n);
  };
  return withRuns(handler, async (bed) => {
    const { server, loopr, home } = bed;
    writeUserConfig(home, "judge: off\nplan: { passes: [order, final] }\n");
    const created = await loopr(planOnly.filter((word) => word !== "--wait"));
    const id = String(json(created)["id"]);
    await until(() => reached, 20_000, "the second pass");
    process.kill(home.daemonPid() ?? 0, "SIGKILL");
    held?.();
    await until(
      async () => json(await loopr(["status", id, "--json"]))["status"] === "awaiting_approval",
      25_000,
      "the gate",
    );
    const asked = server.requests.filter((request) => request.turn === 0).map(passIn);
    expect(asked).toEqual(["draft", "order", "order", "final"]);
    const refused = server.requests.find((request) => request.turn === 1)?.results[0];
    expect(refused).toMatchObject({ isError: true });
    expect(refused?.content).toContain("no plan to accept");
    const records = await iterationsOf(bed, id);
    expect(records.map(({ iteration, pass }) => `${iteration} ${pass}`)).toEqual([
      "1 draft",
      "2 order",
      "3 final",
    ]);
  });
}, 60_000);
