import { expect, test } from "bun:test";
import { closeSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withHome } from "../../test/support/harness.ts";
import { tryLockFile } from "../lib/file-lock.ts";
import { processStartTime } from "../lib/processes.ts";
import { lockPathIn } from "./holder.ts";
import { tidyAfter } from "./tidy.ts";

/** A home that was left by a daemon with the identity of one that ran: killed, its files still there. */
function withDeadDaemon(test: (dir: string, dead: { pid: number; startTime: string }) => Promise<void>) {
  return withHome(async (home) => {
    await home.ok(["daemon", "start"]);
    const identity = readFileSync(join(home.dir, "daemon.json"), "utf8");
    const pid = home.daemonPid() ?? 0;
    const startTime = processStartTime(pid) ?? "";
    await home.ok(["daemon", "stop"]);
    writeFileSync(join(home.dir, "daemon.json"), identity);
    writeFileSync(join(home.dir, "daemon.pid"), `${pid}\n`);
    await test(home.dir, { pid, startTime });
  });
}

test("a lock that goes a moment after the process: the files are taken away then", () =>
  withDeadDaemon(async (dir, dead) => {
    const lock = tryLockFile(lockPathIn(dir)) ?? 0;
    const tidied = tidyAfter(dir, dead);
    await Bun.sleep(0); // it has found the lock held
    expect(existsSync(join(dir, "daemon.json"))).toBe(true);
    closeSync(lock);
    await tidied;
    for (const name of ["daemon.json", "daemon.pid"])
      expect([name, existsSync(join(dir, name))]).toEqual([name, false]);
  }));

test("a lock that a successor has taken: its files are left alone", () =>
  withDeadDaemon(async (dir, dead) => {
    const lock = tryLockFile(lockPathIn(dir)) ?? 0;
    const tidied = tidyAfter(dir, dead);
    const successor = readFileSync(join(dir, "daemon.json"), "utf8").replace(String(dead.pid), "1");
    writeFileSync(join(dir, "daemon.json"), successor);
    await tidied;
    closeSync(lock);
    expect(readFileSync(join(dir, "daemon.json"), "utf8")).toBe(successor);
  }));
