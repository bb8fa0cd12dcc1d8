// A job in bubblewrap: namespaces of its own for processes, network, mounts and IPC.
//
// Two processes of bubblewrap are around it: the outer one, our child, and the first process of the new
// PID namespace, which the status descriptor names. When that one dies the kernel kills everything in the
// namespace, so there is nothing that could escape; and it dies with the outer one (--die-with-parent).
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, lstatSync, openSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import * as z from "zod/mini";
import { LooprError, messageOf } from "../lib/errors.ts";
import { bwrapOptions, filesInPlace, type Mount } from "./bwrap.ts";
import { handOver } from "./hand-over.ts";
import { resolveMounts, type Confinement } from "./mounts.ts";
import { descendantsOf, isGone, jobMarker, jobMarkerValue, processEntry, signal } from "./proc.ts";
import type { Exit, Launched, LaunchRequest, ProcessHost } from "./process.ts";
import { socketFilter } from "./seccomp.ts";

const statusFd = 3;
const argsFd = 4;
const filterFd = 5;
const fileFdFirst = 6;
/** How long the kernel may take to clear a namespace whose first process was killed. */
const clearMsMax = 5_000;

const Status = z.object({
  "child-pid": z.optional(z.int().check(z.positive())),
  "exit-code": z.optional(z.int()),
});

export function launchSandboxed(
  request: LaunchRequest,
  confinement: Confinement,
  host: ProcessHost,
  churning: ReadonlySet<string>,
): Launched {
  if (host.bwrap === null) {
    throw new LooprError("sandbox_unavailable", "bubblewrap (bwrap) is not installed", "run `loopr doctor`");
  }
  const mounts = resolveMounts(confinement, churning);
  const child = start(host.bwrap, request, { ...confinement, mounts }, host);
  const status = readStatus(child);
  const kill = async (): Promise<void> => {
    if (child.pid === undefined) return;
    // The group holds the outer process and, early on, a child that is not bound to it yet.
    if (child.exitCode === null && child.signalCode === null) signal(-child.pid, "SIGKILL");
    const first = status.first;
    if (first === null) return;
    if (!isGone(first.pid, first.startTime)) signal(first.pid, "SIGKILL");
    await cleared(first);
  };
  return {
    exited: exitOf(child, status, mounts),
    // SIGTERM to bubblewrap itself would end it, and the job with it, at once and without any grace.
    terminate: () => {
      const first = status.first;
      if (first === null) void kill();
      else for (const pid of descendantsOf(first.pid)) signal(pid, "SIGTERM");
    },
    kill,
  };
}

function start(
  bwrap: string,
  request: LaunchRequest,
  confinement: Confinement & { mounts: readonly Mount[] },
  host: ProcessHost,
): ChildProcess {
  const { mounts, net, unixSockets } = confinement;
  const options = bwrapOptions({
    mounts,
    net,
    cwd: request.cwd,
    env: request.env,
    unset: [jobMarker],
    statusFd,
    fileFd: fileFdFirst,
    filterFd,
  });
  const filter = socketFilter(unixSockets);
  if ([...options, ...request.argv].some((option) => option.includes("\0"))) {
    // It would end the option, and what follows it would be taken for another one.
    throw new LooprError("job_invalid", "a path, variable or argument of the job holds a NUL character");
  }
  const files = filesInPlace(mounts).map(({ text }) => openText(text, host.pipes.directory));
  try {
    const child = spawn(bwrap, ["--args", String(argsFd), "--", ...request.argv], {
      cwd: "/",
      // Bubblewrap gets nothing of the job's environment: LD_PRELOAD would run code outside the sandbox.
      env: { [jobMarker]: jobMarkerValue(host.dataDir, request.jobId) },
      stdio: ["ignore", request.stdio.stdout, request.stdio.stderr, "pipe", "pipe", "pipe", ...files],
      detached: true,
    });
    handOver(child, argsFd, options.map((option) => `${option}\0`).join(""));
    handOver(child, filterFd, filter);
    return child;
  } finally {
    for (const fd of files) closeSync(fd);
  }
}

/** What is read in the place of a secret. */
function openText(text: string, directory: string): number {
  if (text === "") return openSync("/dev/null", "r");
  const file = join(directory, "in-place");
  writeFileSync(file, text, { mode: 0o600 });
  const fd = openSync(file, "r");
  unlinkSync(file);
  return fd;
}

interface SandboxStatus {
  /** The first process of the namespace, once it is known. */
  first: { pid: number; startTime: string } | null;
  /** The job's own, once it has ended. Absent where the job never ran. */
  exitCode: number | null;
  ended: Promise<void>;
}

function readStatus(child: ChildProcess): SandboxStatus {
  const stream = child.stdio[statusFd] as Readable | null; // null where it could not be started
  const ended = new Promise<void>((resolve) => {
    stream?.on("close", resolve);
    stream?.on("error", () => resolve());
  });
  const status: SandboxStatus = { first: null, exitCode: null, ended };
  let rest = "";
  stream?.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString("utf8")).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines.filter((text) => text.trim() !== "")) note(status, line);
  });
  return status;
}

function note(status: SandboxStatus, line: string): void {
  const parsed = z.safeParse(Status, parseJson(line));
  if (!parsed.success) return;
  const pid = parsed.data["child-pid"];
  const entry = pid === undefined ? null : processEntry(pid);
  if (entry) status.first = { pid: entry.pid, startTime: entry.startTime };
  status.exitCode = parsed.data["exit-code"] ?? status.exitCode;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function exitOf(child: ChildProcess, status: SandboxStatus, mounts: readonly Mount[]): Promise<Exit> {
  return new Promise((resolve) => {
    child.on("error", (error) => {
      resolve({ kind: "error", message: `bubblewrap could not be started: ${messageOf(error)}` });
    });
    child.on("exit", (code, signalName) => {
      void status.ended.then(() => {
        if (status.exitCode !== null) resolve({ kind: "exited", exitCode: status.exitCode });
        else if (signalName === null && code !== 0) {
          resolve({ kind: "unstarted", message: "", churning: vanishedFrom(mounts) });
        } else {
          resolve({
            kind: "error",
            message: `the sandbox was ended from outside (${signalName ?? "no status"})`,
          });
        }
      });
    });
  });
}

/** The directories from which something has vanished that was to be covered. */
function vanishedFrom(mounts: readonly Mount[]): string[] {
  const isThere = (path: string) => lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  const parent = (path: string): string => (isThere(dirname(path)) ? dirname(path) : parent(dirname(path)));
  return mounts
    .filter(({ kind, path }) => kind !== "entry" && kind !== "link" && !isThere(path))
    .map(({ path }) => parent(path));
}

/** Waits until the namespace is empty: its first process stays until all the others are gone. */
async function cleared(first: { pid: number; startTime: string }): Promise<void> {
  const deadline = performance.now() + clearMsMax;
  for (let pauseMs = 1; !isGone(first.pid, first.startTime); pauseMs = Math.min(pauseMs * 2, 20)) {
    if (performance.now() > deadline) return; // a process in the kernel's hands: nobody can end it sooner
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
