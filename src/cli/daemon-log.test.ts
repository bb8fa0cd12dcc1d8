import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failing, testContext, testPorts } from "../../test/support/cli.ts";
import { FakeDaemon } from "../../test/support/fake-daemon.ts";
import { LooprError } from "../lib/errors.ts";
import { openLog } from "../daemon/log.ts";
import { daemonLogs, GrowingFile, logLine } from "./daemon-log.ts";
import { logs } from "./logs.ts";

let home: string;
let path: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "loopr-log-"));
  mkdirSync(join(home, "logs"));
  path = join(home, "logs", "daemon.log");
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const record = (message: string, more: object = {}) =>
  JSON.stringify({ time: "2026-02-01T10:20:30.000Z", level: "info", message, ...more }) + "\n";

describe("a line of the log", () => {
  const style = { colour: false, unicode: true, columns: null };

  test("is time, level, message and fields", () => {
    const line = logLine(style, record("loop failed", { loop: "a1b2", n: 3, why: { a: 1 } }));
    expect(line).toMatch(
      /^2026-0[12]-\d\d \d\d:\d\d:30 {2}info {3}loop failed {2}loop=a1b2 n=3 why=\{"a":1\}$/,
    );
  });

  test("that is no record is shown as it is, harmless", () => {
    expect(logLine(style, "\x1b[31mBun has crashed")).toBe("Bun has crashed");
    expect(logLine(style, '{"level":"info"}')).toBe('{"level":"info"}');
  });
});

test("Ctrl-C is heard from the first line on", async () => {
  writeFileSync(path, record("ready"));
  const steps: string[] = [];
  const context = testContext({ say: () => void steps.push("shown") });
  const onInterrupt = (listener: () => void) => {
    steps.push("listening");
    setImmediate(listener);
    return () => void steps.push("left");
  };
  const ports = { ...testPorts(new FakeDaemon()), env: { LOOPR_HOME: home }, onInterrupt };
  expect(await daemonLogs(context, [], { follow: true }, ports)).toBe(130);
  expect(steps).toEqual(["listening", "shown", "left"]);
});

describe("a growing file", () => {
  test("is read by whole lines, across its rotation and emptying", () => {
    writeFileSync(path, "one\ntw");
    const file = new GrowingFile(path);
    expect(file.tail()).toEqual(["one"]);
    appendFileSync(path, "o\n");
    expect(file.more()).toEqual(["two"]);
    expect(file.more()).toEqual([]);
    appendFileSync(path, "three\n");
    renameSync(path, `${path}.1`);
    writeFileSync(path, "four\n");
    expect(file.more()).toEqual(["three", "four"]);
    writeFileSync(path, "5\n");
    expect(file.more()).toEqual(["5"]);
  });

  test("that was rotated more than once between two looks loses no line", () => {
    const bytesMax = 400;
    const { log, close } = openLog(path, { level: "info", bytesMax, filesMax: 3 });
    const file = new GrowingFile(path);
    const read = file.tail();
    let written = 0;
    const write = (count: number) => {
      for (let n = 0; n < count; n++) log.info(`line ${written++}`);
    };
    // Some 75 bytes a line: one look in a while misses none, however the rotations fall in between.
    for (const count of [3, 5, 9, 1, 0, 11, 7, 10]) {
      write(count);
      read.push(...file.more());
    }
    close();
    expect(read.map((line) => /line (\d+)/.exec(line)?.[1])).toEqual(
      Array.from({ length: written }, (_, n) => String(n)),
    );
  });

  test("shows the lines of before a rotation that has just been", () => {
    writeFileSync(`${path}.1`, "one\n");
    writeFileSync(path, "two\n");
    expect(new GrowingFile(path).tail()).toEqual(["one", "two"]);
  });

  test("may not be there yet", () => {
    const file = new GrowingFile(path);
    expect(file.tail()).toEqual([]);
    expect(file.more()).toEqual([]);
    writeFileSync(path, "one\n");
    expect(file.more()).toEqual(["one"]);
  });
});

describe("loopr logs without an id", () => {
  const portsHere = () => ({ ...testPorts(new FakeDaemon()), env: { LOOPR_HOME: home } });

  test("shows the end of the log and needs no daemon", async () => {
    writeFileSync(path, Array.from({ length: 500 }, (_, n) => record(`line ${n}`)).join(""));
    const context = testContext();
    const ports = portsHere();
    ports.connect = () => Promise.reject(new Error("no daemon is needed"));
    expect(await logs(context, [], {}, ports)).toBe(0);
    expect(context.out).toHaveLength(200);
    expect(context.out.at(-1)).toContain("line 499");
  });

  test("finds what is of the level however far back it is, rotated files included", async () => {
    const error = record("it broke", { level: "error" });
    const many = record("all is well").repeat(9_000);
    for (const [name, content] of [
      [path, error + many],
      [path, many],
      [`${path}.1`, many],
      [`${path}.2`, many],
      [`${path}.3`, error],
    ] as const) {
      writeFileSync(name, content);
      if (content === many) continue;
      const context = testContext();
      expect(await daemonLogs(context, [], { level: "error" }, portsHere())).toBe(0);
      expect(context.out.join("\n")).toMatch(/^\S+ \S+ {2}error {2}it broke$/);
    }
  });

  test("shows a line of megabytes, and says of one that is endless that it is left out", async () => {
    writeFileSync(path, record("x".repeat(3_000_000)) + "y".repeat(17 * 1024 * 1024) + "\n" + record("end"));
    const context = testContext();
    expect(await daemonLogs(context, [], {}, portsHere())).toBe(0);
    expect(context.out).toHaveLength(3);
    expect(context.out[0]).toContain("x".repeat(3_000_000));
    expect(context.out[1]).toBe("(a line of 17 MB is left out)");
    expect(context.out[2]).toContain("end");
  });

  test("that cannot be written is no fault of the log", async () => {
    writeFileSync(path, record("one"));
    const failure = new LooprError("output_failed", "standard output cannot be written");
    const context = testContext({
      say: () => {
        throw failure;
      },
    });
    expect(await failing(daemonLogs(context, [], {}, portsHere()))).toBe(failure);
  });

  test("without a log says so", async () => {
    const context = testContext();
    expect(await logs(context, [], {}, portsHere())).toBe(0);
    expect(context.notes.join()).toContain(path);
  });

  test("-f goes on until Ctrl-C", async () => {
    writeFileSync(path, record("before"));
    const context = testContext();
    const ports = portsHere();
    const ended = logs(context, [], { follow: true }, ports);
    appendFileSync(path, record("after"));
    const deadline = Date.now() + 10_000;
    while (!context.out.some((line) => line.includes("after"))) {
      expect(Date.now()).toBeLessThan(deadline);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    ports.interrupt();
    expect(await ended).toBe(130);
  });

  test("--json gives the records", async () => {
    writeFileSync(path, record("one") + "garbage\n");
    const context = testContext({ json: true });
    await logs(context, [], {}, portsHere());
    expect(context.printed).toMatchObject([{ message: "one", level: "info" }, { message: "garbage" }]);
  });

  test("an iteration needs a loop", async () => {
    expect((await failing(logs(testContext(), [], { iteration: "1" }, portsHere()))).message).toContain(
      "needs a loop",
    );
  });
});
