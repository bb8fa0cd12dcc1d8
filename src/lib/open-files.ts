// How many files and sockets a process may have open at once.
import { readFileSync } from "node:fs";
import { LooprError } from "./errors.ts";

/** What the store, the log, git and the runners of a daemon take, clients not counted. */
export const reservedDescriptors = 64;
/** With fewer, a daemon would start and then fail at whatever comes first. */
const daemonNeeds = reservedDescriptors + 32;

/** The limit of this process; null where the platform does not tell. */
export function openFilesMax(): number | null {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}

/** Throws `too_few_files`. A daemon has the limit of who starts it. */
export function requireOpenFiles(): void {
  const limit = openFilesMax();
  if (limit === null || limit >= daemonNeeds) return;
  throw new LooprError(
    "too_few_files",
    `only ${limit} files may be open at once here (ulimit -n), and the daemon needs at least ${daemonNeeds}`,
    "raise the limit: ulimit -n 1024, or as root in /etc/security/limits.conf",
  );
}
