// How long a client tries to get a daemon, with a program in the daemon's place that does as the test says.
// @waits
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LooprError } from "../lib/errors.ts";
import { establish, type Established } from "./establish.ts";

const limitMs = 30_000;
const totalMs = 2_000;

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "loopr-establish-"));
  mkdirSync(join(dir, "home"), { mode: 0o700 });
});
afterEach(() => {
  for (const pid of started()) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
  rmSync(dir, { recursive: true });
});

/** PIDs of all that were started, in their order. */
function started(): number[] {
  try {
    return readFileSync(join(dir, "pids"), "utf8").trim().split("\n").map(Number);
  } catch {
    return [];
  }
}

const prelude = `
import { appendFileSync, writeSync } from "node:fs";
import { createServer } from "node:net";
appendFileSync(process.env.LOOPR_HOME + "/../pids", process.pid + "\\n");
const say = (line) => writeSync(3, JSON.stringify(line) + "\\n");
const server = { version: "0.2.0", build: "b", protocol: "1.0", pid: process.pid, nonce: "n", started_at: 1,
  home: process.env.LOOPR_HOME, capabilities: { chat: false, loops: true, events: true } };
const listen = () => createServer((socket) => socket.on("data", (chunk) => {
  socket.write(JSON.stringify({ id: JSON.parse(chunk.toString()).id, result: server }) + "\\n");
})).listen(process.env.LOOPR_HOME + "/daemon.sock", () => say({ ready: { pid: process.pid, socket: "" } }));
`;

/** Tries with a daemon that does what `source` says. */
async function tried(source: string, progress: string[] = []): Promise<Established> {
  const file = join(dir, "daemon.mjs");
  writeFileSync(file, prelude + source);
  return establish({
    env: { LOOPR_HOME: join(dir, "home") },
    name: "test",
    credentials: {},
    autoStart: true,
    onProgress: (text) => progress.push(text),
    limits: { totalMs, backOffMs: [10, 30, 90, 270, 600], program: () => [process.execPath, file] },
  });
}

async function failure(attempt: Promise<unknown>): Promise<LooprError> {
  const error = await attempt.catch((reason: unknown) => reason);
  if (error instanceof LooprError) return error;
  throw new Error("it did not fail as it should", { cause: error });
}

test(
  "a daemon that says nothing is given up when the time is over",
  async () => {
    const from = Date.now();
    const error = await failure(tried("setInterval(() => {}, 1_000);"));
    expect(error.code).toBe("daemon_start_failed");
    expect(error.message).toMatch(/it \(PID \d+\) was silent, had not taken its lock, and was ended/);
    expect(Date.now() - from).toBeGreaterThanOrEqual(totalMs);
    expect(started()).toHaveLength(1);
  },
  limitMs,
);

test(
  "one that gets on is waited for, for longer than that",
  async () => {
    const progress: string[] = [];
    const from = Date.now();
    const source = `
      let steps = 0;
      const timer = setInterval(() => {
        say({ progress: "recovering " + ++steps });
        if (steps === 6) { clearInterval(timer); listen(); }
      }, ${totalMs / 4});`;
    const { connection, server, started: isOurs } = await tried(source, progress);
    connection.close();
    expect(Date.now() - from).toBeGreaterThan(totalMs);
    expect(progress).toEqual(Array.from({ length: 6 }, (_, n) => `recovering ${n + 1}`));
    expect([isOurs, server.pid]).toEqual([true, started()[0] ?? 0]);
  },
  limitMs,
);

test(
  "where every start loses to another one that never listens, it tries five times more and says so",
  async () => {
    const error = await failure(
      tried(`say({ error: { code: "already_running", message: "a daemon is running", hint: "" } });`),
    );
    expect(error.code).toBe("daemon_unresponsive");
    expect(error.message).toMatch(/^daemons came and went, and none could be reached in \d+\.\d s\n/);
    expect(error.hint).toContain("loopr daemon restart");
    expect(started().length).toBeGreaterThan(1);
    expect(started().length).toBeLessThanOrEqual(6);
  },
  limitMs,
);

test(
  "one that comes later, after others were lost to it, is found",
  async () => {
    // The first lets the second listen; each of the others loses.
    const source = `
      import { readFileSync } from "node:fs";
      const place = readFileSync(process.env.LOOPR_HOME + "/../pids", "utf8").trim().split("\\n").length;
      if (place === 2) listen();
      else say({ error: { code: "already_running", message: "a daemon is running", hint: "" } });`;
    const { connection, server } = await tried(source);
    connection.close();
    expect(server.pid).toBe(started()[1] ?? 0);
  },
  limitMs,
);
