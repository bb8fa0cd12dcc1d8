// kill -9 of the daemon at its n-th step of the end of a run whose target has moved: the branch goes on top of it, with
// commits squashed anew or sent back to be mended, then the plan is committed and all is merged.
import { expect } from "bun:test";
import { join } from "node:path";
import { until } from "./harness.ts";
import { hang, text, tool, type Handler } from "./model-server.ts";
import { json, leftWorktrees, plainPlans, withRuns, writeUserConfig, type RunBed } from "./runs.ts";
import { wire } from "./wire.ts";

/** What the moved target asks beside, and what the run's commits are then. */
export const movedTargets = {
  squashed: {
    rule: '[ "$(cat a.txt)" = a ] || [ "$(cat b.txt)" = B ]',
    subjects: ["A new rule", "a; b", "c", 'Plan of "Louder"'],
    a: "A",
  },
  "sent back": {
    rule: '[ "$(cat a.txt)" = a ] || [ "$(cat a.txt)" = AA ]',
    subjects: ["A new rule", 'a; b; c; Plan of "Louder"'],
    a: "AA",
  },
} as const;
export type MovedTarget = keyof typeof movedTargets;

const letters = ["a", "b", "c"];
const files = { "a.txt": "a\n", "b.txt": "b\n", "c.txt": "c\n", "test.sh": "! grep -q broken *.txt\n" };
const plan = {
  title: "Louder",
  summary: "Louder.",
  specs: letters.map((name) => ({
    name,
    description: `Make ${name}.txt loud`,
    depends_on: [],
    level: "code",
  })),
};
const run = ["run", "--check", "sh test.sh", "--levels", "plan,code", "Louder", "--yes", "--json"];
const settings =
  "git: { divergence: continue, commit_artifacts: true }\nconcurrency: { loops: 1, model_calls: 1 }\n";

interface Status {
  run_state: string | null;
  failure: { code: string; message: string } | null;
  waiting_for: string | null;
}

/** Kills at step n and sees the run through. Returns false where the run had ended before step n. */
export async function killEndAtStep(n: number, target: MovedTarget): Promise<boolean> {
  let killed = false;
  let mayEnd = false;
  const handler: Handler = (request) => {
    if (request.tools.includes("create_plan"))
      return request.turn === 0 ? [tool("create_plan", plan)] : [text("Done.")];
    const letter = /<task>\nMake (\w)\.txt/.exec(request.prompt)?.[1] ?? "?";
    if (request.turn > 0) return letter === "c" && !mayEnd ? hang() : [text("Done.")];
    const loud = letter.toUpperCase();
    const content = request.prompt.includes("moved on") ? `${loud}${loud}\n` : `${loud}\n`;
    return [tool("write_file", { path: `${letter}.txt`, content })];
  };
  await withRuns(
    handler,
    async (bed) => {
      try {
        await beforeTheEnd(bed, target);
        mayEnd = true;
        killed = await killAndSeeThrough(n, bed, target);
      } catch (error) {
        throw new Error(`${target}, step ${n}`, { cause: error });
      }
    },
    { files },
  );
  return killed;
}

/** The last loop waits for its last answer, the target has moved, and no daemon runs. */
async function beforeTheEnd({ home, repo, env, server, loopr }: RunBed, target: MovedTarget): Promise<void> {
  writeUserConfig(home, plainPlans + settings);
  const client = home.start(run, { cwd: repo.dir, env });
  // Two turns of the plan and of each letter.
  await until(() => server.requests.length === 8, 30_000, "the last turn of the last loop");
  client.kill("SIGKILL");
  await client.wait();
  repo.write("test.sh", `${files["test.sh"].trim()} && { ${movedTargets[target].rule}; }\n`);
  repo.git("commit", "-qam", "A new rule");
  expect(await loopr(["daemon", "stop"])).toMatchObject({ code: 0 });
}

async function killAndSeeThrough(n: number, bed: RunBed, target: MovedTarget): Promise<boolean> {
  const { home, repo, loopr } = bed;
  const base = repo.git("rev-parse", "main~1");
  const started = await loopr(["daemon", "start"], { env: { LOOPR_DEBUG_KILL_AT: String(n) } });
  const pid = home.daemonPid();
  const { loops } = json(await loopr(["list", "--json"])) as { loops: { id: string; root_id: string }[] };
  const id = loops[0]?.root_id ?? "";
  const ended = await until(
    async () => {
      const status = json(await loopr(["status", id, "--json"])) as unknown as Status;
      return status.run_state === "merged" || status.waiting_for !== null ? status : null;
    },
    60_000,
    "the run to end",
  );
  expect(ended).toMatchObject({ run_state: "merged", failure: null, waiting_for: null });
  await expectUndisturbedEnd(bed, id, { base, target });
  await until(() => leftWorktrees(home, repo).length === 0, 30_000, "the worktrees to be gone");
  return started.code !== 0 || home.daemonPid() !== pid;
}

/** Every change once, checked, with the plan on top; the checkout clean and at the end. */
async function expectUndisturbedEnd(
  { home, repo, loopr, server }: RunBed,
  id: string,
  { base, target }: { base: string; target: MovedTarget },
): Promise<void> {
  const { subjects, a } = movedTargets[target];
  const history = repo.git("log", "--reverse", "--format=%s", `${base}..main`).split("\n");
  expect(history).toEqual([...subjects]);
  expect(letters.map((letter) => repo.read(`${letter}.txt`))).toEqual([`${a}\n`, "B\n", "C\n"]);
  expect(repo.git("ls-files", ".loopr").split("\n")).toHaveLength(1);
  expect(repo.git("status", "--porcelain")).toBe("");
  const branch = repo.git("for-each-ref", "--format=%(objectname)", "refs/heads/loopr");
  expect(branch).toBe(repo.git("rev-parse", "main"));
  const trailer = "%(trailers:key=Loopr-Loop,valueonly)";
  const named = repo.git("log", `--format=${trailer}`, `${base}..main`).split("\n").filter(Boolean);
  expect(named.toSorted()).toEqual([id, ...letters.map((_, at) => `${id}-00${at + 1}`)]);
  for (const commit of repo.git("rev-list", `${base}..main~0`).split("\n").slice(0, -1))
    expect(await loopr(["verify", commit])).toMatchObject({ code: 0 });
  // The turn that was interrupted may be asked again, by the stop before the end and by the kill.
  const undisturbed = target === "sent back" ? 10 : 8;
  expect(server.requests.length).toBeGreaterThanOrEqual(undisturbed);
  expect(server.requests.length).toBeLessThanOrEqual(undisturbed + 2);
  expect(server.refused).toEqual([]);
  const connection = await wire(join(home.dir, "daemon.sock"));
  try {
    await connection.call("subscribe", { since: 0 });
    await connection.next(({ event }) => event === "merge.completed");
    const merged = connection.messages.filter(({ event }) => event === "merge.completed");
    expect(merged).toHaveLength(1);
  } finally {
    connection.close();
  }
}
