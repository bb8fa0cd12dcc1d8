// What a daemon that was killed may have left behind, and the end of it.
import { readdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { systemCode } from "../lib/errors.ts";
import { killAll } from "./launch-plain.ts";
import { carriesMarker, jobMarkerValue, listProcesses, processEntry } from "./proc.ts";

/**
 * Ends the processes of earlier jobs of this home, and removes what earlier runners left in it. For the
 * start of a daemon, when it has no runner yet. Returns how many processes there were.
 */
export async function sweepOrphanJobs(dataDir: string): Promise<number> {
  const home = resolve(dataDir);
  removeRunnerDirectories(join(home, "runners"));
  return killMarked(jobMarkerValue(home, ""), "start");
}

/**
 * Whether a runner of this home has ended without cleaning up behind itself: each has a directory from its first job
 * on, and removes it when none of its jobs is left. To look through all processes takes a tenth of a daemon's start.
 */
export function mayHaveOrphans(dataDir: string): boolean {
  try {
    return readdirSync(join(resolve(dataDir), "runners")).length > 0;
  } catch (error) {
    return systemCode(error) !== "ENOENT";
  }
}

/** Ends what is left of one job whose runner has died. */
export function killJob(dataDir: string, jobId: string): Promise<number> {
  return killMarked(jobMarkerValue(resolve(dataDir), jobId), "whole");
}

async function killMarked(value: string, match: "whole" | "start"): Promise<number> {
  // A daemon that was itself started from within a job is not its own orphan.
  const own = new Set<number>();
  for (let pid = process.pid; pid > 1 && !own.has(pid); pid = processEntry(pid)?.parent ?? 0) own.add(pid);
  const killed = new Set<number>();
  await killAll(() => {
    const found = listProcesses()
      .filter((entry) => entry.state !== "Z" && entry.state !== "X" && !own.has(entry.pid))
      .map((entry) => entry.pid)
      .filter((pid) => carriesMarker(pid, value, match));
    for (const pid of found) killed.add(pid);
    return found;
  });
  return killed.size;
}

/** One directory a runner, named by its process id. */
function removeRunnerDirectories(directory: string): void {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return; // there was no runner yet
  }
  for (const name of names) {
    if (!/^\d+$/.test(name) || processEntry(Number(name)) !== null) continue;
    rmSync(join(directory, name), { recursive: true, force: true });
  }
}
