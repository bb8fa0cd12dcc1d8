// Keeping what the daemon before us left when it crashed, before our own traces cover it.
import { copyFileSync, renameSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { crashLogPath } from "../client/log-files.ts";
import { crashRecordPath, remainsOf, type Crash, type Places } from "../client/post-mortem.ts";
import type { Log } from "../lib/log.ts";

/**
 * To be called with the lock held and before our own daemon.json is written. Returns the crash, null where
 * the daemon before ended in good order. Failing to keep it never keeps a daemon from starting.
 */
export function keepCrash(places: Places, log: Log): Crash | null {
  const remains = remainsOf(places);
  const crash = remains.kind === "crashed" ? remains.crash : null;
  try {
    if (crash) writeRecord(crashRecordPath(places.dataDir), crash);
    setAside(crashLogPath(places.dataDir));
  } catch (error) {
    log.warn("what the daemon before left could not be kept", { error });
  }
  return crash;
}

function writeRecord(path: string, crash: Crash): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, JSON.stringify(crash) + "\n", { mode: 0o600 });
  renameSync(temporary, path);
}

/** Copied and emptied, not renamed: our own stderr leads to this very file, and appends. */
function setAside(path: string): void {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
}
