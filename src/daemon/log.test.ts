import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { logLevelOf, openLog } from "./log.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "loopr-log-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const path = () => join(dir, "daemon.log");
const usual = { level: "info", bytesMax: 1024 * 1024, filesMax: 3 } as const;
const lines = (file = path()) =>
  readFileSync(file, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("the log", () => {
  test("is private JSON lines of the level asked for and above", () => {
    const { log, close } = openLog(path(), { ...usual, level: "warn" });
    log.info("not this");
    log.warn("this", { loop: "1-a", error: new Error("why", { cause: new Error("deeper") }) });
    close();
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(lines()).toHaveLength(1);
    expect(lines()[0]).toMatchObject({
      level: "warn",
      message: "this",
      loop: "1-a",
      error: { message: "why", cause: { message: "deeper" } },
    });
  });

  test("is made again where it was removed, its directory too", () => {
    const file = join(dir, "logs", "daemon.log");
    const { log, restore, reopen, close } = openLog(file, usual);
    expect(restore()).toBe(false);
    rmSync(file);
    expect(restore()).toBe(true);
    expect(restore()).toBe(false);
    log.info("again");
    expect(lines(file)).toHaveLength(1);
    for (const again of [restore, reopen]) {
      rmSync(join(dir, "logs"), { recursive: true });
      again();
      log.info("in a new directory");
      expect(lines(file)).toHaveLength(1);
    }
    close();
  });

  test("is rotated while it is written to: three files, none over the limit, no line cut", () => {
    const { log, close } = openLog(path(), { ...usual, bytesMax: 2_000 });
    for (let n = 0; n < 200; n++) log.info(`line ${n}`);
    close();
    expect(readdirSync(dir).sort()).toEqual(["daemon.log", "daemon.log.1", "daemon.log.2"]);
    const kept = ["daemon.log.2", "daemon.log.1", "daemon.log"].flatMap((name) => {
      expect(statSync(join(dir, name)).size).toBeLessThanOrEqual(2_000);
      return lines(join(dir, name)).map((line) => line["message"]);
    });
    const first = 200 - kept.length;
    expect(kept).toEqual(kept.map((_, index) => `line ${first + index}`));
  });

  test("keeps as many files as it may, one alone, too", () => {
    for (const [filesMax, expected] of [
      [1, ["daemon.log"]],
      [2, ["daemon.log", "daemon.log.1"]],
    ] as const) {
      const { log, close } = openLog(path(), { ...usual, bytesMax: 500, filesMax });
      for (let n = 0; n < 50; n++) log.info(`line ${n}`);
      close();
      expect(readdirSync(dir).sort()).toEqual([...expected]);
      expect(statSync(path()).size).toBeLessThanOrEqual(500);
    }
  });

  test("does not take secrets, in whatever they are hidden", () => {
    const { log, addSecret, redact, close } = openLog(path(), usual);
    addSecret('sk-"quoted"');
    expect(redact('crashed: sk-"quoted" and {"key":"sk-\\"quoted\\""}')).not.toContain("quoted");
    addSecret("");
    log.error('failed with sk-"quoted"', { headers: { "x-api-key": 'sk-"quoted"' } });
    const request = JSON.stringify({ api_key: 'sk-"quoted"' });
    log.error(`failed with ${request}`, { 'sk-"quoted"': 1, error: new Error(JSON.stringify({ request })) });
    log.error("cut", { long: `${"x".repeat(200_000)}${request}` });
    close();
    expect(readFileSync(path(), "utf8")).not.toContain("quoted");
    expect(lines()[0]).toMatchObject({ message: "failed with [redacted]" });
  });

  test("survives what cannot be written: circles, giants, a directory that is gone", () => {
    const { log, reopen, close } = openLog(path(), usual);
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    log.info("a circle", circle);
    log.info("a giant", { text: "x".repeat(1_000_000) });
    expect(lines().map((line) => line["message"])).toEqual(["a circle", "a giant"]);
    expect(statSync(path()).size).toBeLessThan(100_000);
    rmSync(dir, { recursive: true });
    reopen();
    log.info("nowhere");
    close();
    dir = mkdtempSync(join(tmpdir(), "loopr-log-"));
  });

  test("goes on in a new file after it was moved away and reopened", () => {
    const { log, reopen, close } = openLog(path(), usual);
    log.info("old");
    renameSync(path(), `${path()}.moved`);
    reopen();
    log.info("new");
    close();
    expect(lines().map((line) => line["message"])).toEqual(["new"]);
  });

  test("takes its level from LOOPR_LOG, and the configured one where that is none", () => {
    expect([logLevelOf("TRACE", "info"), logLevelOf("loud", "warn"), logLevelOf(undefined, "info")]).toEqual([
      "trace",
      "warn",
      "info",
    ]);
  });
});
