import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fallbackSocketPath } from "../../lib/paths.ts";
import { checkClock } from "./clock.ts";
import { checkHome } from "./home.ts";
import { checkBuild } from "./other-build.ts";

let home = "";
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "loopr-doctor-"));
});
afterEach(() => rmSync(home, { recursive: true }));

for (const system of ["NFS", "9p", "CIFS", "SMB2"]) {
  test(`a home on ${system} fails, with the remedy`, () => {
    const [finding, ...others] = checkHome({ LOOPR_HOME: home }, () => system);
    expect(finding).toMatchObject({ name: "home", status: "fail" });
    expect(finding?.detail).toContain(`is on ${system}, where locks and databases are not safe`);
    expect(finding?.remedy).toContain("set LOOPR_HOME to a directory of your own on a local disk");
    expect(others).toEqual([]);
  });
}

test("a home on a local disk is well", () => {
  expect(checkHome({ LOOPR_HOME: home }).map(({ status }) => status)).not.toContain("fail");
});

describe("LOOPR_SOCKET", () => {
  const finding = (path: string) =>
    checkHome({ LOOPR_HOME: home, LOOPR_SOCKET: path }).find(({ name }) => name === "socket");
  const inHome = (name: string) => join(home, name);

  test.each([
    ["in a directory that is missing", () => inHome("no/s.sock"), "does not exist", "mkdir -p"],
    ["that is a directory", () => home, "is a directory, and no socket", "set LOOPR_SOCKET"],
    ["that is a device", () => "/dev/null", "/dev/null is a device", "set LOOPR_SOCKET"],
    ["that is a file", () => inHome("file"), "is a file, and no socket", "set LOOPR_SOCKET"],
    ["below a file", () => inHome("file/s.sock"), "is not a directory", "set LOOPR_SOCKET"],
  ])("%s fails, with the remedy", (_name, path, detail, remedy) => {
    writeFileSync(inHome("file"), "");
    expect(finding(path())).toMatchObject({ status: "fail" });
    expect(finding(path())?.detail).toContain(detail);
    expect(finding(path())?.remedy).toContain(remedy);
  });

  test("that is too long is what is said to be too long", () => {
    const found = finding(inHome("y".repeat(120)));
    expect(found).toMatchObject({ status: "ok" });
    expect(found?.detail).toContain("that of LOOPR_SOCKET is longer");
    expect(found?.remedy).toContain("set LOOPR_SOCKET to a shorter path");
  });

  test("where nothing is, or the link of a daemon, is well", () => {
    const path = inHome("s.sock");
    expect(finding(path)).toMatchObject({ status: "ok", detail: `${path}` });
    symlinkSync(fallbackSocketPath(path), path);
    expect(finding(path)).toMatchObject({ status: "ok" });
  });
});

test.each([
  ["0.3.0", "newer than this loopr, version 0.2.0", "use the newer loopr"],
  ["0.1.0", "older than this loopr, version 0.2.0", "loopr daemon restart --when-idle"],
  ["next", "not this one, version 0.2.0", "loopr daemon restart --when-idle"],
])("a daemon of version %s: %s", (version, relation, remedy) => {
  const own = { version: "0.2.0", build: "dev" };
  const found = checkBuild("running", { version, build: "dev" }, own);
  expect(found).toMatchObject({ status: "warn" });
  expect(found.detail).toContain(`running, which is ${relation}`);
  expect(found.remedy).toContain(remedy);
  expect(checkBuild("running", own, own)).toMatchObject({ status: "ok" });
});

test("a clock of before Loopr was written is wrong, whatever the files say", () => {
  const finding = checkClock(home, Date.UTC(1970, 0, 1, 0, 1));
  expect(finding).toMatchObject({ status: "warn" });
  expect(finding.detail).toContain("1970-01-01");
  expect(finding.remedy).toContain("set the clock");
});

test("a clock that is behind the daemon's files is wrong; a little is not", () => {
  const nowMs = Date.UTC(2026, 5, 1);
  const written = (ms: number) => {
    writeFileSync(join(home, "daemon.json"), "{}");
    utimesSync(join(home, "daemon.json"), ms / 1000, ms / 1000);
  };
  expect(checkClock(home, nowMs).status).toBe("ok");
  written(nowMs + 60_000);
  expect(checkClock(home, nowMs).status).toBe("ok");
  written(nowMs + 3_600_000);
  expect(checkClock(home, nowMs)).toMatchObject({ status: "warn" });
  expect(checkClock(home, nowMs).detail).toContain("daemon.json was written 1 h 0 min after that");
});
