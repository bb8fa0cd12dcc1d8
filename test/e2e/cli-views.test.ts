// What the commands show of runs: list, status, watch, diff, logs, for people and for programs.
import { describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { program, until } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { goodGreet, json, testKey, withRuns, type RunBed } from "../support/runs.ts";

const unmerged = ["--depth", "code", "--check", "sh test.sh", "--no-merge"];

/** The first iteration fails its check; what the model says holds escape sequences. */
const secondTry = (): Handler => {
  let n = 0;
  return () => {
    n += 1;
    if (n === 1)
      return [
        text(`\x1b[31mI try.\x1b[0m\nThe key is ${testKey}, isn't it?\n`),
        tool("write_file", { path: "greet.sh", content: "echo no\n" }),
      ];
    if (n === 3) return [tool("write_file", { path: "greet.sh", content: goodGreet })];
    return [text("Done.\n")];
  };
};

/** One verified run; `short` is how views show its id. */
async function withRun(body: (bed: RunBed & { id: string; short: string }) => Promise<void>): Promise<void> {
  await withRuns(secondTry(), async (bed) => {
    const result = await bed.loopr(["run", ...unmerged, "Greet the \x1b[1mworld", "--json"]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    const document = json(result);
    expect(document).toMatchObject({ run_state: "verified", verified: true, sandboxed: true, iterations: 2 });
    const id = String(document["id"]);
    await body({ ...bed, id, short: id.split("-")[1]?.slice(0, 4) ?? "" });
  });
}

test(
  "list, status, diff, logs of a finished run, for people and as documents",
  () =>
    withRun(async ({ home, repo, loopr, id, short }) => {
      const list = await loopr(["list"]);
      expect(list.stdout).toMatch(new RegExp(`^✓ ${short} +code +verified +2/30 .*Greet the world`));
      expect(json(await loopr(["list", "--json"]))).toMatchObject({ loops: [{ id, run_state: "verified" }] });
      expect((await loopr(["list", "-s", "failed"])).stdout).toBe("No loop matches.\n");
      expect((await loopr(["list", "-t", "code", "-s", "verified"])).stdout).toContain(short);

      // Another project's loops are not shown, and outside of a repository all are.
      const other = home.repository({ name: "other" });
      expect((await home.loopr(["list"], { cwd: other.dir })).stdout).toContain(
        "No loops in this project yet",
      );
      expect((await home.loopr(["list", "-a"], { cwd: other.dir })).stdout).toContain(short);
      expect((await home.loopr(["list"], { cwd: home.userHome })).stdout).toContain(short);
      mkdirSync(join(repo.dir, "sub"));
      expect((await home.loopr(["list"], { cwd: join(repo.dir, "sub") })).stdout).toContain(short);

      const status = await loopr(["status", short]);
      expect(status.stdout).toContain("verified: waiting to be merged");
      expect(status.stdout).toContain("sh test.sh");
      const detail = await loopr(["status", "-d", short]);
      expect(detail.stdout).toContain("1. did not pass (check)");
      expect(detail.stdout).toContain("FAIL: greet said no");
      expect(detail.stdout).toMatch(/iteration 1: sh test\.sh ended with exit code 1 .*tree [0-9a-f]{10}/);
      expect(detail.stdout).toMatch(/iteration 2: sh test\.sh ended with exit code 0/);
      expect(json(await loopr(["status", id, "--json"]))).toMatchObject({
        id,
        loop_type: "code",
        iterations: 2,
      });

      const diff = await loopr(["diff", short]);
      expect(diff.stdout).toStartWith("diff --git a/greet.sh b/greet.sh\n");
      const applied = await home.exec("git", ["apply", "--check", "-"], {
        cwd: repo.dir,
        input: diff.stdout,
      });
      expect(applied).toMatchObject({ code: 0, stderr: "" });

      await showsOneIteration(loopr, short);
      const ended = await loopr(["logs", "-f", short]);
      expect(ended).toMatchObject({ code: 6 }); // verified and not merged
      expect(ended.stdout).toContain("Done.");
      for (const { stdout } of [list, status, detail, await loopr(["logs", short, "--iteration", "1"])]) {
        expect(stdout).not.toContain("\x1b");
      }
    }),
  60_000,
);

/** Everything on record of it; the key, which came in pieces, is in none of it. */
async function showsOneIteration(loopr: RunBed["loopr"], short: string): Promise<void> {
  const { stdout } = await loopr(["logs", short, "--iteration", "1"]);
  for (const part of [
    /1\. did not pass \(check\): .* 2 turns, 1 tool call, .*1 file changed/,
    /usage +\d+ tokens in, \d+ out, <?\$0\.\d\d\n/,
    /commit +[0-9a-f]{10}\n +tree +[0-9a-f]{40}\n/,
    /== prompt ==\n[^]*Greet the world/,
    /== conversation ==\n[^]*I try\.\n.*The key is \[key\], isn't it\?/,
    /• write_file\n +path: greet\.sh\n +content: echo no\n +✓\n/,
    /== validation ==\n.*sh test\.sh ended with exit code 1/,
    /== validation\.log ==\n +FAIL: greet said no/,
  ])
    expect(stdout).toMatch(part);
  const document = await loopr(["logs", short, "--iteration", "1", "--json"]);
  const { conversation, record, logs, output } = json(document);
  expect(conversation).toHaveLength(4);
  expect(record).toMatchObject({ iteration: 1, outcome: "failed", tool_calls: 1 });
  expect(logs).toEqual({ "validation.log": "FAIL: greet said no\n" });
  expect(output).toContain("The key is [key], isn't it?\n• write_file greet.sh");
  for (const shown of [stdout, document.stdout]) expect(shown).not.toContain(testKey.slice(-8));
}

test(
  "wrong ids, types and states are clear errors with their exit codes",
  () =>
    withRun(async ({ loopr, short }) => {
      const cases: [string[], number, string][] = [
        [["status", "ffffffff"], 1, "Loop not found: ffffffff"],
        [["watch", "nonsense"], 1, "Loop not found: nonsense"],
        [["status"], 2, "missing required argument"],
        [["list", "-s", "done"], 2, "there is no status 'done'"],
        [["list", "-t", "epic"], 2, "there is no type 'epic'"],
        [["logs", short, "--iteration", "9"], 1, "has no iteration 9"],
        [["logs", short, "--iteration", "x"], 2, "--iteration x"],
        [["approve", short], 1, "is complete"],
        [["reject", short], 1, "is complete"],
        [["iterate", short], 2, "--message"],
        [["pause", short], 1, "is verified: nothing in it is left to pause"],
        [["run"], 2, "no task is given"],
        [["run", "x", "--depth", "deep"], 2, 'names "deep", which is no type'],
        [["run", "x", "--max-iterations", "0"], 2, "--max-iterations 0"],
        [["run", "x", "--budget", "free"], 2, "--budget free"],
        [["plan", "x", "--depth", "code"], 2, "no plan among the levels"],
      ];
      for (const [args, code, message] of cases) {
        const plain = await loopr(args);
        expect({ args, code: plain.code, stdout: plain.stdout }).toEqual({ args, code, stdout: "" });
        expect(plain.stderr).toMatch(/^error: /);
        expect(plain.stderr).toContain(message);
        const document = await loopr([...args, "--json"]);
        expect(document).toMatchObject({ code, stderr: "" });
        expect(json(document)).toMatchObject({
          error: { message: expect.stringContaining(message) as string },
        });
      }
    }),
  90_000,
);

describe("acting", () => {
  test(
    "merge brings a verified run onto its target; delete forgets it and leaves its branch",
    () =>
      withRun(async ({ repo, loopr, short }) => {
        repo.write("greet.sh", "echo mine\n");
        const blocked = await loopr(["merge", short]);
        expect(blocked.code).toBe(6);
        expect(blocked.stderr).toContain("hint: ");
        expect(repo.read("greet.sh")).toBe("echo mine\n");
        repo.git("checkout", "-q", "greet.sh");

        const merged = await loopr(["merge", short, "--json"]);
        expect(merged.code).toBe(0);
        const document = json(merged);
        expect(document).toMatchObject({ run_state: "merged", target: "main" });
        expect(repo.git("rev-parse", "main")).toBe(String(document["commit"]));
        expect((await loopr(["merge", short])).code).toBe(1); // is merged

        expect(await loopr(["delete", short])).toMatchObject({ code: 0 });
        expect((await loopr(["list"])).stdout).toContain("No loops");
        expect(repo.git("branch", "--list", String(document["branch"]))).not.toBe("");
      }),
    60_000,
  );

  test("pause, resume and cancel say what they did; watch follows to the end", async () => {
    const waiting: { release: () => void } = { release: () => {} };
    const held = new Promise<void>((resolve) => {
      waiting.release = resolve;
    });
    let asked = 0;
    const handler: Handler = async () => {
      asked += 1;
      if (asked === 1) await held;
      return [text("I do nothing.")];
    };
    await withRuns(handler, async ({ home, repo, env, loopr }) => {
      const started = home.start(["run", ...unmerged, "Greet", "--json"], { cwd: repo.dir, env });
      const id = await until(
        async () => {
          const { loops } = json(await loopr(["list", "--json"])) as {
            loops: { id: string; status: string }[];
          };
          return asked > 0 && loops[0]?.status === "running" ? loops[0].id : null;
        },
        20_000,
        "the run to run",
      );
      const watching = home.start(["watch", id, "--json"], { cwd: repo.dir, env });
      expect(await loopr(["pause", id])).toMatchObject({ code: 0 });
      const paused = await started.wait();
      expect(paused.code).toBe(6);
      expect(json(paused)).toMatchObject({ run_state: "paused", error: { code: "paused" } });
      waiting.release();
      expect((await loopr(["resume", id])).stdout).toContain("Resumed");
      expect(await loopr(["cancel", id])).toMatchObject({ code: 0 });
      expect((await loopr(["cancel", id])).code).toBe(1);
      const watched = await watching.wait();
      expect(watched.code).toBe(1);
      const events = watched.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { event: string; seq?: number });
      expect(events.length).toBeGreaterThan(1);
      const numbers = events.flatMap(({ seq }) => (seq === undefined ? [] : [seq]));
      expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
    });
  }, 60_000);
});

test(
  "a reader that goes away ends the command quietly",
  () =>
    withRun(async ({ home, repo, short }) => {
      const piped = (command: string) =>
        home.exec("/bin/sh", ["-c", command], {
          cwd: repo.dir,
          env: { LOOPR: program },
        });
      for (const command of [
        `"$LOOPR" status -d ${short} | head -1`,
        `"$LOOPR" list | true`,
        `"$LOOPR" logs | head -1`,
      ]) {
        expect(await piped(command)).toMatchObject({ code: 0, stderr: "" });
      }
    }),
  60_000,
);

test("an id that is short for loops of several projects: this project's, or a list with the projects", async () => {
  await withRuns(
    () => [text("Done.")],
    async ({ home, repo, env, loopr }) => {
      const other = home.repository({ name: "other", files: { "x.txt": "" } });
      const ids = new Map<string, string[]>([
        [repo.dir, []],
        [other.dir, []],
      ]);
      const startingWith = (digit: string, dir: string) =>
        (ids.get(dir) ?? []).filter((id) => id.split("-")[1]?.startsWith(digit));
      const shared = () =>
        [..."0123456789abcdef"].find(
          (digit) => startingWith(digit, repo.dir).length === 1 && startingWith(digit, other.dir).length > 0,
        );
      for (let n = 0; shared() === undefined && n < 40; n++) {
        // One here: only one of them may begin with the digit.
        const dir = n === 0 ? repo.dir : other.dir;
        const created = await loopr(["plan", "--check", "true", "--json", `Task ${n}`], { cwd: dir });
        ids.get(dir)?.push(String(json(created)["id"]));
      }
      const digit = shared() ?? "";
      const [own = ""] = startingWith(digit, repo.dir);
      expect(json(await loopr(["status", digit, "--json"]))["id"]).toBe(own);
      const elsewhere = await home.loopr(["status", digit], { cwd: home.userHome, env });
      expect([elsewhere.code, elsewhere.stdout]).toEqual([2, ""]);
      expect(elsewhere.stderr).toMatch(
        /^error: '.' could be any of \d+ loops\n {2}hint: type more of the id:\n/,
      );
      expect(elsewhere.stderr).toContain(` Task 0  in ${repo.dir}\n`);
      expect(elsewhere.stderr).toMatch(new RegExp(` Task \\d+ {2}in ${other.dir}\n`));
      // Full ids are what they are, wherever one is.
      expect(json(await loopr(["status", own, "--json"], { cwd: other.dir }))["id"]).toBe(own);
    },
  );
}, 60_000);
