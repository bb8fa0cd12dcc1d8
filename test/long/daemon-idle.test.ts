// A daemon that has nothing to do costs nothing: no processor time that could be measured, no growing memory.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withHome } from "../support/harness.ts";
import { wire } from "../support/wire.ts";

const limitMs = 180_000;
/** What its start has left behind is cleared away by then. */
const restMs = 30_000;
const idleMs = 60_000;
/** Ten times the bound of 0.1 %. */
const busyShareMax = 0.01;
const grownBytesMax = 20 * 1024 * 1024;
const tickMs = 10;

test(
  "a minute with a client and a subscriber connected: no processor time, flat memory, and the daemon stays",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      const pid = home.daemonPid() ?? 0;
      const clients = await Promise.all([1, 2].map(() => wire(join(home.dir, "daemon.sock"))));
      await clients[0]?.call("subscribe");
      await sleep(restMs);
      const before = look(pid);
      await sleep(idleMs);
      const after = look(pid);
      expect(after.cpuMs - before.cpuMs).toBeLessThan(busyShareMax * idleMs);
      expect(after.bytes - before.bytes).toBeLessThan(grownBytesMax);
      for (const client of clients) expect((await client.call("ping")).result).toEqual({ pong: true });
      for (const client of clients) client.close();
    }),
  limitMs,
);

/** proc(5): fields 14 and 15 of stat are ticks of 10 ms. */
function look(pid: number): { cpuMs: number; bytes: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [, kilobytes = "NaN"] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return { cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs, bytes: Number(kilobytes) * 1024 };
}
