// A home in which something is not as a daemon left it: what it is, where, and what to do about it.
import { describe, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { program, withHome, type Home } from "../support/harness.ts";

const limitMs = 60_000;
const isRoot = userInfo().uid === 0;
const nobody = 65_534;

/** One line that names the path, a hint, and the exit code of a daemon that cannot be reached. */
async function refusal(home: Home, args: string[], path: string, env = {}): Promise<string> {
  const result = await home.loopr(args, { env, deadlineMs: 10_000 });
  expect(result.stderr).toMatch(/^error: .*(\n {2}log: .*(\n {4}.*)*)?\n {2}hint: .+\n$/);
  expect(result.stderr).toContain(path);
  expect(result.stderr).not.toMatch(/\bE[A-Z]{4,}:|bug/);
  expect({ args, code: result.code }).toEqual({ args, code: 4 });
  return result.stderr;
}

describe("something else in the place of what is ours", () => {
  test(
    "a name that is too long, a lock that is a link, a file for a directory: told with path and remedy",
    () =>
      withHome(async (home) => {
        const long = join(home.userHome, "a".repeat(300));
        const tooLong = { LOOPR_HOME: long };
        for (const command of ["start", "status", "stop", "logs"]) {
          expect(await refusal(home, ["daemon", command], long, tooLong)).toContain("LOOPR_HOME");
        }
        const health = await home.loopr(["doctor"], { env: tooLong });
        expect(health.stdout).toContain("longer than the file system takes");
        expect(health.stdout).not.toContain("bug");

        mkdirSync(home.dir, { mode: 0o700 });
        const lock = join(home.dir, "daemon.lock");
        symlinkSync(home.userHome, lock);
        expect(await refusal(home, ["daemon", "start"], lock)).toContain("symbolic link");
        rmSync(lock);

        const projects = join(home.dir, "projects");
        writeFileSync(projects, "");
        expect(await refusal(home, ["daemon", "start"], projects)).toContain(
          "something else is in its place",
        );
        rmSync(projects);

        rmSync(join(home.dir, "logs"), { recursive: true });
        writeFileSync(join(home.dir, "logs"), "");
        await refusal(home, ["daemon", "logs"], join(home.dir, "logs"));
        await refusal(home, ["daemon", "start"], join(home.dir, "logs"));
        rmSync(join(home.dir, "logs"));

        rmSync(join(home.dir, "salt"), { force: true });
        mkdirSync(join(home.dir, "salt"));
        await home.ok(["daemon", "start"]);
        expect(statSync(join(home.dir, "salt")).mode & 0o777).toBe(0o600);
        expect(await home.ok(["daemon", "logs"])).toContain("the salt was not one of ours");
      }),
    limitMs,
  );

  test.if(isRoot)(
    "what another user may not open, and a disk that is full at the first start",
    () =>
      withHome(async (home) => {
        for (const path of [home.root, home.userHome]) chmodSync(path, 0o755);
        mkdirSync(join(home.dir, "logs"), { recursive: true });
        for (const path of [home.dir, join(home.dir, "logs")]) chownSync(path, nobody, nobody);
        const asNobody = async (command: string) => {
          const words = [`--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups", program, "daemon"];
          const { code, stderr } = await home.exec("setpriv", [...words, command], { deadlineMs: 10_000 });
          expect({ command, code }).toEqual({ command, code: 4 });
          return stderr;
        };
        const lock = join(home.dir, "daemon.lock");
        writeFileSync(lock, "", { mode: 0o000 });
        chownSync(lock, nobody, nobody);
        for (const command of ["start", "status", "stop"]) {
          expect(await asNobody(command)).toMatch(/daemon\.lock cannot .*: permission denied\n {2}hint: ./);
        }
        rmSync(lock);
        for (const mode of [0o000, 0o400]) {
          chmodSync(home.dir, mode);
          for (const command of ["start", "status", "stop", "logs"]) {
            expect(await asNobody(command)).toMatch(/: permission denied\n {2}hint: .*LOOPR_HOME/);
          }
        }
        chmodSync(home.dir, 0o700);
        rmSync(home.dir, { recursive: true });
        mkdirSync(home.dir, { mode: 0o700 });
        const mount = `mount -t tmpfs -o size=64k,mode=700 none '${home.dir}'`;
        const full = await home.exec("unshare", ["-m", "sh", "-c", `${mount} && '${program}' daemon start`]);
        expect(full.code).toBe(4);
        expect(full.stderr).toContain(`no room left for the store ${join(home.dir, "loopr.db")}`);
        expect(full.stderr).toContain(`hint: free space on that disk (or quota), or set LOOPR_HOME`);
        expect(full.stderr).not.toContain("loopr delete");
      }),
    limitMs,
  );
});
