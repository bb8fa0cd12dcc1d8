// One child process with an owner, a deadline and an end: own group, TERM, grace, KILL; bounded output.
import { spawn, type ChildProcess } from "node:child_process";
import { killPoint } from "../lib/kill-point.ts";

/** Between TERM and KILL: git removes its lock files on TERM. */
const killGraceMs = 5_000;
const stderrBytesMax = 64 * 1024;

export interface ProcessRequest {
  program: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  input: Buffer | null;
  timeoutMs: number;
  /** Where standard output passes this, the process is ended and `cut` is true. */
  outputBytesMax: number;
}

export interface ProcessResult {
  /** Null where a signal ended it. */
  code: number | null;
  stdout: Buffer;
  stderr: string;
  timedOut: boolean;
  cut: boolean;
}

/** Rejects only where the program cannot be started (a system error such as ENOENT). */
export function runProcess(request: ProcessRequest): Promise<ProcessResult> {
  return new Promise((resolve, reject) => {
    killPoint();
    const child = spawn(request.program, request.args, {
      cwd: request.cwd,
      env: request.env,
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    const result: ProcessResult = {
      code: null,
      stdout: Buffer.alloc(0),
      stderr: "",
      timedOut: false,
      cut: false,
    };
    let grace: NodeJS.Timeout | undefined;
    const end = () => {
      signalGroup(child, "SIGTERM");
      grace ??= setTimeout(() => signalGroup(child, "SIGKILL"), killGraceMs);
    };
    const deadline = setTimeout(() => {
      result.timedOut = true;
      end();
    }, request.timeoutMs);
    const output = collect(child, request.outputBytesMax, () => {
      result.cut = true;
      end();
    });
    const settle = () => {
      clearTimeout(deadline);
      clearTimeout(grace);
    };
    child.on("error", (error) => {
      settle();
      reject(error);
    });
    child.on("close", (code) => {
      settle();
      resolve({ ...result, code, stdout: Buffer.concat(output.stdout), stderr: output.stderr() });
    });
    // A git that ends without reading its input makes the write fail; its exit code tells the reason.
    child.stdin.on("error", () => undefined);
    child.stdin.end(request.input ?? undefined);
  });
}

function collect(child: ChildProcess, bytesMax: number, onTooMuch: () => void) {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let stdoutBytes = 0;
  let stderrBytes = 0;
  child.stdout?.on("data", (chunk: Buffer) => {
    const room = bytesMax - stdoutBytes;
    if (room > 0) stdout.push(chunk.subarray(0, room));
    stdoutBytes += chunk.length;
    if (stdoutBytes > bytesMax) onTooMuch();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    const room = stderrBytesMax - stderrBytes;
    if (room > 0) stderr.push(chunk.subarray(0, room));
    stderrBytes += chunk.length;
  });
  return { stdout, stderr: () => Buffer.concat(stderr).toString("utf8") };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}
