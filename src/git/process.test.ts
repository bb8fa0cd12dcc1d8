import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProcess, type ProcessRequest } from "./process.ts";

const shell = (script: string, options: Partial<ProcessRequest> = {}) =>
  runProcess({
    program: "/bin/sh",
    args: ["-c", script],
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "" },
    input: null,
    timeoutMs: 20_000,
    outputBytesMax: 1_000_000,
    ...options,
  });

/** Polls until no process has the id; a zombie counts as gone. */
async function gone(pid: number): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      if (/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) return;
    } catch {
      return;
    }
    if (Date.now() > deadline) throw new Error(`process ${pid} is still there`);
    await Bun.sleep(20);
  }
}

test("input, output, exit code and environment", async () => {
  const result = await shell('cat; echo "$A" >&2; exit 3', {
    input: Buffer.from("in\0put"),
    env: { A: "ä" },
  });
  expect(result).toEqual({
    code: 3,
    stdout: Buffer.from("in\0put"),
    stderr: "ä\n",
    timedOut: false,
    cut: false,
  });
});

test("input that nobody reads is no error", async () => {
  const result = await shell("exit 0", { input: Buffer.alloc(4_000_000) });
  expect(result.code).toBe(0);
});

test("a deadline ends the whole group, even one that ignores TERM", async () => {
  const directory = mkdtempSync(join(tmpdir(), "loopr-process-"));
  try {
    const pids = join(directory, "pids");
    const script = `trap '' TERM; echo $$ >> ${pids}; (trap '' TERM; sh -c 'echo $$ >> ${pids}; while :; do sleep 1; done') & while :; do sleep 1; done`;
    const result = await shell(script, { timeoutMs: 300 });
    expect([result.timedOut, result.code]).toEqual([true, null]);
    const started = readFileSync(pids, "utf8").trim().split("\n").map(Number);
    expect(started).toHaveLength(2);
    for (const pid of started) await gone(pid);
  } finally {
    rmSync(directory, { recursive: true });
  }
}, 30_000);

test("a flood of output is cut and ended", async () => {
  const result = await shell("yes", { outputBytesMax: 10_000 });
  expect([result.cut, result.stdout.length]).toEqual([true, 10_000]);
  const errors = await shell("head -c 10000000 /dev/zero >&2");
  expect([errors.code, errors.stderr.length <= 64 * 1024]).toEqual([0, true]);
});

test("a program that is not there rejects", async () => {
  const error = await shell("", { program: "/nonexistent/git" }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "ENOENT" });
});
