// What the kernel or the file system denies: a signal that may not be sent, a home on a network file system.
// @waits
import { expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { limitMs, table } from "../support/faults.ts";
import { isAlive, program, signal, until, withHome } from "../support/harness.ts";

const nobody = 65534;
const asNobody = [`--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
/** As in a container that dropped the capability: root that may read everything and signal nobody else. */
const withoutKill = ["--inh-caps=-kill", "--bounding-set=-kill"];

/** Says of everything below LOOPR_TEST_NFS that it lies on NFS; there is no server for a real one. */
const shim = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
static int told(const char *path, struct statfs *b, int result) {
  const char *dir = getenv("LOOPR_TEST_NFS");
  if (result == 0 && dir && !strncmp(path, dir, strlen(dir))) b->f_type = 0x6969;
  return result;
}
int statfs(const char *path, struct statfs *b) {
  int (*real)(const char *, struct statfs *) = dlsym(RTLD_NEXT, "statfs");
  return told(path, b, real(path, b));
}
int statfs64(const char *path, struct statfs64 *b) {
  int (*real)(const char *, struct statfs64 *) = dlsym(RTLD_NEXT, "statfs64");
  return told(path, (struct statfs *)b, real(path, b));
}
`;

table("what is denied", [
  {
    name: "a signal",
    provoked: "stop and start of a hung daemon of another user, without the right to signal it",
    seen: "it is not taken for dead: nothing of it is touched, and the error says whose it is",
    root: true,
    run: async (home) => {
      for (const path of [home.root, home.userHome]) chmodSync(path, 0o755);
      chownSync(home.userHome, nobody, nobody);
      const by = (words: string[], ...args: string[]) => home.exec("setpriv", [...words, program, ...args]);
      expect(await by(asNobody, "daemon", "start")).toMatchObject({ code: 0 });
      const pid = home.daemonPid() ?? 0;
      const files = readdirSync(home.dir).filter((name) => name !== "daemon.sock");
      signal(pid, "SIGSTOP");
      // It would be refused by the owner of its socket alone.
      rmSync(join(home.dir, "daemon.sock"));
      const stop = await by(withoutKill, "daemon", "stop");
      expect(stop.code).toBe(1);
      expect(stop.stderr).toBe(
        `error: the daemon (PID ${pid}) cannot be signalled: kill() failed: EPERM: Operation not permitted\n  hint: stop it as the user that started it\n`,
      );
      const status = await by(withoutKill, "daemon", "status");
      expect(status.code).toBe(4);
      expect(status.stdout).toMatch(new RegExp(`^daemon +not responding \\(PID ${pid}\\)`));
      expect(isAlive(pid)).toBe(true);
      expect(readdirSync(home.dir)).toEqual(files);
      signal(pid, "SIGCONT");
      expect(await by(asNobody, "daemon", "stop")).toMatchObject({ code: 0 });
    },
  },
  {
    name: "the socket's mode",
    provoked: "chmod 000 of it under a daemon that is stopped by a signal, and under one that runs",
    seen: "status names its PID and why nobody gets in, stop ends it, and one that runs makes it 0600 again",
    root: true,
    run: async (home) => {
      for (const path of [home.root, home.userHome]) chmodSync(path, 0o755);
      chownSync(home.userHome, nobody, nobody);
      const by = (...args: string[]) => home.exec("setpriv", [...asNobody, program, ...args]);
      const socket = join(home.dir, "daemon.sock");
      expect(await by("daemon", "start")).toMatchObject({ code: 0 });
      const pid = home.daemonPid() ?? 0;
      signal(pid, "SIGSTOP"); // It would put the mode right.
      chmodSync(socket, 0);
      const status = await by("daemon", "status");
      expect(status.code).toBe(4);
      expect(status.stdout).toMatch(new RegExp(`^daemon +not responding \\(PID ${pid}\\)`));
      expect(status.stdout).toContain(`the daemon's socket ${socket} cannot be used: permission denied`);
      expect(await by("daemon", "stop")).toMatchObject({ code: 0 });
      expect(isAlive(pid)).toBe(false);

      expect(await by("daemon", "start")).toMatchObject({ code: 0 });
      chmodSync(socket, 0);
      await until(() => (statSync(socket).mode & 0o777) === 0o600, 50_000, "the self-check");
      expect(await by("daemon", "stop")).toMatchObject({ code: 0 });
    },
  },
  {
    name: "its own home, for a while",
    provoked: "chmod 000 of the home of a running daemon until it has looked at itself; chmod 500 at its end",
    seen: "it is logged once, the daemon goes on; its end is in good order, not a crash",
    root: true,
    run: async (home) => {
      for (const path of [home.root, home.userHome]) chmodSync(path, 0o755);
      chownSync(home.userHome, nobody, nobody);
      const by = (...args: string[]) => home.exec("setpriv", [...asNobody, program, "daemon", ...args]);
      expect(await by("start")).toMatchObject({ code: 0 });
      const pid = home.daemonPid() ?? 0;
      const log = () => readFileSync(join(home.dir, "logs", "daemon.log"), "utf8");
      chmodSync(home.dir, 0o000);
      await until(() => log().includes("the self-check failed"), 30_000, "the self-check");
      chmodSync(home.dir, 0o700);
      expect(JSON.parse((await by("status", "--json")).stdout)).toMatchObject({ state: "running", pid });
      chmodSync(home.dir, 0o500);
      expect(await by("stop")).toMatchObject({ code: 0 });
      expect(isAlive(pid)).toBe(false);
      const left = JSON.parse((await by("status", "--json")).stdout) as Record<string, unknown>;
      const why = "their daemon ended in good order, and could not take them away";
      expect(left).toMatchObject({ state: "stale", crash: null, stale: { why } });
      expect(log()).not.toContain("the daemon ended");
      chmodSync(home.dir, 0o700);
      expect(await by("start")).toMatchObject({ code: 0 });
      expect(log()).not.toContain("did not end in good order");
      expect(await by("stop")).toMatchObject({ code: 0 });
    },
  },
]);

test.skipIf(Bun.which("cc") === null)(
  "a home on NFS (a preloaded library says so; needs cc): the daemon refuses it before it writes, doctor says the same",
  () =>
    withHome(async (home) => {
      const library = join(home.root, "nfs.so");
      const source = join(home.root, "nfs.c");
      writeFileSync(source, shim);
      const compiled = await home.exec("cc", ["-shared", "-fPIC", "-o", library, source, "-ldl"]);
      expect(compiled).toMatchObject({ code: 0, stderr: "" });
      mkdirSync(home.dir, { mode: 0o700 });
      const env = { LD_PRELOAD: library, LOOPR_TEST_NFS: home.dir };
      const start = await home.loopr(["daemon", "start", "--foreground"], { env });
      expect(start.code).toBe(4);
      expect(start.stderr).toBe(
        `error: the directory ${home.dir} is on NFS, where locks and databases are not safe\n  hint: set LOOPR_HOME to a directory of your own\n`,
      );
      expect(readdirSync(home.dir)).toEqual([]);
      expect((await home.loopr(["doctor"], { env })).stdout).toMatch(/^fail +home +\S+ is on NFS, /m);
    }),
  limitMs,
);
