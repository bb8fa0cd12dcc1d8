// The runner's channel, frame by frame: what it answers, and that it ends with a reason when it cannot go on.
import { afterEach, describe, expect, test } from "bun:test";
import { spawn, type ChildProcess } from "node:child_process";
import { frameTypes, parseFrame, type AnyFrame, type FrameName } from "../../src/protocol/runner.ts";
import { encodeFrame, FrameDecoder } from "../../src/rpc/frames.ts";
import {
  isAlive,
  jobIn,
  makePlace,
  processesWith,
  runnerCommand,
  uniqueNumber,
  until,
  type Place,
} from "./support.ts";

const limitMs = 60_000;
const bytesMax = 64 * 1024 * 1024;
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

interface Session {
  place: Place;
  child: ChildProcess;
  frames: AnyFrame[];
  stderr: () => string;
  send: (name: FrameName, payload: unknown) => void;
  job: (id: string, job: object) => void;
  next: <N extends FrameName>(name: N, jobId?: string) => Promise<Extract<AnyFrame, { name: N }>["payload"]>;
  exit: Promise<number | null>;
}

function session(args = ["--lane", "no-net"], { greet = true } = {}): Session {
  const place = makePlace();
  const [program = "", ...rest] = runnerCommand;
  const child = spawn(program, [...rest, ...args], {
    env: { PATH: process.env["PATH"], LOOPR_HOME: place.dataDir },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const frames: AnyFrame[] = [];
  let stderr = "";
  const decoder = new FrameDecoder(bytesMax);
  child.stdout.on("data", (chunk: Buffer) => {
    for (const { type, payload } of decoder.push(chunk)) {
      const frame = parseFrame(type, payload);
      if (typeof frame === "string") throw new Error(frame);
      frames.push(frame);
    }
  });
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
  child.stdin.on("error", () => {});
  const exit = new Promise<number | null>((resolve) => child.on("close", resolve));
  ends.push(place.remove, () => void child.kill("SIGKILL"));
  const send = (name: FrameName, payload: unknown) =>
    void child.stdin.write(encodeFrame(frameTypes[name], payload, bytesMax));
  if (greet) send("HandshakeAck", { version: "any" });
  return {
    place,
    child,
    frames,
    stderr: () => stderr,
    send,
    exit,
    job: (id, job) => {
      const {
        lane: _lane,
        sandboxed: _sandboxed,
        net,
        unix_sockets,
        write,
        read,
        deny,
        ...request
      } = jobIn(place, job);
      send("Job", {
        ...request,
        job_id: id,
        sandbox: { mode: "none", net, unix_sockets, write, read, deny },
      });
    },
    next: (name, jobId) =>
      until(`${name} ${jobId ?? ""}`, () => {
        const found = frames.find(
          (frame) =>
            frame.name === name &&
            (jobId === undefined || ("job_id" in frame.payload && frame.payload.job_id === jobId)),
        );
        return found?.payload as never;
      }),
  };
}

describe("a runner's channel", () => {
  test(
    "handshake, job, output, result, heartbeat, shutdown",
    async () => {
      const { next, send, job, exit, frames } = session(["--lane", "heavy", "--slots", "3"]);
      expect(await next("Handshake")).toMatchObject({ lane: "heavy", slots: 3 });
      job("a", { command: "echo out; echo err >&2; exit 4" });
      expect(await next("JobAck", "a")).toEqual({ job_id: "a" });
      expect(await next("Result", "a")).toMatchObject({ status: "failed", exit_code: 4 });
      const chunks = frames.filter((frame) => frame.name === "OutputChunk").map((frame) => frame.payload);
      expect(chunks).toContainEqual({ job_id: "a", stream: "stdout", text: "out\n" });
      expect(chunks).toContainEqual({ job_id: "a", stream: "stderr", text: "err\n" });
      const order = frames.map((frame) => frame.name);
      expect(order.at(-1)).toBe("Result");
      send("Heartbeat", { at: 42 });
      expect(await next("HeartbeatAck")).toEqual({ at: 42 });
      send("Cancel", { job_id: "never-seen" });
      await next("CancelAck", "never-seen");
      send("Shutdown", {});
      expect(await exit).toBe(0);
    },
    limitMs,
  );

  test(
    "more jobs than slots: the rest waits, and is cancelled without being started",
    async () => {
      const { next, send, job, frames } = session(["--lane", "heavy"]);
      const n = uniqueNumber();
      job("a", { command: `sleep ${n}` });
      job("b", { command: "echo b" });
      job("c", { command: "echo c" });
      await until("the first", () => processesWith(`sleep ${n}`).length > 0);
      send("Cancel", { job_id: "b" });
      expect(await next("Result", "b")).toMatchObject({ status: "cancelled", duration_ms: 0 });
      send("Cancel", { job_id: "a" });
      expect(await next("Result", "a")).toMatchObject({ status: "cancelled" });
      expect(await next("Result", "c")).toMatchObject({ status: "success", output: "c\n" });
      expect(frames.filter((frame) => frame.name === "Result")).toHaveLength(3);
    },
    limitMs,
  );

  test(
    "an argument vector is run as it is; what is missing is 127 and what cannot be run 126",
    async () => {
      const { next, job } = session();
      job("a", { argv: ["printf", "%s|", "a b", "$HOME", "-x", ""] });
      expect(await next("Result", "a")).toMatchObject({ status: "success", output: "a b|$HOME|-x||" });
      job("b", { argv: ["no-such-program"] });
      expect(await next("Result", "b")).toMatchObject({ status: "failed", exit_code: 127 });
      job("c", { argv: ["/etc"] });
      expect(await next("Result", "c")).toMatchObject({ status: "failed", exit_code: 126 });
    },
    limitMs,
  );

  test(
    "a job that is none, or of an unknown tool, fails with a reason",
    async () => {
      const { next, job } = session();
      job("a", {});
      expect(await next("Result", "a")).toMatchObject({ status: "error" });
      job("b", { tool: "make_coffee", input: {} });
      expect((await next("Result", "b")).output).toContain("make_coffee is not a tool");
      job("c", { tool: "create_plan", input: {} });
      expect((await next("Result", "c")).output).toContain("is not run by a runner");
      job("d", { tool: "run_command", input: { command: 1, tiemout: 2 } });
      const { status, output } = await next("Result", "d");
      expect(status).toBe("failed");
      expect(output).toContain("command: Invalid input: expected string");
      expect(output).toContain('"tiemout"');
    },
    limitMs,
  );

  test(
    "the end of the channel ends the jobs, and the runner",
    async () => {
      const { child, job, exit } = session();
      const n = uniqueNumber();
      job("a", { command: `trap '' TERM; (setsid sleep ${n} &) ; sleep ${n}` });
      await until("the job", () => processesWith(`sleep ${n}`).length >= 2);
      child.stdin?.end();
      await exit;
      expect(processesWith(`sleep ${n}`)).toEqual([]);
    },
    limitMs,
  );

  test.each([
    ["a length beyond the limit", Buffer.from([0xff, 0xff, 0xff, 0xff, 0x10])],
    ["a payload that is not JSON", Buffer.from([0, 0, 0, 3, 0x10, 0x7b, 0x7b, 0x7b])],
    ["an unknown type", encodeFrame(0x77, {}, bytesMax)],
    ["a job without its fields", encodeFrame(frameTypes.Job, { job_id: "x" }, bytesMax)],
    ["a frame for daemons", encodeFrame(frameTypes.Result, resultFrame(), bytesMax)],
    ["text", Buffer.from("GET / HTTP/1.1\r\n\r\n")],
  ])(
    "%s: it says so, ends its jobs and itself",
    async (_what, bytes) => {
      const { child, job, exit, stderr } = session();
      const n = uniqueNumber();
      job("a", { command: `sleep ${n}` });
      await until("the job", () => processesWith(`sleep ${n}`).length > 0);
      child.stdin?.write(bytes);
      expect(await exit).toBe(1);
      expect(stderr()).toContain("error: the runner ends: ");
      expect(processesWith(`sleep ${n}`)).toEqual([]);
      expect(isAlive(child.pid ?? 0)).toBe(false);
    },
    limitMs,
  );

  test(
    "wrong arguments are an error at once",
    async () => {
      for (const args of [[], ["--lane", "fast"], ["--lane", "net", "--slots", "0"], ["--what"]]) {
        const { exit, stderr } = session(args, { greet: false });
        expect(await exit).toBe(1);
        expect(stderr()).toContain("error: the runner ends: ");
      }
    },
    limitMs,
  );
});

function resultFrame(): object {
  return { job_id: "a", status: "success", output: "", exit_code: 0, duration_ms: 0, truncated: false };
}
