// loopr demo, over the built program: no key, no network, nothing of the person's needed.
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { withHome } from "../support/harness.ts";
import { withPty } from "../support/pty.ts";

/** The demo promises half a minute; ten times that is the limit here. */
const deadlineMs = 300_000;

/** What git, the runner, the sample and its check run; everything else of POSIX is the shell's own. */
const needed = ["git", "sh", "basename", "dirname", "head", "mkfifo", "sed", "sort", "tr", "uniq", "wc"];

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

const executable = (path: string, text: string) => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode: 0o755 });
};

test(
  "where the sandbox does not work it goes on, labelled so",
  () =>
    withHome(async (home) => {
      const tmp = join(home.root, "tmp");
      mkdirSync(tmp);
      executable(join(home.root, "bin", "bwrap"), "#!/bin/sh\necho 'no namespaces here' >&2\nexit 1\n");
      const env = { TMPDIR: tmp, PATH: `${join(home.root, "bin")}:${home.env["PATH"] ?? ""}` };
      const { code, stdout, stderr } = await home.loopr(["demo", "--yes"], { env, deadlineMs });
      expect(code).toBe(0);
      expect(stderr).toContain("unsandboxed, since the sandbox does not work on this machine");
      expect(stderr).toContain("no namespaces here");
      expect(stdout).toContain("UNSANDBOXED");
      // It stays to be looked at, by a command that works from anywhere; nothing names another directory.
      const [directory = ""] = readdirSync(tmp);
      const repository = join(tmp, directory, "tally");
      expect(stdout).toContain(`look    git -C ${repository} log --patch main\n`);
      expect(stdout).not.toContain("git show");
    }),
  deadlineMs,
);

test(
  "git and a POSIX system are all that it needs",
  () =>
    withHome(async (home) => {
      const bin = join(home.root, "bin");
      const tmp = join(home.root, "tmp");
      mkdirSync(bin);
      mkdirSync(tmp);
      for (const name of needed) {
        const found = Bun.which(name, { PATH: home.env["PATH"] ?? "" });
        if (found) symlinkSync(found, join(bin, name));
      }
      const { code, stdout, stderr } = await home.loopr(["demo", "--yes", "--remove"], {
        env: { TMPDIR: tmp, PATH: bin },
        deadlineMs,
      });
      if (code !== 0) throw new Error(stdout + stderr);
      expect(stderr).toContain("bubblewrap (bwrap) is not installed");
      expect(stdout).not.toMatch(/^ {2}(next|look|remove) /m); // nothing is left to look at
      expect(readdirSync(tmp)).toEqual([]);
    }),
  deadlineMs,
);

test(
  "at a terminal: what is no answer is asked for again, and Ctrl-C says where the sample is",
  () =>
    withHome(async (home) => {
      const tmp = join(home.root, "tmp");
      mkdirSync(tmp);
      const options = { args: ["demo"], env: { TMPDIR: tmp }, columns: 140, rows: 50 };
      await withPty(home, options, async (pty) => {
        await pty.shows("This plan waits for you: ([a]pprove, ");
        pty.press("bad", "\r");
        await pty.shows(/Please answer with a letter or a word[\s\S]*This plan waits for you/);
        pty.press("worse", "\r");
        await pty.shows(/\[l\]ater\) worse\n/);
        pty.press("\x03");
        await pty.shows(/Come back with: loopr watch [0-9a-f]{4}/);
        await pty.shows(`The sample repository is in ${join(tmp, readdirSync(tmp)[0] ?? "")}`);
        expect(await pty.exited()).toBe(130);
      });
    }),
  deadlineMs,
);
