// A hundred thousand lines of arbitrary traffic: the daemon answers each as the protocol says, and keeps nothing.
import { expect, test } from "bun:test";
import { footprint, playScenarios, seedOfRun, soleClient } from "../support/fuzz.ts";
import { until, withHome } from "../support/harness.ts";

const linesMin = 100_000;
const runsAtOnce = 100;
const limitMs = 40 * 60_000;
const settleMs = 60_000;
/** What the heap may still grow once it has seen everything. A leak of 500 bytes a line would show. */
const growthBytesMax = 32 * 1024 * 1024;

test(
  "100,000 lines: no crash, no memory and no descriptor kept",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      const pid = home.daemonPid() ?? 0;
      await soleClient(home);
      const fresh = footprint(pid);
      let seed = seedOfRun();
      let lines = 0;
      const play = async (until: number) => {
        while (lines < until) lines += await playScenarios(home, seed++, runsAtOnce, limitMs / 4);
        await soleClient(home);
      };
      await play(linesMin / 4);
      const before = await settled(pid);
      await play(linesMin);
      const after = await settled(pid);
      const megabytes = [fresh, before, after].map(({ memoryBytes }) =>
        Math.round(memoryBytes / 1024 / 1024),
      );
      console.log(`${lines} lines; MB fresh, after a quarter, after all: ${megabytes.join(", ")}`);
      expect(home.daemonPid()).toBe(pid);
      expect(after.descriptors).toBe(fresh.descriptors);
      expect(after.memoryBytes - before.memoryBytes).toBeLessThan(growthBytesMax);
    }),
  limitMs,
);

/** The footprint once the memory has not shrunk any more for a while. */
async function settled(pid: number): Promise<ReturnType<typeof footprint>> {
  let least = footprint(pid);
  let since = Date.now();
  await until(
    () => {
      const now = footprint(pid);
      if (now.memoryBytes < least.memoryBytes) [least, since] = [now, Date.now()];
      return Date.now() - since > 3_000;
    },
    settleMs,
    "the memory to settle",
  );
  return { ...least, descriptors: footprint(pid).descriptors };
}
