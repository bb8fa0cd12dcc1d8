// One runner process as the daemon sees it: started, greeted, listened to, and ended.
import { spawn, type ChildProcess } from "node:child_process";
import { LooprError, messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
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
import type { Lane } from "../tools/catalog.ts";

/** What a runner needs of the daemon's environment. No key is among it, and no job gets it. */
const environmentNames = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"];
const stderrLineCharsMax = 2_000;
/** Heartbeats without an answer after which a runner counts as hung. */
const heartbeatsMissedMax = 3;

export interface RunnerProcessOptions {
  command: readonly string[];
  lane: Lane;
  slots: number;
  dataDir: string;
  log: Log;
  handshakeMs: number;
  heartbeatMs: number;
  onReady(slots: number): void;
  onFrame(frame: AnyFrame): void;
  /** Once, after which nothing more is heard of it. */
  onEnd(reason: string): void;
}

export class RunnerProcess {
  readonly #options: RunnerProcessOptions;
  readonly #child: ChildProcess;
  readonly #decoder = new FrameDecoder(frameBytesMax);
  #timer: NodeJS.Timeout;
  #missed = 0;
  #ready = false;
  #over = false;
  /** Why it was ended from here. */
  #verdict: string | null = null;

  constructor(options: RunnerProcessOptions) {
    this.#options = options;
    this.#child = start(options);
    this.#timer = setTimeout(() => this.kill("it did not answer the handshake"), options.handshakeMs);
    const { stdin, stdout, stderr } = this.#child;
    stdout?.on("data", (chunk: Buffer) => this.#receive(chunk));
    stdin?.on("error", () => {}); // it has ended: its exit is what counts
    if (stderr) forwardLines(stderr, (text) => options.log.warn(`runner: ${text}`, { lane: options.lane }));
    this.#child.on("error", (error) => this.#end(`it could not be started: ${messageOf(error)}`));
    // `close` comes after the last frame has been read.
    this.#child.on("close", (code, signal) =>
      this.#end(`it ended with ${signal ?? `exit code ${code ?? "?"}`}`),
    );
  }

  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  /** Throws `frame_too_large`. */
  send<N extends FrameName>(name: N, payload: Frame<N>): void {
    const frame = encodeFrame(frameTypes[name], payload, frameBytesMax);
    if (!this.#over) this.#child.stdin?.write(frame);
  }

  kill(verdict: string): void {
    this.#verdict ??= verdict;
    const { pid } = this.#child;
    if (this.#over || pid === undefined) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // It has ended meanwhile; `close` is on its way.
    }
  }

  #receive(chunk: Buffer): void {
    if (this.#verdict !== null) return;
    try {
      for (const { type, payload } of this.#decoder.push(chunk)) {
        const frame = parseFrame(type, payload);
        if (typeof frame === "string") throw new LooprError("frame_invalid", frame);
        this.#take(frame);
      }
    } catch (error) {
      this.kill(`its channel cannot be used: ${messageOf(error)}`);
    }
  }

  #take(frame: AnyFrame): void {
    if (frame.name === "HeartbeatAck") this.#missed = 0;
    else if (frame.name !== "Handshake") this.#options.onFrame(frame);
    else if (this.#ready) throw new LooprError("frame_invalid", "a second handshake");
    else this.#greet(frame.payload);
  }

  #greet(handshake: Frame<"Handshake">): void {
    const { lane, slots } = handshake;
    if (lane !== this.#options.lane || handshake.version !== version) {
      throw new LooprError("handshake_refused", `it serves ${lane} at version ${handshake.version}`);
    }
    // Without a slot, jobs would wait for ever; it has been told how many it may have at most.
    if (!Number.isInteger(slots) || slots < 1 || slots > this.#options.slots) {
      throw new LooprError(
        "handshake_refused",
        `it has ${slots} slots where up to ${this.#options.slots} are wanted`,
      );
    }
    clearTimeout(this.#timer);
    this.#ready = true;
    this.send("HandshakeAck", { version });
    this.#timer = setInterval(() => this.#beat(), this.#options.heartbeatMs);
    this.#options.onReady(slots);
  }

  #beat(): void {
    if (this.#missed >= heartbeatsMissedMax) {
      // If it was the daemon that was late, an answer may wait to be read: that comes first.
      setImmediate(() => {
        if (this.#missed >= heartbeatsMissedMax) this.kill("its heartbeat stopped");
      });
      return;
    }
    this.#missed++;
    this.send("Heartbeat", { at: Date.now() });
  }

  #end(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#options.onEnd(this.#verdict ?? reason);
  }
}

function start(options: RunnerProcessOptions): ChildProcess {
  const [program, ...args] = options.command;
  if (program === undefined)
    throw new LooprError("runner_command_empty", "no command to start a runner with");
  const env: Record<string, string> = { LOOPR_HOME: options.dataDir };
  for (const name of environmentNames) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  // A session of its own: a signal to the daemon's group does not reach it, the end of its channel does.
  return spawn(program, [...args, "--lane", options.lane, "--slots", String(options.slots)], {
    cwd: "/",
    env,
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
}

function forwardLines(stream: NodeJS.ReadableStream, onLine: (text: string) => void): void {
  let rest = "";
  stream.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString("utf8")).split("\n");
    rest = (lines.pop() ?? "").slice(0, stderrLineCharsMax);
    for (const line of lines) if (line.trim() !== "") onLine(line.slice(0, stderrLineCharsMax));
  });
  stream.on("end", () => {
    if (rest.trim() !== "") onLine(rest);
  });
  stream.on("error", () => {});
}
