// The daemon's starts and stops, many times over: what goes wrong once in a hundred shows here.
import { expect, test } from "bun:test";
import { isAlive, program, signal, until, withHome } from "../support/harness.ts";
import { expectWhole } from "../support/faults.ts";

const limitMs = 10 * 60_000;
const rounds = 100;
const herd = 50;
const herdRounds = 10;

test(
  "`stop && start` a hundred times in a row without a failure",
  () =>
    withHome(async (home) => {
      await home.ok(["daemon", "start"]);
      const step = `'${program}' daemon stop && '${program}' daemon start || exit 1`;
      const script = `i=0; while [ $i -lt ${rounds} ]; do ${step}; i=$((i+1)); done`;
      const result = await home.exec("sh", ["-c", script], { deadlineMs: limitMs / 2 });
      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect(result.stdout.match(/is running/g)?.length).toBe(rounds);
    }),
  limitMs,
);

test(
  "50 clients at once after each kill -9, again and again: one daemon, 50 successes",
  () =>
    withHome(async (home) => {
      for (let round = 0; round < herdRounds; round++) {
        const results = await Promise.all(
          Array.from({ length: herd }, () => home.loopr(["daemon", "start"], { deadlineMs: limitMs / 4 })),
        );
        expect(results.map(({ code, stderr }) => [code, stderr])).toEqual(
          Array.from({ length: herd }, () => [0, ""]),
        );
        const pid = home.daemonPid() ?? 0;
        expect(home.processes()).toEqual([pid]);
        signal(pid, "SIGKILL");
        await until(() => !isAlive(pid), 10_000);
      }
      await expectWhole(home);
    }),
  limitMs,
);
