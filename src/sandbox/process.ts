// One job's process, from its start to the certainty that nothing of it is left.
import { closeSync } from "node:fs";
import { LooprError, messageOf } from "../lib/errors.ts";
import { launchPlain } from "./launch-plain.ts";
import { launchSandboxed } from "./launch-sandboxed.ts";
import type { Confinement } from "./mounts.ts";
import { readPipe, type PipeSource } from "./pipes.ts";

/** Between SIGTERM and SIGKILL. */
const killGraceMsDefault = 2_000;
/** After SIGKILL. Only the kernel can delay it then (a hung network file system). */
const killWaitMs = 5_000;
/** Of setting a sandbox up. Each takes milliseconds. */
const attemptsMax = 20;
/** Longest time that a timer can be set to. */
const timerMsMax = 2 ** 31 - 1;

export interface ProcessRequest {
  jobId: string;
  /** The program and its arguments. The program by its absolute path. */
  argv: readonly [string, ...string[]];
  cwd: string;
  /** The whole environment. */
  env: Readonly<Record<string, string>>;
  /** Null: not sandboxed. Only the caller decides that; it is never a way out of a failure here. */
  confinement: Confinement | null;
  timeoutMs: number;
  signal: AbortSignal;
  onOutput(stream: "stdout" | "stderr", chunk: Buffer): void;
}

export type ProcessEnd =
  /** By itself. Killed by signal n from inside: 128 + n. 126 and 127 as the shell means them. */
  | { kind: "exited"; exitCode: number }
  | { kind: "timeout" }
  | { kind: "cancelled" }
  /** It could not be started, or ended in a way that says nothing about the job. */
  | { kind: "error"; message: string };

/** What the processes of a runner share. */
export interface ProcessHost {
  pipes: PipeSource;
  /** The home of Loopr: part of the marker by which left-over processes are found. */
  dataDir: string;
  /** Path of bubblewrap; null where there is none, and every sandboxed job fails. */
  bwrap: string | null;
  /** Looked at when a job is to end. */
  killGraceMs?: number;
}

/** A process that has been started; sandboxed or not, it is ended by the same steps. */
export interface Launched {
  exited: Promise<Exit>;
  /** Asks everything in it to end. */
  terminate(): void;
  /** Ends everything in it that can be found. Harmless when all is gone. */
  kill(): Promise<void>;
}

export type Exit =
  | { kind: "exited"; exitCode: number }
  /** Nothing of the job has run. `churning`: directories from which something vanished in between. */
  | { kind: "unstarted"; message: string; churning: string[] }
  | { kind: "error"; message: string };

export type LaunchRequest = ProcessRequest & { stdio: { stdout: number; stderr: number } };

type Attempt = ProcessEnd | Extract<Exit, { kind: "unstarted" }>;

/** Never throws for what the process does, or for a sandbox that cannot be made. */
export async function runProcess(request: ProcessRequest, host: ProcessHost): Promise<ProcessEnd> {
  const churning = new Set<string>();
  let reason = "";
  // What the sandbox was to cover may have vanished since it was looked up: a socket of the host, a
  // temporary directory. Nothing of the job has run then, so it is tried again with a fresh look.
  for (let tried = 0; tried < attemptsMax; tried++) {
    const end = await attempt(request, host, churning);
    if (end.kind !== "unstarted") return end;
    for (const directory of end.churning) churning.add(directory);
    reason = end.message;
    await new Promise((resolve) => setTimeout(resolve, tried));
  }
  const message = `the sandbox could not be set up, ${attemptsMax} times; nothing of the job has run: ${reason}`;
  return { kind: "error", message };
}

async function attempt(
  request: ProcessRequest,
  host: ProcessHost,
  churning: ReadonlySet<string>,
): Promise<Attempt> {
  const stdout = await host.pipes.take();
  const stderr = await host.pipes.take();
  if (request.signal.aborted) {
    for (const fd of [stdout.readFd, stdout.writeFd, stderr.readFd, stderr.writeFd]) closeSync(fd);
    return { kind: "cancelled" };
  }
  const stderrHead = holdBack(request);
  let launched: Launched;
  try {
    const stdio = { stdout: stdout.writeFd, stderr: stderr.writeFd };
    launched = launch({ ...request, stdio }, host, churning);
  } catch (error) {
    for (const fd of [stdout.readFd, stderr.readFd]) closeSync(fd);
    return { kind: "error", message: describe(error) };
  } finally {
    for (const fd of [stdout.writeFd, stderr.writeFd]) closeSync(fd);
  }
  const readers = [
    readPipe(stdout.readFd, (chunk) => request.onOutput("stdout", chunk)),
    readPipe(stderr.readFd, (chunk) => stderrHead.push(chunk)),
  ];
  const end = await superviseToEnd(launched, request, host);
  for (const reader of readers) reader.finish();
  const words = stderrHead.finish(end.kind === "unstarted");
  return end.kind === "unstarted" ? { ...end, message: words } : end;
}

function launch(request: LaunchRequest, host: ProcessHost, churning: ReadonlySet<string>): Launched {
  return request.confinement
    ? launchSandboxed(request, request.confinement, host, churning)
    : launchPlain(request, host);
}

/** Waits for the end, or brings it about: SIGTERM, grace, SIGKILL. Nothing of the job is left afterwards. */
async function superviseToEnd(
  launched: Launched,
  request: ProcessRequest,
  host: ProcessHost,
): Promise<Attempt> {
  const stopped = stopReason(request);
  const first = await Promise.race([launched.exited, stopped.reason]);
  stopped.clear();
  if (typeof first !== "string") {
    await launched.kill(); // what it left in the background
    return first;
  }
  launched.terminate();
  await within(host.killGraceMs ?? killGraceMsDefault, launched.exited);
  await launched.kill();
  const end = await within(killWaitMs, launched.exited);
  if (end === null) {
    const message = `the job was to end (${first}) and does not, even after SIGKILL: a file system may hang`;
    return { kind: "error", message };
  }
  return { kind: first };
}

function stopReason(request: ProcessRequest): { reason: Promise<"timeout" | "cancelled">; clear(): void } {
  let clear = () => {};
  const reason = new Promise<"timeout" | "cancelled">((resolve) => {
    const timer = setTimeout(() => resolve("timeout"), Math.min(request.timeoutMs, timerMsMax));
    const onAbort = () => resolve("cancelled");
    request.signal.addEventListener("abort", onAbort, { once: true });
    if (request.signal.aborted) onAbort();
    clear = () => {
      clearTimeout(timer);
      request.signal.removeEventListener("abort", onAbort);
    };
  });
  return { reason, clear: () => clear() };
}

/** The value, or null when it takes longer. */
async function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => (timer = setTimeout(() => resolve(null), ms)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const complaintBytesMax = 8 * 1024;

/**
 * Bubblewrap's own complaint comes on the job's standard error. It is held back until it is known whether
 * the job has started at all: then it is the reason of the failure and no output of the job.
 */
function holdBack(request: ProcessRequest): {
  push(chunk: Buffer): void;
  finish(unstarted: boolean): string;
} {
  let held: Buffer | null = request.confinement ? Buffer.alloc(0) : null;
  const release = (): void => {
    if (held?.length) request.onOutput("stderr", held);
    held = null;
  };
  return {
    push: (chunk) => {
      if (held === null) return request.onOutput("stderr", chunk);
      held = Buffer.concat([held, chunk]);
      const start = held.toString("latin1", 0, 7);
      if (!"bwrap: ".startsWith(start.slice(0, held.length)) || held.length > complaintBytesMax) release();
    },
    finish: (unstarted) => {
      const words = held?.toString("utf8").trim() ?? "";
      if (!unstarted) release();
      return words;
    },
  };
}

function describe(error: unknown): string {
  return error instanceof LooprError && error.hint ? `${error.message} (${error.hint})` : messageOf(error);
}
