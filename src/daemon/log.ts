// logs/daemon.log: JSON lines, private, rotated while running. Losing a line never hurts the daemon.
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { messageOf, systemCode } from "../lib/errors.ts";
import { logLevels, type Log, type LogLevel, type LogWrite } from "../lib/log.ts";
import { openRegular } from "../lib/regular-file.ts";

const lineBytesMax = 64 * 1024;
const appendFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;

export interface LogFile {
  readonly log: Log;
  /** From now on this text is blotted out wherever it would be logged. For keys, which no caller should log. */
  readonly addSecret: (secret: string) => void;
  /** A text without the secrets, for what is written elsewhere. */
  readonly redact: (text: string) => string;
  /** For SIGHUP: someone has moved the file away. */
  readonly reopen: () => void;
  /** Makes the file and its directory again where somebody removed them: true where it had to. */
  readonly restore: () => boolean;
  readonly close: () => void;
}

export interface LogOptions {
  level: LogLevel;
  /** A file that would grow beyond this is put aside. */
  bytesMax: number;
  /** daemon.log, daemon.log.1, …: so many in all. */
  filesMax: number;
}

export function openLog(path: string, options: LogOptions): LogFile {
  const { bytesMax, filesMax } = options;
  const secrets = new Set<string>();
  let file = open(path);

  const rotate = (): void => {
    close(file);
    for (let n = filesMax - 1; n >= 1; n--) moveIfThere(n === 1 ? path : `${path}.${n - 1}`, `${path}.${n}`);
    if (filesMax === 1) rmSync(path, { force: true });
    file = open(path);
  };
  const redact = (text: string): string =>
    [...secrets].reduce((rest, secret) => rest.replaceAll(secret, "[redacted]"), text);
  const write = (level: LogLevel, message: string, fields: Record<string, unknown>): void => {
    const line = formatLine({ level, message: redact(message), fields, redact });
    const bytes = Buffer.from(redact(line)); // Names of fields, too.
    if (file.bytes > 0 && file.bytes + bytes.length > bytesMax) rotate();
    file.bytes += append(file, bytes);
  };

  const least = logLevels.indexOf(options.level);
  const writer = (level: LogLevel): LogWrite =>
    logLevels.indexOf(level) < least
      ? () => {}
      : (message, fields = {}) => {
          write(level, message, fields);
        };
  return {
    log: {
      trace: writer("trace"),
      debug: writer("debug"),
      info: writer("info"),
      warn: writer("warn"),
      error: writer("error"),
    },
    addSecret: (secret) => {
      // As it is, as JSON writes it, and as JSON writes what holds JSON.
      let form = secret;
      for (let depth = 0; depth < 3 && secret !== ""; depth++, form = JSON.stringify(form).slice(1, -1)) {
        secrets.add(form);
      }
    },
    redact,
    reopen: () => {
      close(file);
      file = open(path);
    },
    restore: () => {
      if (file.fd !== null && fstatSync(file.fd).ino === lstatSync(path, { throwIfNoEntry: false })?.ino) {
        return false;
      }
      close(file);
      file = open(path);
      return file.fd !== null;
    },
    close: () => close(file),
  };
}

/** The level that `LOOPR_LOG` asks for; the configured one where it is unset or not a level. */
/** What LOOPR_LOG says, where that is no level; null: it is one, or not set. */
export function unknownLogLevel(text: string | undefined): string | null {
  return text && !logLevels.some((level) => level === text.toLowerCase()) ? text : null;
}

export function logLevelOf(text: string | undefined, configured: LogLevel): LogLevel {
  return logLevels.find((level) => level === text?.toLowerCase()) ?? configured;
}

interface OpenFile {
  fd: number | null;
  bytes: number;
}

function open(path: string): OpenFile {
  try {
    const fd = openForAppending(path);
    return { fd, bytes: fstatSync(fd).size };
  } catch {
    return { fd: null, bytes: 0 };
  }
}

/** What is in the log's place and is no file is put aside: it is not ours to delete. */
function openForAppending(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return openRegular(path, appendFlags, 0o600);
  } catch (error) {
    if (systemCode(error) !== "EFTYPE") throw error;
    renameSync(path, `${path}.aside-${Date.now()}`);
    return openRegular(path, appendFlags, 0o600);
  }
}

function close(file: OpenFile): void {
  if (file.fd !== null) closeSync(file.fd);
  file.fd = null;
}

function append(file: OpenFile, bytes: Buffer): number {
  if (file.fd === null) return 0;
  try {
    return writeSync(file.fd, bytes);
  } catch {
    return 0; // A full disk: the daemon has better places to say so.
  }
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch {
    // There is none yet.
  }
}

interface Entry {
  level: LogLevel;
  message: string;
  fields: Record<string, unknown>;
  /** Applied to each text before JSON changes how it reads, and before it is cut. */
  redact: (text: string) => string;
}

function formatLine({ level, message, fields, redact }: Entry): string {
  const record = { time: new Date().toISOString(), level, message, ...fields };
  let line: string;
  try {
    line = JSON.stringify(record, (_key, value: unknown) => {
      if (value instanceof Error) return errorFields(value);
      return typeof value === "string" ? redact(value) : value;
    });
  } catch (error) {
    line = JSON.stringify({ time: record.time, level, message, fields: redact(messageOf(error)) });
  }
  if (line.length > lineBytesMax) {
    line = JSON.stringify({
      time: record.time,
      level,
      message: message.slice(0, lineBytesMax / 2),
      cut: line.length,
    });
  }
  return line + "\n";
}

function errorFields(error: Error): Record<string, unknown> {
  return {
    name: error.name,
    message: error.message,
    ...("code" in error ? { code: error.code } : {}),
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: error.cause }),
  };
}
