// Starting a daemon in the background, and hearing from it how that went.
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, constants, lstatSync, mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { deferred } from "../lib/deferred.ts";
import { requireOpenFiles } from "../lib/open-files.ts";
import { defaultDataDir, defaultSocketPath } from "../lib/paths.ts";
import { openRegular } from "../lib/regular-file.ts";
import { isDaemonLockHeld, lockHolder } from "./holder.ts";
import { crashLogPath } from "./log-files.ts";
import { isReadinessLine, type ReadinessLine } from "../protocol/identity.ts";
import { LineDecoder } from "../rpc/lines.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** What a daemon inherits. Keys come by `initialize`; what steers a runtime or a terminal stays behind. */
const inheritedNames = new Set([
  ..."HOME USER LOGNAME SHELL PATH LANG LANGUAGE TZ TMPDIR".split(" "),
  ..."XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME XDG_STATE_HOME".split(" "),
  ..."SSL_CERT_FILE SSL_CERT_DIR NODE_EXTRA_CA_CERTS".split(" "),
]);
const inheritedPatterns = [/^LOOPR_/, /^LC_/, /^(https?|all|ftp|no)_proxy$/i];

export type SpawnOutcome =
  | { kind: "ready"; pid: number }
  | { kind: "error"; code: string; message: string; hint: string }
  /** It died without a word. */
  | { kind: "died"; how: string }
  /**
   * It has neither said that it is ready nor that it gets on. Ended, where it has not even taken its lock:
   * nothing else would know of it.
   */
  | { kind: "silent"; pid: number | null; ended: boolean };

export interface SpawnOptions {
  /** The program and its first arguments. */
  program: [string, ...string[]];
  /** Until when it has to be ready, in milliseconds since 1970. Asked again after each progress. */
  deadline: () => number;
  onProgress: (text: string) => void;
}

/** Resolves as soon as the daemon has said how its start ended, has ended, or was silent for too long. */
export async function spawnDaemon(env: Environment, options: SpawnOptions): Promise<SpawnOutcome> {
  requireOpenFiles();
  const dataDir = defaultDataDir(env);
  const [command, ...args] = options.program;
  const stderr = openCrashLog(dataDir);
  const child = spawn(command, [...args, "daemon", "start", "--foreground", "--readiness-fd", "3"], {
    argv0: "loopr",
    cwd: "/",
    detached: true,
    env: daemonEnvironment(env, dataDir),
    stdio: ["ignore", "ignore", stderr ?? "ignore", "pipe"],
  });
  if (stderr !== null) closeSync(stderr);
  const outcome = deferred<SpawnOutcome | { kind: "late" }>();
  const watch = () => setTimeout(() => outcome.resolve({ kind: "late" }), options.deadline() - Date.now());
  let silence = watch();
  const pipe = child.stdio[3];
  const decoder = new LineDecoder(readinessBytesMax);
  pipe?.on("data", (chunk: Buffer) => {
    for (const line of decoder.push(chunk)) {
      const said = line.kind === "line" ? parseLine(line.text) : null;
      if (said === null) continue;
      if ("progress" in said) {
        options.onProgress(said.progress);
        clearTimeout(silence);
        silence = watch();
      } else if ("ready" in said) outcome.resolve({ kind: "ready", pid: said.ready.pid });
      else outcome.resolve({ kind: "error", ...said.error });
    }
  });
  child.on("error", (error) => outcome.resolve({ kind: "died", how: error.message }));
  // Not `close`: that waits for the pipe, which a daemon that goes on has already closed.
  child.on("exit", (code, signal) => {
    setTimeout(() => outcome.resolve({ kind: "died", how: signal ?? `exit code ${code}` }), lastWordsMs);
  });
  const result = await outcome.promise;
  clearTimeout(silence);
  pipe?.destroy();
  const ended = result.kind === "late" && endUnlocked(child, dataDir);
  child.unref();
  return result.kind === "late" ? { kind: "silent", pid: child.pid ?? null, ended } : result;
}

/** With its lock it is a daemon that `status` and `stop` know of: it may be on its way. */
function endUnlocked(child: ChildProcess, dataDir: string): boolean {
  if (isDaemonLockHeld(dataDir)) {
    const holder = lockHolder(dataDir);
    if (holder === null || holder.pid === child.pid) return false;
  }
  return child.kill("SIGKILL");
}

const readinessBytesMax = 64 * 1024;
/** Starts that fail again and again must not fill the disk. */
const crashLogBytesMax = 1024 * 1024;
const crashLogFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;
/** What a daemon wrote just before its end may arrive after the news of it. */
const lastWordsMs = 20;

/** Paths are settled here: the daemon's directory is not ours. */
function daemonEnvironment(env: Environment, dataDir: string): Record<string, string> {
  const inherited: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    if (inheritedNames.has(name) || inheritedPatterns.some((pattern) => pattern.test(name))) {
      inherited[name] = value;
    }
  }
  inherited["LOOPR_HOME"] = dataDir;
  if (env["LOOPR_SOCKET"]) inherited["LOOPR_SOCKET"] = defaultSocketPath(env);
  return inherited;
}

/**
 * Where a crash that the daemon cannot log itself leaves its trace. Only in a home that looks like ours:
 * whether it is any good, the daemon finds out and says.
 */
function openCrashLog(dataDir: string): number | null {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    const home = lstatSync(dataDir);
    if (!home.isDirectory() || home.uid !== process.getuid?.()) return null;
    mkdirSync(join(dataDir, "logs"), { recursive: true, mode: 0o700 });
    const path = crashLogPath(dataDir);
    if (!lstatSync(dirname(path)).isDirectory()) return null;
    const tooLong = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > crashLogBytesMax;
    return openRegular(path, crashLogFlags | (tooLong ? constants.O_TRUNC : 0), 0o600);
  } catch {
    return null;
  }
}

function parseLine(text: string): ReadinessLine | null {
  try {
    const said: unknown = JSON.parse(text);
    return isReadinessLine(said) ? said : null;
  } catch {
    return null;
  }
}
