// Reading daemon.json: advice about who the daemon is, believed only as far as the process list agrees.
import { join } from "node:path";
import { bootId, processStartTime } from "../lib/processes.ts";
import { readSmall } from "../lib/regular-file.ts";
import { isDaemonIdentity, type DaemonIdentity } from "../protocol/identity.ts";

/** What daemon.json says; null where it is missing or garbage. */
export function readIdentity(dataDir: string): DaemonIdentity | null {
  try {
    const told: unknown = JSON.parse(readSmall(join(dataDir, "daemon.json")));
    return isDaemonIdentity(told) ? told : null;
  } catch {
    return null;
  }
}

/** Whether the process that wrote it still runs: the same PID, started at the same time, in the same boot. */
export function isIdentityAlive(identity: DaemonIdentity): boolean {
  return identity.bootId === bootId() && processStartTime(identity.pid) === identity.startTime;
}
