// A job without a sandbox: its own session, and a marker in its environment by which everything that
// descends from it is found.
//
// The limit of that: a process that leaves its session, loses its parent *and* starts a program with a
// cleaned environment (`env -i setsid …` in the background) is found no more, and outlives the job. Only
// the sandbox's process namespace is airtight; `sandbox.mode: none` is a person's explicit choice.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { messageOf } from "../lib/errors.ts";
import { carriesMarker, descendantsOf, jobMarker, jobMarkerValue, listProcesses, signal } from "./proc.ts";
import type { Exit, Launched, LaunchRequest, ProcessHost } from "./process.ts";

/** Rounds of finding and killing. A fork bomb is frozen in the first ones, so that it cannot run away. */
const killRoundsMax = 50;
const roundMs = 5;

export function launchPlain(request: LaunchRequest, host: ProcessHost): Launched {
  const marker = jobMarkerValue(host.dataDir, request.jobId);
  const [program, ...args] = request.argv;
  const child = spawn(program, args, {
    cwd: request.cwd,
    env: { ...request.env, [jobMarker]: marker },
    stdio: ["ignore", request.stdio.stdout, request.stdio.stderr],
    detached: true,
  });
  const exited = new Promise<Exit>((resolve) => {
    child.on("error", (error) => {
      resolve({ kind: "error", message: `the job could not be started: ${messageOf(error)}` });
    });
    child.on("exit", (code, signalName) => {
      const byKill = signalName === null ? 0 : 128 + constants.signals[signalName];
      resolve({ kind: "exited", exitCode: code ?? byKill });
    });
  });
  const members = (): number[] => (child.pid === undefined ? [] : membersOf(child.pid, marker));
  return {
    exited,
    terminate: () => {
      for (const pid of members()) signal(pid, "SIGTERM");
    },
    kill: () => killAll(members),
  };
}

/** Kills until a look finds nobody. What is found is frozen first: a frozen process starts no more. */
export async function killAll(find: () => number[]): Promise<void> {
  for (let round = 0; round < killRoundsMax; round++) {
    let found = find();
    if (found.length === 0) return;
    for (let known = 0; known < found.length;) {
      known = found.length;
      for (const pid of found) signal(pid, "SIGSTOP");
      found = find();
    }
    for (const pid of found) signal(pid, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, roundMs));
  }
}

function membersOf(pid: number, marker: string): number[] {
  const processes = listProcesses().filter((entry) => entry.state !== "Z" && entry.state !== "X");
  const below = new Set(descendantsOf(pid, processes));
  return processes
    .filter(
      (entry) =>
        entry.pid === pid ||
        entry.group === pid ||
        entry.session === pid ||
        below.has(entry.pid) ||
        carriesMarker(entry.pid, marker, "whole"),
    )
    .map((entry) => entry.pid);
}
