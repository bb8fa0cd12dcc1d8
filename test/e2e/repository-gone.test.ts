// A repository that is moved away or deleted while a run of it waits.
import { expect, test } from "bun:test";
import { renameSync, rmSync } from "node:fs";
import { until } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { json, withRuns, type RunBed } from "../support/runs.ts";

const plan = {
  title: "A letter",
  summary: "A letter.",
  specs: [{ name: "a", description: "Make a.txt", depends_on: [], level: "code" }],
};
const handler: Handler = (request) => {
  if (request.turn > 0) return [text("Done.")];
  if (request.tools.includes("create_plan")) return [tool("create_plan", plan)];
  return [tool("write_file", { path: "a.txt", content: "a\n" })];
};

/** A plan that waits at the gate. Commands run elsewhere from then on: the repository may be gone. */
async function waitingPlan({ home, loopr, env }: RunBed) {
  const args = ["plan", "--wait", "--check", "true", "--levels", "plan,code", "--json", "Letter"];
  const id = String(json(await loopr(args))["id"]);
  const away = (words: string[]) => home.loopr(words, { cwd: home.userHome, env });
  const status = async () => json(await away(["status", id, "--json"]));
  const stopped = () =>
    until(
      async () => {
        const now = await status();
        return ["paused", "failed"].includes(String(now["run_state"])) ? now : null;
      },
      20_000,
      "the run to stop for its repository",
    );
  return { id, away, status, stopped };
}

test(
  "moved away: the run stops with the reason and what to do; moved back, it is resumed and merged",
  () =>
    withRuns(handler, async (bed) => {
      const { repo } = bed;
      const { id, away, status, stopped } = await waitingPlan(bed);
      renameSync(repo.dir, `${repo.dir}-moved`);
      expect((await away(["approve", id])).code).toBe(0);
      const loops = async () =>
        (
          json(await away(["list", "-a", "--json"]))["loops"] as {
            failure: { message: string; hint: string } | null;
          }[]
        ).flatMap(({ failure }) => failure ?? []);
      await stopped();
      const [failure] = await loops();
      expect(failure?.message).toContain(repo.dir);
      expect(failure?.hint).not.toBe("");
      expect((await away(["daemon", "status"])).code).toBe(0);

      renameSync(`${repo.dir}-moved`, repo.dir);
      expect((await away(["resume", id])).code).toBe(0);
      await until(
        async () => ["verified", "merged"].includes(String((await status())["run_state"])),
        30_000,
        "the run to be verified",
      );
      expect((await bed.loopr(["merge", id])).code).toBe(0);
      expect(repo.read("a.txt")).toBe("a\n");
    }),
  60_000,
);

test(
  "deleted: the run can be cancelled and deleted, and nothing of it is left",
  () =>
    withRuns(handler, async (bed) => {
      const { id, away, stopped } = await waitingPlan(bed);
      rmSync(bed.repo.dir, { recursive: true });
      expect((await away(["approve", id])).code).toBe(0);
      await stopped();
      expect((await away(["cancel", id])).code).toBe(0);
      const deleted = await away(["delete", id]);
      expect([deleted.code, deleted.stderr]).toEqual([0, ""]);
      expect(json(await away(["list", "-a", "--json"]))["loops"]).toEqual([]);
    }),
  60_000,
);
