// Processes as /proc shows them: who descends from whom, and who carries a job's marker.
import { readdirSync, readFileSync } from "node:fs";

/** The environment variable by which everything that a job starts is known. */
export const jobMarker = "LOOPR_JOB";

/** The marker's value: the home of Loopr that the job belongs to, then the job. */
export function jobMarkerValue(dataDir: string, jobId: string): string {
  return `${dataDir}#${jobId}`;
}

export interface ProcessEntry {
  pid: number;
  parent: number;
  group: number;
  session: number;
  state: string;
  /** Ticks since boot: tells a process from a later one with the same number. */
  startTime: string;
}

/** Null where there is no such process, or no /proc. */
export function processEntry(pid: number): ProcessEntry | null {
  let text;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return null;
  }
  // The second field is the program's name in parentheses, and may hold blanks and parentheses itself.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, parent, group, session] = fields;
  const startTime = fields[19];
  if (state === undefined || startTime === undefined) return null;
  return { pid, state, parent: Number(parent), group: Number(group), session: Number(session), startTime };
}

export function listProcesses(): ProcessEntry[] {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  return names.filter((name) => /^\d+$/.test(name)).flatMap((name) => processEntry(Number(name)) ?? []);
}

/** Everything below a process, the process itself excluded. */
export function descendantsOf(pid: number, processes: readonly ProcessEntry[] = listProcesses()): number[] {
  const children = Map.groupBy(processes, (entry) => entry.parent);
  const found: number[] = [];
  const open = [pid];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const child of children.get(next) ?? []) {
      found.push(child.pid);
      open.push(child.pid);
    }
  }
  return found;
}

/** Whether a process was started with `LOOPR_JOB` of this value, or of a value that starts so. */
export function carriesMarker(pid: number, value: string, match: "whole" | "start"): boolean {
  let environment;
  try {
    environment = readFileSync(`/proc/${pid}/environ`);
  } catch {
    return false; // gone, or another user's
  }
  const text = `\0${environment.toString("utf8")}`;
  return text.includes(match === "whole" ? `\0${jobMarker}=${value}\0` : `\0${jobMarker}=${value}`);
}

/** A zombie counts as gone: it runs nothing any more, and whoever has to reap it may be slow. */
export function isGone(pid: number, startTime: string): boolean {
  const now = processEntry(pid);
  return now === null || now.startTime !== startTime || now.state === "Z" || now.state === "X";
}

/** False where there was nobody to signal. */
export function signal(pid: number, name: "SIGTERM" | "SIGKILL" | "SIGSTOP"): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false;
  }
}
