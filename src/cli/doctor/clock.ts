// A clock that is wrong: certificates look invalid, and what was written last does not look newest.
import { statSync } from "node:fs";
import { join } from "node:path";
import { duration } from "../format.ts";
import { ok, warn, type Finding } from "./finding.ts";

/** Clocks of machines that share a disk differ a little. */
const skewMs = 2 * 60_000;
/** Loopr did not exist before: a machine without a battery for its clock starts in 1970. */
const earliestMs = Date.UTC(2025, 0, 1);
const remedy = "set the clock: timedatectl set-ntp true, or date -s";
/** What the daemon writes all the time. */
const witnesses = ["daemon.json", "loopr.db", "loopr.db-wal", join("logs", "daemon.log")];

export function checkClock(home: string, nowMs = Date.now()): Finding {
  const now = new Date(nowMs).toISOString();
  if (nowMs < earliestMs) {
    return warn("clock", `it says ${now}, which cannot be: connections to model services will fail`, remedy);
  }
  const written = witnesses.map((name) => ({ name, ms: modifiedMs(join(home, name)) }));
  const latest = written.reduce((a, b) => (b.ms > a.ms ? b : a));
  if (latest.ms > nowMs + skewMs) {
    const ahead = duration(latest.ms - nowMs);
    const file = join(home, latest.name);
    return warn(
      "clock",
      `it says ${now}, and ${file} was written ${ahead} after that: it is behind, or was ahead`,
      remedy,
    );
  }
  return ok("clock", now);
}

function modifiedMs(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return 0; // Not there, or not ours to look at, which another check says.
  }
}
