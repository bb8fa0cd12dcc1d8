// Faults of the daemon's life as tables: how each is provoked, and what must be seen; and looks at the daemon.
import { describe, expect, test } from "bun:test";
import { readFileSync, readdirSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { commandLine, until, withHome, type Home } from "./harness.ts";
import { wire } from "./wire.ts";

export const limitMs = 60_000;
const isRoot = userInfo().uid === 0;

export interface Fault {
  name: string;
  provoked: string;
  seen: string;
  /** Needs root: mounts, other users. Skipped, and said to be, for anyone else. */
  root?: boolean;
  run: (home: Home) => Promise<void>;
}

export function table(title: string, faults: readonly Fault[]): void {
  describe(title, () => {
    for (const { name, provoked, seen, root = false, run } of faults) {
      const line = `${name}: ${provoked} → ${seen}`;
      if (root && !isRoot) test.skip(`ROOT ONLY ${line}`, () => {});
      else test(line, () => withHome(run), limitMs);
    }
  });
}

export function pausedAt(step: string): Record<string, string> {
  return { LOOPR_DEBUG_PAUSE_AT: step };
}

/** The daemon of this home that has stopped itself at the step that was asked for. */
export function pausedDaemon(home: Home): Promise<number> {
  return until(
    () => home.processes().find((pid) => commandLine(pid).includes("--foreground") && stateOf(pid) === "T"),
    20_000,
    "the daemon to pause",
  );
}

export function stateOf(pid: number): string {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
}

export function daemons(home: Home): number[] {
  return home.processes().filter((pid) => commandLine(pid).includes("--foreground"));
}

/** After whatever happened: one start, one daemon, which answers and can be stopped. */
export async function expectWhole(home: Home): Promise<void> {
  await home.ok(["daemon", "start"]);
  const pid = home.daemonPid();
  expect(daemons(home)).toEqual([pid ?? -1]);
  const client = await wire(join(home.dir, "daemon.sock"));
  expect((await client.call("ping")).result).toEqual({ pong: true });
  client.close();
  await home.ok(["daemon", "stop"]);
  const left = readdirSync(home.dir).filter((name) => /^daemon\.(sock|pid|json)|\.tmp$|^\.\w+$/.test(name));
  expect(left).toEqual([]);
}
