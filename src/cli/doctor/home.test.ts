import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkClock } from "./clock.ts";
import { checkHome } from "./home.ts";

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
