// The lines that a log has got since a moment, for people: those of an attempt, not of earlier ones.
import { statSync } from "node:fs";
import { plainLine } from "../lib/plain.ts";
import { readTail } from "../lib/regular-file.ts";
import { isShaped } from "../protocol/shape.ts";

const linesMax = 20;
const lineCharsMax = 300;
/** Of what was added only so much at its end is looked at. */
const addedBytesMax = 2 * 1024 * 1024;

export interface LogMark {
  path: string;
  inode: number | null;
  bytes: number;
}

/** Where the log ends now. */
export function markOf(path: string): LogMark {
  try {
    const { ino, size } = statSync(path);
    return { path, inode: ino, bytes: size };
  } catch {
    return { path, inode: null, bytes: 0 }; // None yet, or not to be had: the daemon says what is wrong there.
  }
}

/** Names the log and shows the end of what was added to it. */
export function excerptSince(mark: LogMark): string {
  const lines = textSince(mark)
    .split("\n")
    .filter((line) => line !== "" && !/^\s+at /.test(line))
    .slice(-linesMax)
    .map(readable);
  if (lines.length === 0) return `\n  log: ${mark.path} (nothing was added)`;
  return [`\n  log: ${mark.path}, which ends with`, ...lines.map((line) => `    ${line}`)].join("\n");
}

function textSince({ path, inode, bytes }: LogMark): string {
  try {
    // A rotated or emptied file is new from its beginning.
    const { ino, size } = statSync(path);
    const isSame = ino === inode && size >= bytes;
    return readTail(path, addedBytesMax, isSame ? bytes : 0).toString("utf8");
  } catch {
    return "";
  }
}

function readable(line: string): string {
  const text = recordText(line) ?? line;
  return plainLine(text.length > lineCharsMax ? `${text.slice(0, lineCharsMax)}…` : text);
}

/** The fields stay in the file: of an error they hold its stack. */
function recordText(line: string): string | null {
  try {
    const record: unknown = JSON.parse(line);
    if (!isShaped(record, { time: "string", level: "string", message: "string" })) return null;
    return `${record.time.slice(11, 19)} ${record.level} ${record.message}`;
  } catch {
    return null;
  }
}
