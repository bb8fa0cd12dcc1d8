// What stands in a command's way without being the daemon's fault: each command still ends, and says what it is.
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { program, withHome, type Home } from "../support/harness.ts";

const limitMs = 60_000;
/** Ten times what a command takes here; one that hangs takes for ever. */
const endsMs = 15_000;

function makeFifo(home: Home, name: string): string {
  const path = join(home.dir, name);
  rmSync(path, { force: true });
  spawnSync("mkfifo", [path]);
  expect(lstatSync(path).isFIFO()).toBe(true);
  return path;
}

/** The exit codes of the commands, in their order. */
async function codesOf(home: Home, ...commands: string[][]): Promise<(number | null)[]> {
  const codes: (number | null)[] = [];
  for (const words of commands) codes.push((await home.loopr(words, { deadlineMs: endsMs })).code);
  return codes;
}

test(
  "a FIFO in the place of daemon.json or of a log: no command waits for its other end",
  () =>
    withHome(async (home) => {
      mkdirSync(join(home.dir, "logs"), { recursive: true, mode: 0o700 });
      makeFifo(home, "daemon.json");
      expect(await codesOf(home, ["daemon", "status"], ["daemon", "stop"])).toEqual([3, 0]);
      for (const name of ["logs/daemon.log", "logs/daemon.stderr", "logs/crash.json", "daemon.pid"]) {
        makeFifo(home, name);
      }
      const commands = [
        ["daemon", "start"],
        ["daemon", "status"],
        ["list", "-a"],
        ["daemon", "stop"],
      ];
      expect(await codesOf(home, ...commands)).toEqual([0, 0, 0, 0]);
      const logs = readdirSync(join(home.dir, "logs"));
      expect(logs.filter((name) => name.startsWith("daemon.log.aside-"))).toHaveLength(1);
      expect(lstatSync(join(home.dir, "logs", "daemon.log")).isFile()).toBe(true);
    }),
  limitMs,
);

test(
  "a FIFO in the place of daemon.lock: no daemon runs, and a start names it",
  () =>
    withHome(async (home) => {
      mkdirSync(home.dir, { recursive: true, mode: 0o700 });
      const path = makeFifo(home, "daemon.lock");
      expect(await codesOf(home, ["daemon", "status"], ["daemon", "stop"])).toEqual([3, 0]);
      const start = await home.loopr(["daemon", "start"], { deadlineMs: endsMs });
      expect(start.code).toBe(4);
      expect(start.stderr).toContain(`the lock file ${path} cannot be opened`);
      expect(start.stderr).toContain("LOOPR_HOME");
    }),
  limitMs,
);

test(
  "in a directory that was deleted: what needs none works, and what needs it says so",
  () =>
    withHome(async (home) => {
      const gone = async (...words: string[]) => {
        const script = `mkdir gone; cd gone; rmdir ../gone; exec '${program}' "$@"`;
        return home.exec("sh", ["-c", script, "sh", ...words], { deadlineMs: endsMs });
      };
      const daemon = [["--version"], ["daemon", "start"], ["daemon", "status"], ["list", "--all-projects"]];
      for (const words of daemon) expect(await gone(...words)).toMatchObject({ code: 0, stderr: "" });
      const list = await gone("list", "--json");
      expect(list.code).toBe(2);
      expect(JSON.parse(list.stdout)).toMatchObject({
        error: { code: "usage", message: "the current directory does not exist any more" },
      });
      expect((await gone("run", "Greet")).stderr).toContain("the current directory does not exist any more");
      expect((await gone("doctor")).stdout).toContain("the current directory does not exist any more");
      expect(await gone("daemon", "stop", "--json")).toMatchObject({ code: 0, stderr: "" });
    }),
  limitMs,
);
