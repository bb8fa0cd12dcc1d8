import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bootId, processStartTime } from "../lib/processes.ts";
import { Daemon } from "./daemon.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "loopr-daemon-"));
});
afterEach(() => rmSync(dir, { recursive: true }));
const pidPath = () => join(dir, "daemon.pid");

function writeIdentity(pid: number, patch: Record<string, unknown> = {}): void {
  const identity = {
    pid,
    startTime: processStartTime(pid) ?? "",
    bootId: bootId(),
    version: "0.2.0",
    build: "b",
    protocol: "1.0",
    nonce: "n",
    socket: "/nowhere",
    ...patch,
  };
  writeFileSync(pidPath(), `${pid}\n`);
  writeFileSync(join(dir, "daemon.json"), JSON.stringify(identity));
}

describe("Daemon.getPid", () => {
  test("is the number in the file, and null for everything else", () => {
    expect(Daemon.getPid(pidPath())).toBeNull();
    writeFileSync(pidPath(), "4711\n");
    expect(Daemon.getPid(pidPath())).toBe(4711);
    for (const text of ["", "x", "0", "-1", "1e3", "12 13", "9999999999999", "0x10", "1.5", "\u00ff"]) {
      writeFileSync(pidPath(), text);
      expect({ text, pid: Daemon.getPid(pidPath()) }).toEqual({ text, pid: null });
    }
  });
});

describe("Daemon.isRunning", () => {
  test("needs the very process that daemon.json names, of this boot", () => {
    expect(Daemon.isRunning(pidPath())).toBe(false);
    writeIdentity(process.pid);
    expect(Daemon.isRunning(pidPath())).toBe(true);
    writeIdentity(process.pid, { startTime: "1" });
    expect(Daemon.isRunning(pidPath())).toBe(false);
    writeIdentity(process.pid, { bootId: "another" });
    expect(Daemon.isRunning(pidPath())).toBe(false);
    writeIdentity(process.pid);
    writeFileSync(pidPath(), "1\n");
    expect(Daemon.isRunning(pidPath())).toBe(false);
  });

  test("is false once the process has ended", async () => {
    const child = spawn("sleep", ["1000"], { stdio: "ignore" });
    writeIdentity(child.pid ?? -1);
    expect(Daemon.isRunning(pidPath())).toBe(true);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(Daemon.isRunning(pidPath())).toBe(false);
  });
});
