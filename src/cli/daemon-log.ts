// The daemon's log as lines for people. Read from its file: no daemon is needed for it, or started.
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod/mini";
import { deferred } from "../lib/deferred.ts";
import { systemCode } from "../lib/errors.ts";
import { defaultDataDir } from "../lib/paths.ts";
import { plainLine } from "../lib/plain.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { clockTime, paint, styleOf, type Paint, type Style } from "./format.ts";
import type { CliPorts } from "./ports.ts";

const linesShown = 200;
/** How much of the file's end is looked at for them. */
const tailBytes = 512 * 1024;
const pollMs = 250;

export async function showDaemonLog(context: CliContext, ports: CliPorts, follow: boolean): Promise<number> {
  const path = join(defaultDataDir(ports.env), "logs", "daemon.log");
  const style = styleOf(context, ports.env);
  const show = (line: string) => {
    if (context.json) context.print(parseJson(line) ?? { message: line });
    else context.say(logLine(style, line));
  };
  const file = new GrowingFile(path);
  const lines = file.tail();
  if (lines.length === 0 && !existsSync(path)) {
    context.note(`There is no log yet: ${path}`);
    if (!follow) return exitCodes.done;
  }
  for (const line of lines.slice(-linesShown)) show(line);
  if (!follow) return exitCodes.done;

  const interrupted = deferred<true>();
  const stopListening = ports.onInterrupt(() => interrupted.resolve(true));
  try {
    while (!(await Promise.race([interrupted.promise, sleep(pollMs, false)]))) {
      for (const line of file.more()) show(line);
    }
    return exitCodes.interrupted;
  } finally {
    stopListening();
  }
}

/** Reads what is appended to a file, across its rotation. */
export class GrowingFile {
  readonly #path: string;
  #fd: number | null = null;
  #position = 0;
  #open: Buffer = Buffer.alloc(0);

  constructor(path: string) {
    this.#path = path;
  }

  /** The whole lines at its end. */
  tail(): string[] {
    if (!this.#openFile()) return [];
    const size = this.#size();
    this.#position = Math.max(0, size - tailBytes);
    const cut = this.#position > 0;
    const lines = this.#read();
    return cut ? lines.slice(1) : lines;
  }

  /** The whole lines that have come since. */
  more(): string[] {
    if (this.#fd === null && !this.#openFile()) return [];
    const lines = this.#read();
    if (!this.#wasReplaced()) return lines;
    this.#close();
    return this.#openFile() ? [...lines, ...this.#read()] : lines;
  }

  #openFile(): boolean {
    try {
      this.#fd = openSync(this.#path, "r");
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
    try {
      return statSync(this.#path).ino !== fstatSync(this.#fd).ino;
    } catch {
      return false; // between two names: the old one may still grow
    }
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

const LogRecord = z.catchall(
  z.object({ time: z.string(), level: z.string(), message: z.string() }),
  z.unknown(),
);

const levelPaints: Readonly<Record<string, Paint>> = { error: "red", warn: "yellow", info: "green" };

/** Time, level, message, then the fields as `name=value`; what is no record is shown as it is. */
export function logLine(style: Style, line: string): string {
  const record = LogRecord.safeParse(parseJson(line)).data;
  if (!record) return plainLine(line);
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
