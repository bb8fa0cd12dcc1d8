// Arbitrary bytes on both ends of the runner's channel: a runner that is told nonsense, and one that talks it.
import { expect } from "bun:test";
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import fc from "fast-check";
import { frameTypes, parseFrame, type AnyFrame } from "../../src/protocol/runner.ts";
import { encodeFrame, FrameDecoder } from "../../src/rpc/frames.ts";
import { version } from "../../src/lib/version.ts";
import {
  isAlive,
  jobIn,
  makeHost,
  makePlace,
  runIn,
  runnerCommand,
  silent,
  until,
  type Place,
} from "../process/support.ts";

const bytesMax = 64 * 1024 * 1024;
const outcomeDeadlineMs = 30_000;

type Sent =
  { kind: "heartbeat"; at: number } | { kind: "cancel"; job: number } | { kind: "job"; succeeds: boolean };

const sent: fc.Arbitrary<Sent> = fc.oneof(
  fc.record({ kind: fc.constant("heartbeat" as const), at: fc.nat() }),
  fc.record({ kind: fc.constant("cancel" as const), job: fc.nat(40) }),
  fc.record({ kind: fc.constant("job" as const), succeeds: fc.boolean() }),
);

/** What ends a channel by being no frame for a runner. */
const nonsense: fc.Arbitrary<Buffer> = fc.oneof(
  fc.integer({ min: 16 * 1024 * 1024 + 1, max: 2 ** 32 - 1 }).map((size) => {
    const header = Buffer.from([0, 0, 0, 0, frameTypes.Job]);
    header.writeUInt32BE(size, 0);
    return header;
  }),
  fc
    .integer({ min: 0, max: 255 })
    .filter((type) => !Object.values(frameTypes).some((known) => known === type))
    .chain((type) => fc.jsonValue().map((payload) => encodeFrame(type, payload, bytesMax))),
  fc
    .constantFrom("Job", "Cancel", "Heartbeat", "Handshake", "Result", "JobAck")
    .chain((name) =>
      fc.jsonValue().map((payload) => encodeFrame(frameTypes[name as "Job"], payload, bytesMax)),
    ),
  fc.string({ minLength: 1 }).map((text) => {
    const body = Buffer.from(`{${text}`);
    const header = Buffer.from([0, 0, 0, 0, frameTypes.Job]);
    header.writeUInt32BE(body.length, 0);
    return Buffer.concat([header, body]);
  }),
);

/** A runner answers every frame once, however the bytes are cut, and ends at the first that is none. */
export async function playRunners(seed: number, runs: number, limitMs: number): Promise<void> {
  const scenario = fc.record({
    frames: fc.array(sent, { maxLength: 40 }),
    places: fc.array(fc.nat(), { maxLength: 20 }),
    end: fc.option(nonsense, { freq: 2 }),
  });
  await fc.assert(
    fc.asyncProperty(scenario, ({ frames, places, end }) => channel(frames, places, end)),
    { seed, numRuns: runs, interruptAfterTimeLimit: limitMs },
  );
}

async function channel(frames: Sent[], places: number[], end: Buffer | null): Promise<void> {
  const place = makePlace();
  const child = startRunner(place);
  try {
    await converse(place, child, frames, places, end);
  } finally {
    child.kill("SIGKILL");
    place.remove();
  }
}

function startRunner(place: Place): ChildProcessByStdio<Writable, Readable, Readable> {
  const [program = "", ...args] = runnerCommand;
  return spawn(program, [...args, "--lane", "no-net"], {
    env: { PATH: process.env["PATH"], LOOPR_HOME: place.dataDir },
    stdio: ["pipe", "pipe", "pipe"],
  });
}

async function converse(
  place: Place,
  child: ReturnType<typeof startRunner>,
  frames: Sent[],
  places: number[],
  end: Buffer | null,
): Promise<void> {
  const decoder = new FrameDecoder(bytesMax);
  const got: AnyFrame[] = [];
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    for (const { type, payload } of decoder.push(chunk)) {
      const frame = parseFrame(type, payload);
      if (typeof frame === "string") throw new Error(frame);
      got.push(frame);
    }
  });
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
  child.stdin.on("error", () => {});
  const exit = new Promise<number | null>((resolve) => child.on("close", resolve));

  const bytes = Buffer.concat([
    encodeFrame(frameTypes.HandshakeAck, { version }, bytesMax),
    ...frames.map((frame, index) => encoded(place, frame, index)),
  ]);
  const cuts = [...places.map((at) => at % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  for (const [index, at] of cuts.entries()) {
    child.stdin.write(bytes.subarray(cuts[index - 1] ?? 0, at));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const jobs = frames.flatMap(({ kind }, index) => (kind === "job" ? `job-${index}` : []));
  const named = (name: AnyFrame["name"]) => got.filter((frame) => frame.name === name);
  await until(`${jobs.length} results`, () => named("Result").length >= jobs.length);
  // Behind all others: whatever is still to be answered has been by then.
  child.stdin.write(encodeFrame(frameTypes.Heartbeat, { at: -1 }, bytesMax));
  const beats = frames.flatMap((frame) => (frame.kind === "heartbeat" ? frame.at : []));
  await until("the last heartbeat", () => named("HeartbeatAck").length > beats.length);

  const payloads = (name: AnyFrame["name"]) =>
    named(name).map(({ payload }) => payload as Record<string, unknown>);
  expect(payloads("HeartbeatAck").map(({ at }) => at)).toEqual([...beats, -1]);
  expect(payloads("JobAck").map(({ job_id }) => job_id)).toEqual(jobs);
  expect(
    payloads("Result")
      .map(({ job_id }) => String(job_id))
      .sort(),
  ).toEqual([...jobs].sort());
  expect(named("CancelAck")).toHaveLength(frames.filter(({ kind }) => kind === "cancel").length);
  for (const { job_id, status } of payloads("Result")) {
    const frame = frames[Number(String(job_id).slice(4))];
    const usual = frame?.kind === "job" && frame.succeeds ? "success" : "failed";
    expect([usual, "cancelled"]).toContain(String(status));
  }
  if (end) child.stdin.write(end);
  else child.stdin.end();
  expect(await exit).toBe(end ? 1 : 0);
  if (end) expect(stderr).toContain("error: the runner ends: ");
  expect(isAlive(child.pid ?? 0)).toBe(false);
}

function encoded(place: Place, frame: Sent, index: number): Buffer {
  if (frame.kind === "heartbeat") return encodeFrame(frameTypes.Heartbeat, { at: frame.at }, bytesMax);
  if (frame.kind === "cancel") {
    return encodeFrame(frameTypes.Cancel, { job_id: `job-${frame.job}` }, bytesMax);
  }
  const argv = [frame.succeeds ? "true" : "false"];
  const { lane: _lane, sandboxed: _sandboxed, ...job } = jobIn(place, {});
  const { net, unix_sockets, write, read, deny, ...request } = job;
  const sandbox = { mode: "none", net, unix_sockets, write, read, deny };
  return encodeFrame(frameTypes.Job, { ...request, argv, job_id: `job-${index}`, sandbox }, bytesMax);
}

export function handshake(more: object = {}): Buffer {
  const usual = { lane: "no-net", pid: 1, version, slots: 10, capabilities: [] };
  return encodeFrame(frameTypes.Handshake, { ...usual, ...more }, bytesMax);
}

/** A lane ends every job with an error, in bounded time, whatever its runner says. */
export async function playLanes(seed: number, runs: number, limitMs: number): Promise<void> {
  const payload = fc.oneof(
    fc.jsonValue(),
    fc.record({
      job_id: fc.string(),
      status: fc.constant("success"),
      output: fc.string(),
      exit_code: fc.constant(null),
      duration_ms: fc.double({ noNaN: true }),
      truncated: fc.boolean(),
    }),
    fc.record({ job_id: fc.string(), stream: fc.constant("stdout"), text: fc.string() }),
    fc.record({ at: fc.double({ noNaN: true }) }),
  );
  const types = fc.constantFrom(...Object.values(frameTypes), 0x77);
  const chunk = fc.oneof(
    fc.tuple(types, payload).map(([type, value]) => encodeFrame(type, value, bytesMax)),
    fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
    fc.constant(handshake()),
  );
  const talk = fc
    .tuple(fc.boolean(), fc.array(chunk, { maxLength: 6 }))
    .map(([greets, chunks]) => Buffer.concat([...(greets ? [handshake()] : []), ...chunks]));
  await fc.assert(
    fc.asyncProperty(fc.array(talk, { minLength: 6, maxLength: 6 }), async (talks) => {
      for (const { status } of await Promise.all(talks.map(jobOfTalker))) expect(status).toBe("error");
    }),
    { seed, numRuns: runs, interruptAfterTimeLimit: limitMs },
  );
}

/** The outcome of a job whose runner says this, reads nothing, and stays. */
export async function jobOfTalker(bytes: Buffer): Promise<{ status: string; output: string }> {
  const place = makePlace();
  const program = join(place.base, "talker");
  writeFileSync(`${program}.bytes`, bytes);
  writeFileSync(program, `#!/bin/sh\ncat '${program}.bytes'\nexec sleep 600\n`);
  chmodSync(program, 0o755);
  const times = { handshakeMs: 500, heartbeatMs: 100, waitMs: 1_500, backoffMs: 50, backoffMsMax: 200 };
  const host = makeHost(place, { command: [program], log: silent, times });
  try {
    const outcome = runIn(host, place, { command: "true" });
    const late = new Promise<never>((_resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no outcome after ${bytes.toString("base64")}`)),
        outcomeDeadlineMs,
      );
      void outcome.finally(() => clearTimeout(timer));
    });
    return await Promise.race([outcome, late]);
  } finally {
    await host.stop();
    place.remove();
  }
}
