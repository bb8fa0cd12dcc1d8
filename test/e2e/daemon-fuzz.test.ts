// A sample of what test/long/daemon-fuzz.test.ts does at length.
import { expect, test } from "bun:test";
import { playScenarios, seedOfRun, soleClient } from "../support/fuzz.ts";
import { withHome } from "../support/harness.ts";

const runs = 40;
const limitMs = 60_000;

test(
  "whatever is sent, cut and interleaved in whatever way, is answered line by line as the protocol says",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      const pid = home.daemonPid();
      expect(await playScenarios(home, seedOfRun(), runs, limitMs / 2)).toBeGreaterThan(runs);
      await soleClient(home);
      expect(home.daemonPid()).toBe(pid);
    }),
  limitMs,
);
