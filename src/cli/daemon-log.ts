// The daemon's log as lines for people. Read from its file: no daemon is needed for it, or started.
import { closeSync, constants, existsSync, fstatSync, readSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { logPath } from "../client/log-files.ts";
import { deferred } from "../lib/deferred.ts";
import { LooprError, systemCode } from "../lib/errors.ts";
import { logLevels, type LogLevel } from "../lib/log.ts";
import { defaultDataDir } from "../lib/paths.ts";
import { plainLine } from "../lib/plain.ts";
import { reasonOf, unusableFileOf } from "../lib/reason.ts";
import { openRegular } from "../lib/regular-file.ts";
import { isShaped } from "../protocol/shape.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { lastLines } from "./last-lines.ts";
import { clockTime, paint, styleOf, type Paint, type Style } from "./format.ts";
import { usage } from "./usage.ts";
import { createPorts, type CliPorts } from "./ports.ts";

const linesShown = 200;
const pollMs = 250;

/** loopr daemon logs */
export async function daemonLogs(
  context: CliContext,
  _args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  return showDaemonLog(context, ports, typed["follow"] === true, levelOf(typed["level"]));
}

function levelOf(typed: unknown): LogLevel {
  if (typed === undefined) return "trace";
  const text = typeof typed === "string" ? typed : "";
  const level = logLevels.find((one) => one === text.toLowerCase());
  if (level) return level;
  throw usage(`--level ${text} is no level of the log`, `it is one of ${logLevels.join(", ")}`);
}

/** `least`: records below this level are left out. What is no record is shown always: it may be a crash. */
export async function showDaemonLog(
  context: CliContext,
  ports: CliPorts,
  follow: boolean,
  least: LogLevel = "trace",
): Promise<number> {
  const path = logPath(defaultDataDir(ports.env));
  const style = styleOf(context, ports.env);
  const isWanted = (line: string) => isAtLeast(least, line);
  const show = (line: string) => {
    if (context.json) context.print(parseJson(line) ?? { message: line });
    else context.say(logLine(style, line));
  };
  const interrupted = deferred<true>();
  // Before the first line is there to be read: who reads it may press Ctrl-C at once.
  const stopListening = follow ? ports.onInterrupt(() => interrupted.resolve(true)) : () => {};
  try {
    const file = new GrowingFile(path);
    const lines = file.tail(linesShown, isWanted);
    if (lines.length === 0 && !existsSync(path)) context.note(`There is no log yet: ${path}`);
    for (const line of lines) show(line);
    if (!follow) return exitCodes.done;
    while (!(await Promise.race([interrupted.promise, sleep(pollMs, false)]))) {
      for (const line of file.more().filter(isWanted)) show(line);
    }
    return exitCodes.interrupted;
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    stopListening();
  }
}

function unreadable(path: string, cause: unknown): unknown {
  if (cause instanceof LooprError || systemCode(cause) === "") return cause;
  return new LooprError(
    "log_unreadable",
    `the log ${unusableFileOf(cause) ?? path} cannot be read: ${reasonOf(cause)}`,
    `check the rights of it and of the directories above it (\`ls -ld '${dirname(path)}'\`), or set LOOPR_HOME`,
    { cause },
  );
}

/** Names that a rotated log gets, newest first. */
const rotatedNames = [".1", ".2"] as const;

/** Reads what is appended to a file, across its rotation to `.1` and `.2`. */
export class GrowingFile {
  readonly #path: string;
  #fd: number | null = null;
  #position = 0;
  #open: Buffer = Buffer.alloc(0);

  constructor(path: string) {
    this.#path = path;
  }

  /** So many of the whole lines that are wanted at its end, and before them those of the files that it was. */
  tail(count = linesShown, isWanted: (line: string) => boolean = () => true): string[] {
    const { ino, lines } = this.#lastLines(count, isWanted);
    // It may be rotated meanwhile: what has been read is not read again under another name.
    const seen = new Set([ino]);
    for (let n = 1; lines.length < count; n++) {
      const before = new GrowingFile(`${this.#path}.${n}`);
      if (inodeOf(before.#path) === null) break;
      const earlier = before.#lastLines(count - lines.length, isWanted);
      before.#close();
      if (!seen.has(earlier.ino)) lines.unshift(...earlier.lines);
      seen.add(earlier.ino);
    }
    return lines;
  }

  #lastLines(count: number, isWanted: (line: string) => boolean): { ino: number | null; lines: string[] } {
    if (!this.#openFile() || this.#fd === null) return { ino: null, lines: [] };
    const { ino, size } = fstatSync(this.#fd);
    const { lines, open } = lastLines(this.#fd, size, count, isWanted);
    this.#position = size;
    this.#open = open;
    return { ino, lines };
  }

  /** The whole lines that have come since. */
  more(): string[] {
    if (this.#fd === null && !this.#openFile()) return [];
    const lines = this.#read();
    if (!this.#wasReplaced()) return lines;
    const between = this.#rotatedSince();
    this.#close();
    return [...lines, ...between, ...(this.#openFile() ? this.#read() : [])];
  }

  /** Whole files that came and went since we last looked: ours was rotated more than once. */
  #rotatedSince(): string[] {
    const own = this.#fd === null ? null : fstatSync(this.#fd).ino;
    const at = rotatedNames.findIndex((name) => inodeOf(this.#path + name) === own);
    return rotatedNames
      .slice(0, Math.max(0, at))
      .toReversed()
      .flatMap((name) => {
        const file = new GrowingFile(this.#path + name);
        const lines = file.more();
        file.#close();
        return lines;
      });
  }

  #openFile(): boolean {
    try {
      this.#fd = openRegular(this.#path, constants.O_RDONLY);
      this.#position = 0;
      this.#open = Buffer.alloc(0);
      return true;
    } catch (error) {
      if (systemCode(error) === "ENOENT") return false;
      throw error;
    }
  }

  #close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #size(): number {
    return this.#fd === null ? 0 : fstatSync(this.#fd).size;
  }

  #wasReplaced(): boolean {
    if (this.#fd === null) return true;
    const there = inodeOf(this.#path);
    // Null: between two names, the old one may still grow.
    return there !== null && there !== fstatSync(this.#fd).ino;
  }

  #read(): string[] {
    if (this.#fd === null) return [];
    const size = this.#size();
    if (size < this.#position) this.#position = 0; // emptied
    const chunk = Buffer.alloc(size - this.#position);
    const length = readSync(this.#fd, chunk, 0, chunk.length, this.#position);
    this.#position += length;
    const all = Buffer.concat([this.#open, chunk.subarray(0, length)]);
    const end = all.lastIndexOf(0x0a) + 1;
    this.#open = all.subarray(end);
    return all
      .subarray(0, end)
      .toString("utf8")
      .split("\n")
      .filter((line) => line !== "");
  }
}

function inodeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? null;
}

const recordShape = { time: "string", level: "string", message: "string" } as const;

function isAtLeast(least: LogLevel, line: string): boolean {
  const record = parseJson(line);
  const level = isShaped(record, recordShape) ? record.level : null;
  const rank = logLevels.findIndex((one) => one === level);
  return rank === -1 || rank >= logLevels.indexOf(least);
}

const levelPaints: Readonly<Record<string, Paint>> = { error: "red", warn: "yellow", info: "green" };

/** Time, level, message, then the fields as `name=value`; what is no record is shown as it is. */
export function logLine(style: Style, line: string): string {
  const record = parseJson(line);
  if (!isShaped(record, recordShape)) return plainLine(line);
  const { time, level, message, ...fields } = record;
  const at = new Date(time);
  const when = Number.isNaN(at.getTime()) ? plainLine(time) : `${dateOf(at)} ${clockTime(at.getTime())}`;
  const rest = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return [
    paint(style, "dim", when),
    paint(style, levelPaints[level] ?? "dim", plainLine(level).padEnd(5)),
    plainLine(message),
    ...(rest.length ? [paint(style, "dim", plainLine(rest.join(" ")))] : []),
  ].join("  ");
}

function dateOf(at: Date): string {
  return [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
