// The daemon's log files, for who has to show them.
import { join } from "node:path";
import { readTail } from "../lib/regular-file.ts";

export function logPath(dataDir: string): string {
  return join(dataDir, "logs", "daemon.log");
}

/** What a daemon wrote to stderr: a crash that it could not log itself. */
export function crashLogPath(dataDir: string): string {
  return join(dataDir, "logs", "daemon.stderr");
}

/** The last words of a daemon that could not take its files away. With its nonce. */
export const stoppedUntidily = "stopped; its files could not be taken away";

/** Of a log that is longer than any of ours only so much is looked at. */
const tailBytesMax = 2 * 1024 * 1024;

/** The last lines of a file; none where it cannot be read. */
export function tailOf(path: string, lines: number): string[] {
  try {
    return readTail(path, tailBytesMax).toString("utf8").trimEnd().split("\n").slice(-lines);
  } catch {
    return [];
  }
}
