// What Loopr is compared with, in the same run: other programs that start, answer, or keep a server.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Home } from "../support/harness.ts";
import { until } from "../support/harness.ts";
import { row, samplesOf, timed, type Row } from "./measure.ts";

const samples = 20;

/** Null where the program is not installed or does not work here. */
export async function startTime(home: Home, name: string, command: string[]): Promise<Row | null> {
  const [program = "", ...args] = command;
  const works = await home.exec(program, args).then(
    ({ code }) => code === 0,
    () => false,
  );
  if (!works) return null;
  return row(name, await samplesOf(samples, () => timed(() => home.exec(program, args))));
}

/** tmux is of the same shape: a command that starts a server where there is none, and asks it. */
export async function tmux(home: Home): Promise<{ cold: Row; warm: Row; memory: Row } | null> {
  const run = (...args: string[]) =>
    home.exec("tmux", ["-f", "/dev/null", "-S", `${home.root}/tmux`, ...args]);
  const started = await run("new-session", "-d", "sleep 600").then(
    ({ code }) => code === 0,
    () => false,
  );
  if (!started) return null;
  const warm = row("tmux list-sessions", await samplesOf(samples, () => timed(() => run("list-sessions"))));
  const { stdout } = await run("display-message", "-p", "#{pid}");
  const memory = row("tmux server", [memoryMb(Number(stdout))], { unit: "MB" });
  await run("kill-server");
  const cold = await samplesOf(10, async () => {
    const took = await timed(() => run("new-session", "-d", "sleep 600"));
    await run("kill-server");
    return took;
  });
  return { cold: row("tmux new-session -d", cold), warm, memory };
}

/**
 * Puts processes with all of their threads on one processor, or on any again (null): whether the kernel wakes
 * a server on its client's processor or on another one is chance, and costs more than all that the server does.
 * False where that cannot be done here.
 */
export function pinned(pids: readonly number[], processor: number | null): boolean {
  const all = availableParallelism();
  if (all < 2) return false;
  const list = processor === null ? `0-${all - 1}` : String(processor);
  return pids.every((pid) => spawnSync("taskset", ["-apc", list, String(pid)]).status === 0);
}

/** Resident memory of a process, in MB. */
export function memoryMb(pid: number): number {
  const [, kilobytes = "NaN"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kilobytes) / 1024;
}

/** Memory when it has stopped changing. */
export async function settledMemoryMb(pid: number): Promise<number> {
  let last = Number.NaN;
  let since = Date.now();
  await until(
    () => {
      const now = memoryMb(pid);
      if (Math.abs(now - last) > 0.1 || Number.isNaN(last)) [last, since] = [now, Date.now()];
      return Date.now() - since > 3_000;
    },
    30_000,
    "the memory to settle",
  );
  return last;
}
