// The runner: takes jobs from its daemon as frames on standard input, answers on standard output, and ends
// with its channel. Started by the daemon's runner host; it decides nothing about what a job may do.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { LooprError, messageOf } from "../lib/errors.ts";
import { defaultDataDir } from "../lib/paths.ts";
import { version } from "../lib/version.ts";
import {
  frameBytesMax,
  frameTypes,
  parseFrame,
  type AnyFrame,
  type Frame,
  type FrameName,
} from "../protocol/runner.ts";
import { encodeFrame, FrameDecoder } from "../rpc/frames.ts";
import { findProgram } from "../lib/find-program.ts";
import { PipeSource } from "../sandbox/pipes.ts";
import type { ProcessHost } from "../sandbox/process.ts";
import { lanes, type Lane } from "../tools/catalog.ts";
import { Jobs } from "./jobs.ts";
import { runnerTools } from "./tools.ts";

const slotsDefault: Readonly<Record<Lane, number>> = { "no-net": 10, net: 5, heavy: 1 };
/** A daemon that does not answer the handshake is no daemon. */
const handshakeMsMax = 10_000;
/** Live output is dropped while so much waits for a daemon that does not read. */
const backlogBytesMax = 1024 * 1024;
/** What jobs create is as readable as what the person's shell creates; the daemon's own umask is private. */
const jobUmask = 0o022;

/** `--lane no-net|net|heavy [--slots N]`. Ends the process. */
export async function runnerMain(args: string[]): Promise<void> {
  const channel = takeStdout();
  let jobs: Jobs | null = null;
  let pipes: PipeSource | null = null;
  let exitCode = 0;
  try {
    const { lane, slots } = parseOptions(args);
    process.umask(jobUmask);
    const dataDir = defaultDataDir();
    pipes = new PipeSource(join(dataDir, "runners", String(process.pid)));
    // On the PATH that the daemon gives to the runner: never one that a job could have put somewhere.
    const path = process.env["PATH"] ?? "";
    const host: ProcessHost = { pipes, dataDir, bwrap: findProgram("bwrap", path) };
    jobs = new Jobs({
      slots,
      host,
      ripgrep: findProgram("rg", path),
      onChunk: (chunk) => {
        if (channel.backlogBytes() < backlogBytesMax) channel.send("OutputChunk", chunk);
      },
      onResult: (result) => channel.send("Result", result),
    });
    channel.send("Handshake", { lane, pid: process.pid, version, slots, capabilities: [...runnerTools] });
    // With the daemon gone nobody is interested in how its jobs would have ended.
    if ((await serve(jobs, channel)) === "daemon gone") host.killGraceMs = 0;
  } catch (error) {
    console.error(`error: the runner ends: ${messageOf(error)}`);
    exitCode = 1;
  }
  await jobs?.stop();
  pipes?.close();
  await channel.flushed();
  process.exit(exitCode);
}

interface Channel {
  send<N extends FrameName>(name: N, payload: Frame<N>): void;
  backlogBytes(): number;
  /** Settles when all is written, or nobody reads any more. */
  flushed(): Promise<void>;
}

/** Standard output belongs to the frames: whatever else is printed in this process goes to standard error. */
function takeStdout(): Channel {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr);
  console.log = console.info = console.debug = console.error;
  let open = true;
  stdout.on("error", () => (open = false)); // the daemon is gone; standard input says so, too
  stderr.on("error", () => {});
  return {
    send: (name, payload) => {
      if (open) write(encodeFrame(frameTypes[name], payload, frameBytesMax));
    },
    backlogBytes: () => stdout.writableLength,
    flushed: () =>
      new Promise((resolve) => {
        if (!open || stdout.writableLength === 0) return resolve();
        stdout.once("drain", resolve);
        stdout.once("error", () => resolve());
        setTimeout(resolve, flushMsMax);
      }),
  };
}

const flushMsMax = 1_000;

/** Settles at the end of the channel, at `Shutdown` and at a signal. Throws on a frame that is none. */
function serve(jobs: Jobs, channel: Channel): Promise<"daemon gone" | "told to end"> {
  const decoder = new FrameDecoder(frameBytesMax);
  return new Promise((resolve, reject) => {
    const late = new LooprError("handshake_timeout", "the daemon does not answer the handshake");
    const timer = setTimeout(() => reject(late), handshakeMsMax);
    const onFrame = (frame: AnyFrame): void => {
      if (frame.name === "HandshakeAck") clearTimeout(timer);
      else if (frame.name === "Shutdown") resolve("told to end");
      else handle(frame, jobs, channel);
    };
    process.stdin.on("data", (chunk: Buffer) => {
      try {
        for (const { type, payload } of decoder.push(chunk)) {
          const frame = parseFrame(type, payload);
          if (typeof frame === "string") throw new LooprError("frame_invalid", frame);
          onFrame(frame);
        }
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    for (const ending of ["end", "close", "error"]) process.stdin.on(ending, () => resolve("daemon gone"));
    for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => resolve("told to end"));
  });
}

function handle(frame: AnyFrame, jobs: Jobs, channel: Channel): void {
  switch (frame.name) {
    case "Job":
      channel.send("JobAck", { job_id: frame.payload.job_id });
      jobs.accept(frame.payload);
      return;
    case "Cancel":
      channel.send("CancelAck", frame.payload);
      jobs.cancel(frame.payload.job_id);
      return;
    case "Heartbeat":
      channel.send("HeartbeatAck", frame.payload);
      return;
    default:
      throw new LooprError("frame_invalid", `a runner does not take ${frame.name} frames`);
  }
}

function parseOptions(args: string[]): { lane: Lane; slots: number } {
  const { values } = parseArgs({ args, options: { lane: { type: "string" }, slots: { type: "string" } } });
  const lane = lanes.find((each) => each === values.lane);
  if (!lane) throw new LooprError("usage", `--lane must be one of ${lanes.join(", ")}`);
  const slots = values.slots === undefined ? slotsDefault[lane] : Number(values.slots);
  if (!Number.isInteger(slots) || slots < 1) {
    throw new LooprError("usage", `--slots must be a whole number above 0, not ${values.slots ?? ""}`);
  }
  return { lane, slots };
}
