// Which process is meant: a PID alone is reused, a PID with its start time and boot is not.
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";

/**
 * When a process started, in a form that only compares: equal means the same process. Null where there is
 * no such process, and for a zombie, which is dead, unless threads of it live on: they hold its files open.
 * Works for other users' processes too.
 */
export function processStartTime(pid: number): string | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  if (process.platform !== "linux") return startTimeFromPs(pid);
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return null;
  }
  // The name, in parentheses, may hold anything. After it: field 3 is the state, 20 counts the threads,
  // 22 is the start time.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const isDead = fields[0] === "X" || (fields[0] === "Z" && Number(fields[17]) <= 1);
  return isDead ? null : (fields[19] ?? null);
}

function startTimeFromPs(pid: number): string | null {
  const { spawnSync } = process.getBuiltinModule("node:child_process");
  const result = spawnSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" });
  const [, state = "", started = ""] = /^\s*(\S+)\s+(.+?)\s*$/.exec(result.stdout) ?? [];
  return started === "" || state.startsWith("Z") ? null : started;
}

/** Of the user that we run as, who need not have an account: then `userInfo` fails. */
export function ownUid(): number {
  return process.getuid?.() ?? userInfo().uid;
}

/** Changes with every boot; empty where the platform does not tell (its start times hold a date instead). */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}

/** Sends a signal; false where the process is gone. Throws where it is not ours to signal (EPERM). */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}
