// loopr demo, over the built program: no key, no network, nothing of the person's needed.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { withHome } from "../support/harness.ts";

/** The demo promises half a minute; ten times that is the limit here. */
const deadlineMs = 300_000;

const containing = (text: string) => expect.stringContaining(text) as unknown as string;

interface Outcome {
  run_state: string;
  branch: string;
  commit: string;
  checks: { command: string; exit_code: number | null; stage: string; iteration: number }[];
}

test(
  "plan, approval, children, a first iteration that really fails and is mended, merged",
  () =>
    withHome(async (home) => {
      const tmp = join(home.root, "tmp");
      mkdirSync(tmp);
      // No git identity, no key, no configuration; a home that the demo has never seen.
      const env = { TMPDIR: tmp, GIT_CONFIG_GLOBAL: "/dev/null" };
      const { code, stdout, stderr } = await home.loopr(["demo", "--yes", "--json"], { env, deadlineMs });
      if (code !== 0) throw new Error(stdout + stderr);
      const outcome = JSON.parse(stdout) as Outcome;
      expect(outcome.run_state).toBe("merged");

      const [directory = ""] = readdirSync(tmp);
      const repository = join(tmp, directory, "tally");
      const git = async (...args: string[]) =>
        (await home.exec("git", ["-C", repository, ...args])).stdout.trim();
      expect(await git("rev-parse", "main")).toBe(outcome.commit);
      expect(await git("status", "--porcelain")).toBe("");
      expect(await git("worktree", "list")).not.toContain("\n"); // nothing is left behind
      const check = await home.exec("sh", ["test.sh"], { cwd: repository });
      expect([check.code, check.stdout]).toEqual([0, "6 passed, 0 failed\n"]);
      expect(readFileSync(join(repository, "README.md"), "utf8")).toContain("| top |");

      const failed = outcome.checks.filter(({ exit_code }) => exit_code === 1);
      expect(failed).toHaveLength(1);
      expect(failed[0]).toMatchObject({ command: "sh test.sh", stage: "iteration", iteration: 1 });
      expect(outcome.checks.filter(({ exit_code }) => exit_code === 0).length).toBeGreaterThan(3);
    }),
  deadlineMs,
);

test(
  "for people: the plan, the failure, and a summary with branch, commit, checks, time and cost",
  () =>
    withHome(async (home) => {
      const tmp = join(home.root, "tmp");
      mkdirSync(tmp);
      const { code, stdout } = await home.loopr(["demo", "--yes", "--remove"], {
        env: { TMPDIR: tmp },
        deadlineMs,
      });
      expect(code).toBe(0);
      for (const part of [
        "A sample repository is in",
        "# Two more commands for tally",
        "approve (--yes)",
        "iteration 1 did not pass",
        "FAILED top ignores upper and lower case",
        "iteration 2 passed",
        "merged onto main",
        "branch",
        "commit",
        "sh test.sh",
        "time",
        "cost",
      ]) {
        expect(stdout).toContain(part);
      }
      expect(readdirSync(tmp)).toEqual([]); // --remove
      expect(JSON.parse(await home.ok(["list", "--all-projects", "--json"]))).toEqual({ loops: [] });
    }),
  deadlineMs,
);

test("without a terminal it needs --yes: exit 2 before anything is made", () =>
  withHome(async (home) => {
    const tmp = join(home.root, "tmp");
    mkdirSync(tmp);
    const { code, stderr } = await home.loopr(["demo"], { env: { TMPDIR: tmp } });
    expect([code, stderr]).toEqual([2, containing("loopr demo --yes")]);
    expect(readdirSync(tmp)).toEqual([]);
    expect(existsSync(home.dir)).toBe(false);
  }));

test(
  "without a sandbox on the machine it goes on, labelled so",
  () =>
    withHome(async (home) => {
      const bin = join(home.root, "bin");
      const tmp = join(home.root, "tmp");
      mkdirSync(bin);
      mkdirSync(tmp);
      // A PATH without bwrap, made of links to everything else.
      const paths = (home.env["PATH"] ?? "").split(":").filter((path) => existsSync(path));
      const link =
        'for p in $0; do for f in "$p"/*; do ln -sf "$f" "$1/" 2>/dev/null; done; done; rm -f "$1/bwrap"';
      await home.exec("sh", ["-c", link, paths.reverse().join(" "), bin]);
      const env = { TMPDIR: tmp, PATH: bin };
      const { code, stdout, stderr } = await home.loopr(["demo", "--yes"], { env, deadlineMs });
      expect(code).toBe(0);
      expect(stderr).toContain("unsandboxed");
      expect(stdout).toContain("UNSANDBOXED");
    }),
  deadlineMs,
);
