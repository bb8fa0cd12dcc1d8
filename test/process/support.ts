// What the process tests share: private directories, a runner host, and looks at real processes.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createRunnerHost, type RunnerHost, type RunnerHostOptions } from "../../src/daemon/runner-host.ts";
import type { JobOutcome, JobRequest } from "../../src/engine/ports.ts";
import type { Log } from "../../src/lib/log.ts";
import { defaultDeny } from "../../src/sandbox/deny.ts";
import { findProgram } from "../../src/lib/find-program.ts";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** What certainly is there to run a script inside: the runtime of the tests, wherever the checkout lies. */
export const runtime = { program: process.execPath, read: [realpathSync(process.execPath)] };
export const runnerCommand = [process.execPath, join(root, "src", "main.ts"), "runner"];
export const bwrapMissing = findProgram("bwrap", process.env["PATH"] ?? "") === null;
if (bwrapMissing) console.error("SKIPPED: bubblewrap is not installed, so the sandbox is NOT tested here");

/** A worktree, a user's home and the home of Loopr, below one directory. */
export interface Place {
  base: string;
  worktree: string;
  home: string;
  dataDir: string;
  remove: () => void;
}

/** `parent`: elsewhere than in /tmp, which every sandbox hides as a whole. */
export function makePlace(parent = tmpdir()): Place {
  const base = realpathSync(mkdtempSync(join(parent, "loopr-process-")));
  const place = {
    base,
    home: join(base, "home"),
    dataDir: join(base, "home", ".loopr"),
    worktree: join(base, "home", ".loopr", "projects", "p", "work tree ü"),
  };
  mkdirSync(place.worktree, { recursive: true });
  return { ...place, remove: () => rmSync(base, { recursive: true, force: true }) };
}

const quiet = () => {};
export const silent: Log = { trace: quiet, debug: quiet, info: quiet, warn: quiet, error: quiet };

export function makeHost(place: Place, options: Partial<RunnerHostOptions> = {}): RunnerHost {
  const times = { waitMs: 20_000, ...options.times }; // a runner that does not start fails the test in time
  return createRunnerHost({
    command: runnerCommand,
    dataDir: place.dataDir,
    log: silent,
    ...options,
    times,
  });
}

export function jobIn(place: Place, job: Partial<JobRequest>): JobRequest {
  return {
    loop_id: "1-abc",
    iteration: 1,
    lane: "no-net",
    cwd: place.worktree,
    worktree_dir: place.worktree,
    env: { PATH: process.env["PATH"] ?? "", HOME: place.home },
    timeout_ms: 20_000,
    max_output_bytes: 64 * 1024,
    sandboxed: true,
    net: false,
    unix_sockets: false,
    write: [],
    read: [],
    deny: defaultDeny({ home: place.home, dataDir: place.dataDir }),
    git_configs: [],
    ...job,
  };
}

export function runIn(
  host: RunnerHost,
  place: Place,
  job: Partial<JobRequest>,
  signal = new AbortController().signal,
  onOutput?: (stream: "stdout" | "stderr", text: string) => void,
): Promise<JobOutcome> {
  return host.run(jobIn(place, job), signal, onOutput);
}

export interface Bench {
  place: Place;
  host: RunnerHost;
  /** Process ids of the runners, in the order of their start. */
  runners: number[];
  end: () => Promise<void>;
}

export function makeBench(options: Partial<RunnerHostOptions> = {}): Bench {
  const place = makePlace();
  const runners: number[] = [];
  const log: Log = {
    ...silent,
    info: (message, fields) => {
      if (message === "runner started") runners.push(Number(fields?.["pid"]));
    },
  };
  const host = makeHost(place, { log, ...options });
  const end = async (): Promise<void> => {
    await host.stop();
    place.remove();
  };
  return { place, host, runners, end };
}

/** Polls until the value is there; fails with `what` after the deadline. */
export async function until<T>(
  what: string,
  look: () => T | null | undefined | false,
  ms = 20_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const value = look();
    if (value !== null && value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`waited ${ms} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Processes whose command line holds the text; those of this test carry a text that occurs nowhere else. */
export function processesWith(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").includes(text);
      } catch {
        return false;
      }
    });
}

export function isAlive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(text.slice(text.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

/** A text that marks the processes of one test. */
export function uniqueNumber(): string {
  return String(10_000_000 + Math.floor(Math.random() * 89_999_999));
}
