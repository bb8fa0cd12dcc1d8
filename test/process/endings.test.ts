// How jobs end: by themselves, by their limit, by cancellation; with nothing left of them in any case.
// @waits
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { RunnerHost } from "../../src/daemon/runner-host.ts";
import {
  bwrapMissing,
  makeHost,
  makePlace,
  processesWith,
  runIn,
  uniqueNumber,
  until,
  type Place,
} from "./support.ts";

const limitMs = 90_000;

describe.each([
  ["sandboxed", true],
  ["unsandboxed", false],
] as const)("a job, %s,", (_name, sandboxed) => {
  const skip = sandboxed && bwrapMissing;
  let place: Place;
  let host: RunnerHost;

  beforeAll(() => {
    place = makePlace();
    host = makeHost(place);
  });
  afterAll(async () => {
    await host.stop();
    place.remove();
  });
  const sh = (
    command: string,
    more = {},
    ...rest: [AbortSignal?, ((stream: string, text: string) => void)?]
  ) => runIn(host, place, { command, sandboxed, ...more }, ...rest);

  /** `sleep N`, with an N that marks the processes of one test. */
  const stubborn: Record<string, (n: string) => string> = {
    "in the foreground": (n) => `sleep ${n}`,
    "in the background": (n) => `sleep ${n} & wait`,
    "that ignores SIGTERM": (n) => `trap '' TERM; sleep ${n}`,
    "in a session of its own": (n) => `setsid sleep ${n} & wait`,
    "that has forked twice": (n) => `(setsid sh -c 'sleep ${n} & sleep ${n}' & ) ; sleep ${n}`,
    "that ignores SIGTERM in a session of its own, forked twice": (n) =>
      `(setsid sh -c "trap '' TERM HUP; sleep ${n}; sleep ${n}" >/dev/null 2>&1 </dev/null & ) ; trap '' TERM; sleep ${n}`,
    "that holds the pipes": (n) => `(trap '' TERM HUP; exec setsid sleep ${n}) & sleep ${n}`,
    "that forks without end": (n) =>
      `f() { i=0; while [ $i -lt 200 ]; do (trap '' TERM; sleep ${n}) & i=$((i+1)); done; wait; }; trap '' TERM; f`,
  };

  test.skipIf(skip).each(Object.keys(stubborn))(
    "with a child %s is gone after its time limit",
    async (kind) => {
      const n = uniqueNumber();
      const outcome = await sh(stubborn[kind]?.(n) ?? "", { timeout_ms: 700 });
      expect(outcome).toMatchObject({ status: "timeout", exit_code: null });
      expect(processesWith(`sleep ${n}`)).toEqual([]);
    },
    limitMs,
  );

  test.skipIf(skip)(
    "that leaves something in the background ends when its own command does, and takes it along",
    async () => {
      const n = uniqueNumber();
      const outcome = await sh(`(setsid sleep ${n} & ) ; sleep ${n} & echo done`);
      expect(outcome).toMatchObject({ status: "success", output: "done\n" });
      expect(processesWith(`sleep ${n}`)).toEqual([]);
    },
    limitMs,
  );

  test.skipIf(skip)(
    "is given time to end by itself on SIGTERM",
    async () => {
      const outcome = await sh(`trap 'echo cleaned; exit 0' TERM; echo ready; while :; do sleep 0.05; done`, {
        timeout_ms: 700,
      });
      expect(outcome.status).toBe("timeout");
      expect(outcome.output).toContain("cleaned");
    },
    limitMs,
  );

  test.skipIf(skip)(
    "is ended by cancellation",
    async () => {
      const n = uniqueNumber();
      const control = new AbortController();
      let seen = "";
      const done = sh(`echo started; sleep ${n}`, {}, control.signal, (_stream, text) => (seen += text));
      await until("its output", () => seen.includes("started"));
      control.abort();
      expect(await done).toMatchObject({ status: "cancelled", output: "started\n" });
      expect(processesWith(`sleep ${n}`)).toEqual([]);
    },
    limitMs,
  );

  test.skipIf(skip)(
    "cancelled at any moment of its start leaves nothing",
    async () => {
      const n = uniqueNumber();
      const outcomes = [];
      for (let ms = 0; ms < 30; ms += 2) {
        const control = new AbortController();
        const done = sh(`sleep ${n}`, {}, control.signal);
        setTimeout(() => control.abort(), ms);
        outcomes.push((await done).status);
      }
      expect(new Set(outcomes)).toEqual(new Set(["cancelled"]));
      expect(processesWith(`sleep ${n}`)).toEqual([]);
    },
    limitMs,
  );

  test.skipIf(skip)(
    "that floods both streams is cut in the middle, and the whole is in its file up to a bound",
    async () => {
      const spill = join(place.dataDir, "flood.log");
      let live = 0;
      const outcome = await sh(
        "echo FIRST; (yes ä | head -c 90000000) & (yes o | head -c 20000000 >&2) & wait; echo LAST",
        { max_output_bytes: 10_000, spill_path: spill },
        undefined,
        (_stream, text) => (live += text.length),
      );
      expect(outcome).toMatchObject({ status: "success", truncated: true });
      expect(outcome.output).toStartWith("FIRST\n");
      expect(outcome.output).toEndWith("LAST\n");
      expect(outcome.output).toMatch(/\[… \d+ bytes of output cut here …\]/);
      expect(Buffer.byteLength(outcome.output)).toBeLessThan(11_000);
      expect(outcome.output).not.toContain("\ufffd");
      const bytesMax = 64 * 1024 * 1024;
      expect(statSync(spill).size).toBeGreaterThan(bytesMax - 1);
      expect(statSync(spill).size).toBeLessThan(bytesMax + 200);
      expect(statSync(spill).mode & 0o777).toBe(0o600);
      expect(live).toBeLessThan(20_000_000);
    },
    limitMs,
  );

  test.skipIf(skip)(
    "that floods without end is ended by its limit",
    async () => {
      const outcome = await sh("yes", { timeout_ms: 500, max_output_bytes: 1000 });
      expect(outcome).toMatchObject({ status: "timeout", truncated: true });
    },
    limitMs,
  );

  test.skipIf(skip)(
    "that prints no valid UTF-8 is shown as valid UTF-8; its file has the bytes",
    async () => {
      const spill = join(place.dataDir, "bytes.log");
      const outcome = await sh(String.raw`printf 'a\377\376b\303'; sleep 0.1; printf '\244\0c\355\240\200'`, {
        spill_path: spill,
      });
      expect(outcome.output.isWellFormed()).toBe(true);
      expect(outcome.output).toStartWith("a\ufffd\ufffdbä\0c\ufffd");
      expect(readFileSync(spill).toString("latin1")).toBe("a\xff\xfeb\xc3\xa4\0c\xed\xa0\x80");
    },
    limitMs,
  );

  test.skipIf(skip)(
    "whose output file cannot be written runs all the same",
    async () => {
      const outcome = await sh("echo fine", { spill_path: join(place.dataDir, "missing", "x.log") });
      expect(outcome).toMatchObject({ status: "success", output: "fine\n" });
      expect(existsSync(join(place.dataDir, "missing"))).toBe(false);
    },
    limitMs,
  );
});
