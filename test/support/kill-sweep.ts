// kill -9 of the daemon at its n-th step of a complete plan: afterwards the end has to be that of an
// undisturbed run. Steps are store transactions (before and after) and git processes (before).
import { expect } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { commandLine, isAlive, until, type Home, type Repository } from "./harness.ts";
import { text, tool, type Handler } from "./model-server.ts";
import { json, leftWorktrees, withRuns, type RunBed } from "./runs.ts";
import { wire } from "./wire.ts";

const files = {
  "a.sh": "echo a\n",
  "b.sh": "echo b\n",
  "c.sh": "echo c\n",
  "test.sh":
    "#!/bin/sh\nset -e\nfor f in a b c; do sh $f.sh >/dev/null; done\nif grep -q broken ?.sh; then exit 1; fi\necho ok\n",
};
const plan = {
  title: "Louder letters",
  summary: "Make the letters loud.",
  specs: [
    { name: "loud a", description: "Make a.sh print A", depends_on: [], level: "code" },
    { name: "loud b", description: "Make b.sh print B", depends_on: [], level: "code" },
    { name: "loud c", description: "Make c.sh print C", depends_on: ["loud a"], level: "code" },
  ],
};

/** The second letter's first iteration fails its check. */
const handler: Handler = (request) => {
  if (request.turn > 0) return [text("Done.")];
  if (request.tools.includes("create_plan")) return [tool("create_plan", plan)];
  const letter = /<task>\nMake ([abc])\.sh/.exec(request.prompt)?.[1] ?? "?";
  const broken = letter === "b" && !request.prompt.includes("<feedback");
  return [
    tool("write_file", {
      path: `${letter}.sh`,
      content: `echo ${broken ? "broken" : letter.toUpperCase()}\n`,
    }),
  ];
};

const run = ["run", "--check", "sh test.sh", "--levels", "plan,code", "Louder", "--yes", "--json"];

interface Listed {
  id: string;
  title: string;
  loop_type: string;
  status: string;
  run_state: string | null;
  context: { integrated_commit: string | null };
}

/** Kills at step n and sees the run through. Returns false where the run had ended before step n. */
export async function killAtStep(n: number): Promise<boolean> {
  let killed = false;
  await withRuns(
    handler,
    async (bed) => {
      try {
        killed = await killAndSeeThrough(n, bed);
      } catch (error) {
        const log = logTail(bed.home);
        const left = leftWorktrees(bed.home, bed.repo).join("\n");
        throw new Error(`step ${n}: worktrees left:\n${left}\nthe daemon's log:\n${log}`, { cause: error });
      }
    },
    { files },
  );
  return killed;
}

function logTail(home: Home): string {
  return readFileSync(join(home.dir, "logs", "daemon.log"), "utf8")
    .split("\n")
    .slice(-60)
    .join("\n");
}

async function killAndSeeThrough(n: number, { home, repo, server, env, loopr }: RunBed): Promise<boolean> {
  const base = repo.git("rev-parse", "main");
  const started = await loopr(["daemon", "start"], { env: { LOOPR_DEBUG_KILL_AT: String(n) } });
  const pid = home.daemonPid() ?? 0;
  // The client must not start the daemon again with the kill in its environment: it has none.
  const client = home.start(run, { cwd: repo.dir, env });
  const result = await client.wait(60_000);
  const loops = json(await loopr(["list", "--json"]))["loops"] as Listed[];
  const killed = started.code !== 0 || home.daemonPid() !== pid; // list has started another one
  const root = loops.find((loop) => loop.run_state !== null);
  if (root === undefined) {
    // It died before anything was stored: then the person was told, and nothing had begun.
    expect(result.code).not.toBe(0);
    expect(server.requests).toHaveLength(0);
    expect(await loopr(run, { deadlineMs: 60_000 })).toMatchObject({ code: 0 });
  } else if (result.code !== 0) {
    // The creation's answer was lost: the run is there all the same.
    await until(async () => (await stateOf(loopr, root.id)) === "merged", 60_000, "the run to be merged");
  }
  await expectUndisturbedEnd(repo, base);
  await expectEverythingOnce(home, repo, loopr);
  await until(() => leftWorktrees(home, repo).length === 0, 50_000, "the worktrees to be gone");
  // plan 2 turns, a 2, b 4, c 2: the turn that was interrupted may be asked again, of two loops at once.
  expect(server.requests.length).toBeGreaterThanOrEqual(10);
  expect(server.requests.length).toBeLessThanOrEqual(10 + 2);
  expect(server.refused).toEqual([]);
  expectNoOrphans(home);
  return killed;
}

interface IterationRecord {
  iteration: number;
  outcome: string;
}

/** Iterations of an undisturbed run, by the loop's title. */
const iterationsOf: Readonly<Record<string, string[]>> = {
  [plan.title]: ["passed"],
  "loud a": ["passed"],
  "loud b": ["failed", "passed"],
  "loud c": ["passed"],
};

const number = "%(trailers:key=Loopr-Iteration,valueonly,separator=)";

/** Each child, approval, merge, iteration and commit of an iteration: there, and there once. */
async function expectEverythingOnce(home: Home, repo: Repository, loopr: Loopr): Promise<void> {
  const ended = json(await loopr(["list", "--json"]))["loops"] as Listed[];
  expect(ended.map((loop) => loop.status)).toEqual(["complete", "complete", "complete", "complete"]);
  expect(ended.map((loop) => loop.title).toSorted()).toEqual(Object.keys(iterationsOf).toSorted());
  const connection = await wire(join(home.dir, "daemon.sock"));
  try {
    for (const { id, title, loop_type } of ended) {
      const { iterations } = (await connection.call("loop.iterations", { id })).result as {
        iterations: IterationRecord[];
      };
      const expected = iterationsOf[title] ?? [];
      // A failure sent by the integration queue would be another iteration, and nothing here conflicts.
      expect([title, iterations.map(({ outcome }) => outcome)]).toEqual([title, expected]);
      if (loop_type !== "code") continue;
      const log = repo.git(
        "log",
        `--format=%(trailers:key=Loopr-Loop,valueonly,separator=) ${number}`,
        `refs/loopr/loops/${id}`,
      );
      // The commits that it was begun on are others' work.
      const own = log.split("\n").filter((line) => line.startsWith(`${id} `));
      const committed = own.map((line) => line.slice(id.length + 1));
      expect([title, committed.toReversed()]).toEqual([title, expected.map((_, index) => String(index + 1))]);
    }
    await connection.call("subscribe", { since: 0 });
    const told = (name: string) => connection.messages.filter(({ event }) => event === name).length;
    // Stored events come in order: with the end of the merge all that was before it has come.
    await connection.next(({ event }) => event === "merge.completed");
    for (const [name, times] of Object.entries({
      "loop.created": 4,
      "plan.approved": 1,
      "merge.completed": 1,
    }))
      expect([name, told(name)]).toEqual([name, times]);
  } finally {
    connection.close();
  }
}

/** Only the living daemon and what it has started itself may run: a dead daemon's jobs and runners are gone. */
function expectNoOrphans(home: Home): void {
  const daemon = home.daemonPid();
  const orphans = home.processes().filter((pid) => pid !== daemon && !isBelow(pid, daemon ?? -1));
  expect(orphans.map((pid) => `${pid} ${commandLine(pid)}`)).toEqual([]);
}

function isBelow(pid: number, ancestor: number): boolean {
  for (let at = pid; at > 1; at = parentOf(at)) if (at === ancestor) return true;
  return !isAlive(pid); // ended while we looked
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0;
  }
}

type Loopr = (args: string[]) => ReturnType<Parameters<Parameters<typeof withRuns>[1]>[0]["loopr"]>;

async function stateOf(loopr: Loopr, id: string): Promise<unknown> {
  return json(await loopr(["status", id, "--json"]))["run_state"];
}

/** Every change once, in an order that the dependencies allow; the checkout clean and at the end. */
async function expectUndisturbedEnd(repo: Repository, base: string): Promise<void> {
  const subjects = repo.git("log", "--reverse", "--format=%s", `${base}..main`).split("\n");
  expect(subjects.toSorted()).toEqual(["loud a", "loud b", "loud c"]);
  expect(subjects.indexOf("loud a")).toBeLessThan(subjects.indexOf("loud c"));
  for (const letter of ["a", "b", "c"])
    expect(repo.read(`${letter}.sh`)).toBe(`echo ${letter.toUpperCase()}\n`);
  expect(repo.git("status", "--porcelain")).toBe("");
}
