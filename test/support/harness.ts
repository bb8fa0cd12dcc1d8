// What every test of the built program needs: a private home, the program run with a deadline, conditions
// polled instead of slept for, and the proof at the end that no process was left behind.
import { spawn, spawnSync, type ChildProcessByStdio } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** The executable under test. */
export const program = process.env["LOOPR_TEST_PROGRAM"] ?? join(root, "dist", "loopr");

const commandDeadlineMs = 30_000;
const cleanupDeadlineMs = 15_000;
const pollMs = 10;

export interface RunOptions {
  /** Added to the home's environment; undefined removes a variable. */
  env?: Record<string, string | undefined>;
  cwd?: string;
  /** Written to stdin, which is closed afterwards. Default: empty. */
  input?: string;
  deadlineMs?: number;
}

export interface RunResult {
  /** Null where a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** A program that is still running. */
export interface Running {
  readonly pid: number;
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly stdin: Writable;
  /** Resolves when it has ended and its output is read; throws at the deadline (default 30 s). */
  wait(deadlineMs?: number): Promise<RunResult>;
  kill(signal: NodeJS.Signals): void;
}

export interface Home {
  /** The private temporary directory; everything below goes with it at the end. */
  readonly root: string;
  /** `LOOPR_HOME`. Not made until the program makes it. */
  readonly dir: string;
  /** `HOME`. */
  readonly userHome: string;
  /** The whole environment that programs run with. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs the built program to its end. Throws at the deadline, with what it had printed. */
  loopr: (args: string[], options?: RunOptions) => Promise<RunResult>;
  /** Like `loopr`, and throws unless the exit code is 0. Returns stdout. */
  ok(args: string[], options?: RunOptions): Promise<string>;
  /** Starts the built program, for what runs until it is told to end. Killed at the end of the test. */
  start(args: string[], options?: RunOptions): Running;
  /** Any other program, in the same environment. */
  exec(command: string, args: string[], options?: RunOptions): Promise<RunResult>;
  spawn(command: string, args: string[], options?: RunOptions): Running;
  /** A new git repository with one commit, in a directory of its own. */
  repository(options?: RepositoryOptions): Repository;
  /** The daemon's PID as `daemon.pid` says; null where there is none. */
  daemonPid(): number | null;
  /** PIDs of the live processes of this home: by their environment, working directory or arguments. */
  processes(): number[];
}

export interface RepositoryOptions {
  name?: string;
  branch?: string;
  files?: Record<string, string>;
}

export interface Repository {
  readonly dir: string;
  /** Runs git there and returns its trimmed stdout; throws with its stderr. */
  git(...args: string[]): string;
  write(path: string, content: string): void;
  read(path: string): string;
}

/** Gives `body` a private home, and afterwards stops its daemon and fails if a process of it survives. */
export async function withHome(body: (home: Home) => Promise<void>): Promise<void> {
  const temporary = realpathSync(mkdtempSync(join(tmpdir(), "loopr-t-")));
  const running = new Set<Running>();
  const home = createHome(temporary, running);
  let failure: unknown;
  let failed = false;
  try {
    await body(home);
  } catch (error) {
    failed = true;
    failure = error;
  }
  const leftovers = await cleanUp(home, running);
  // The evidence of a failed test is worth more than a clean /tmp.
  if (!process.env["LOOPR_TEST_KEEP"]) removeTree(temporary);
  if (failed) throw failure;
  if (leftovers) throw new Error(leftovers);
}

function createHome(temporary: string, running: Set<Running>): Home {
  const userHome = join(temporary, "home");
  const dir = join(userHome, ".loopr");
  mkdirSync(userHome, { recursive: true });
  const env: Record<string, string> = {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    HOME: userHome,
    LOOPR_HOME: dir,
    LANG: "C.UTF-8",
    GIT_CONFIG_NOSYSTEM: "1",
    NO_COLOR: "1",
  };
  const start = (command: string, args: string[], options: RunOptions = {}): Running => {
    const child = launch(command, args, { cwd: userHome, ...options, env: merge(env, options.env) });
    running.add(child);
    return child;
  };
  const exec = async (command: string, args: string[], options: RunOptions = {}): Promise<RunResult> => {
    const child = start(command, args, options);
    child.stdin.end(options.input ?? "");
    const result = await child.wait(options.deadlineMs);
    running.delete(child);
    return result;
  };
  const loopr = (args: string[], options?: RunOptions) => exec(program, args, options);
  return {
    root: temporary,
    dir,
    userHome,
    env,
    loopr,
    exec,
    spawn: start,
    start: (args, options) => start(program, args, options),
    ok: async (args, options) => {
      const result = await loopr(args, options);
      if (result.code === 0) return result.stdout;
      throw new Error(`loopr ${args.join(" ")} ended with ${describeEnd(result)}`);
    },
    repository: (options) => createRepository(temporary, env, options),
    daemonPid: () => readPid(join(dir, "daemon.pid")),
    processes: () => processesOf(dir, temporary),
  };
}

function launch(
  command: string,
  args: string[],
  options: { cwd: string; env: Record<string, string> },
): Running {
  if (command === program && !existsSync(program)) {
    throw new Error(`${program} is missing: run \`node scripts/build.mjs\``);
  }
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(command, args, {
    cwd: options.cwd,
    env: options.env,
    stdio: ["pipe", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.on("error", () => {}); // The program ended before it read its input.
  const ended = new Promise<RunResult>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  ended.catch(() => {});
  return {
    pid: child.pid ?? -1,
    stdout: () => stdout,
    stderr: () => stderr,
    stdin: child.stdin,
    kill: (signal) => void child.kill(signal),
    wait: async (deadlineMs = commandDeadlineMs) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => {
          child.kill("SIGKILL");
          const words = [command, ...args].join(" ");
          reject(new Error(`\`${words}\` did not end in ${deadlineMs} ms\n${stdout}\n${stderr}`));
        }, deadlineMs);
      });
      try {
        return await Promise.race([ended, late]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

function merge(base: Record<string, string>, extra: RunOptions["env"] = {}): Record<string, string> {
  const merged: Record<string, string> = {};
  for (const [name, value] of Object.entries({ ...base, ...extra })) {
    if (value !== undefined) merged[name] = value;
  }
  return merged;
}

function describeEnd(result: RunResult): string {
  const how = result.signal ?? `exit code ${result.code}`;
  return `${how}\nstdout: ${result.stdout}\nstderr: ${result.stderr}`;
}

/** Stops the daemon and whatever else ran. Returns what survived that, or an empty string. */
async function cleanUp(home: Home, running: Set<Running>): Promise<string> {
  for (const child of running) child.kill("SIGKILL");
  for (const pid of home.processes()) signal(pid, "SIGCONT"); // A test may have left it stopped.
  if (home.processes().length > 0 && existsSync(program)) {
    await home.loopr(["daemon", "stop"], { deadlineMs: cleanupDeadlineMs }).catch(() => {});
  }
  try {
    await until(() => home.processes().length === 0, cleanupDeadlineMs, "every process of the home to end");
    return "";
  } catch {
    const survivors = home.processes();
    const list = survivors.map((pid) => `${pid} ${commandLine(pid)}`).join("\n");
    for (const pid of survivors) signal(pid, "SIGKILL");
    return `processes survived the test:\n${list}`;
  }
}

/**
 * Polls until the condition holds (is truthy) and returns its value; throws at the deadline. An exception
 * of the condition counts as "not yet".
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  deadlineMs: number,
  what = "the condition",
): Promise<NonNullable<T>> {
  const deadline = Date.now() + deadlineMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) {
      throw new Error(`waited ${deadlineMs} ms in vain for ${what}`, last ? { cause: last } : undefined);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function createRepository(
  temporary: string,
  env: Record<string, string>,
  options: RepositoryOptions = {},
): Repository {
  const { branch = "main", files = { "README.md": "A sample.\n" } } = options;
  let dir = join(temporary, options.name ?? "repo");
  for (let n = 2; existsSync(dir); n++) dir = join(temporary, `${options.name ?? "repo"}-${n}`);
  mkdirSync(dir, { recursive: true });
  const git = (...args: string[]): string => {
    const result = spawnSync("git", args, { cwd: dir, env, encoding: "utf8" });
    if (result.status !== 0) throw new Error(`git ${args.join(" ")}: ${result.stderr}`);
    return result.stdout.trim();
  };
  const write = (path: string, content: string): void => {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content);
  };
  git("init", "-q", "-b", branch);
  git("config", "user.name", "Test Person");
  git("config", "user.email", "person@example.com");
  for (const [path, content] of Object.entries(files)) write(path, content);
  git("add", "-A");
  git("commit", "-q", "--allow-empty", "-m", "First");
  return { dir, git, write, read: (path) => readFileSync(join(dir, path), "utf8") };
}

function readPid(path: string): number | null {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    return Number.isInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

function processesOf(loopHome: string, temporary: string): number[] {
  const found: number[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    try {
      const environment = readFileSync(`/proc/${name}/environ`, "utf8").split("\0");
      const cwd = readlinkSync(`/proc/${name}/cwd`);
      if (
        environment.includes(`LOOPR_HOME=${loopHome}`) ||
        cwd.startsWith(temporary) ||
        commandLine(Number(name)).includes(temporary)
      ) {
        found.push(Number(name));
      }
    } catch {
      // It ended while we looked, is a zombie, or belongs to someone else.
    }
  }
  return found;
}

/** The arguments of a process, joined by spaces; empty for a zombie or one that is gone. */
export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
  } catch {
    return "";
  }
}

/** Whether a process is there and not a zombie. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !"ZX".includes(stat.charAt(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone already.
  }
}

/** A test may have taken permissions away from directories that have to be removed. */
function removeTree(path: string): void {
  spawnSync("chmod", ["-R", "u+rwX", path]);
  rmSync(path, { recursive: true, force: true });
}
