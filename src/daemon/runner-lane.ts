// One lane: its queue, its slots, and the runner process that serves it, started again when it dies.
import { randomBytes } from "node:crypto";
import type { JobOutcome, JobRequest } from "../engine/ports.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { AnyFrame, Job, JobResult } from "../protocol/runner.ts";
import { killJob } from "../sandbox/orphans.ts";
import type { Lane } from "../tools/catalog.ts";
import { RunnerProcess } from "./runner-process.ts";

export interface LaneTimes {
  handshakeMs: number;
  heartbeatMs: number;
  /** How long jobs wait for a runner that does not come back. */
  waitMs: number;
  /** First pause before a new start; doubled with each failure. */
  backoffMs: number;
  backoffMsMax: number;
  /** A cancelled job that takes longer shows that its runner hangs. */
  cancelMs: number;
  stopMs: number;
}

export interface LaneOptions {
  command: readonly string[];
  lane: Lane;
  slots: number;
  dataDir: string;
  log: Log;
  times: LaneTimes;
  onRecovered(lane: Lane): void;
}

interface Pending {
  frame: Job;
  signal: AbortSignal;
  onAbort: () => void;
  onOutput: (stream: "stdout" | "stderr", text: string) => void;
  settle: (outcome: JobOutcome) => void;
  cancelTimer: NodeJS.Timeout | null;
}

/** Failed starts in a row after which nobody tries again until there is a job. */
const idleFailuresMax = 5;
/** A runner that has lived so long did not fail to start: the next back-off begins anew. */
const stableMs = 30_000;
const idBytes = 4;

export class RunnerLane {
  readonly #options: LaneOptions;
  readonly #prefix = randomBytes(idBytes).toString("hex");
  #jobs = 0;
  readonly #queue: Pending[] = [];
  readonly #sent = new Map<string, Pending>();
  #runner: RunnerProcess | null = null;
  /** Null until the runner has greeted. Never more jobs are sent than it runs: what it holds dies with it. */
  #slots: number | null = null;
  #failures = 0;
  #respawn: NodeJS.Timeout | null = null;
  #waitLimit: NodeJS.Timeout | null = null;
  #lastReason = "";
  #stopping = false;
  #onIdle: (() => void) | null = null;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  run(request: JobRequest, signal: AbortSignal, onOutput: Pending["onOutput"]): Promise<JobOutcome> {
    if (this.#stopping) return Promise.resolve(outcomeOf("cancelled", "the daemon is stopping"));
    if (signal.aborted) return Promise.resolve(outcomeOf("cancelled", "cancelled before it was started"));
    return new Promise((resolve) => {
      const frame = jobFrame(`${this.#prefix}-${++this.#jobs}`, request);
      const pending: Pending = {
        frame,
        signal,
        onAbort: () => this.#cancel(pending),
        onOutput,
        settle: resolve,
        cancelTimer: null,
      };
      signal.addEventListener("abort", pending.onAbort, { once: true });
      this.#queue.push(pending);
      this.start();
      this.#pump();
    });
  }

  /** Starts the runner, if there is none and none is about to be started. */
  start(): void {
    if (this.#stopping || this.#slots !== null) return;
    this.#waitLimit ??= setTimeout(() => this.#giveUpWaiting(), this.#options.times.waitMs);
    if (this.#runner === null && this.#respawn === null) this.#spawn();
  }

  /** Ends the jobs and the runner. Settles when it is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of [this.#respawn, this.#waitLimit]) if (timer) clearTimeout(timer);
    for (const pending of this.#queue.splice(0)) {
      this.#settle(pending, outcomeOf("cancelled", "the daemon is stopping"));
    }
    const runner = this.#runner;
    if (runner === null) return;
    const gone = new Promise<void>((resolve) => (this.#onIdle = resolve));
    runner.send("Shutdown", {});
    const limit = setTimeout(() => runner.kill("it did not end in time"), this.#options.times.stopMs);
    await gone;
    clearTimeout(limit);
  }

  #spawn(): void {
    this.#respawn = null;
    const { command, lane, slots, dataDir, log, times } = this.#options;
    const startedAt = performance.now();
    try {
      this.#runner = new RunnerProcess({
        ...{ command, lane, slots, dataDir, log },
        handshakeMs: times.handshakeMs,
        heartbeatMs: times.heartbeatMs,
        onReady: (ready) => this.#ready(ready),
        onFrame: (frame) => this.#frame(frame),
        onEnd: (reason) => void this.#ended(reason, performance.now() - startedAt),
      });
    } catch (error) {
      void this.#ended(`it could not be started: ${messageOf(error)}`, 0);
    }
  }

  #ready(slots: number): void {
    this.#slots = slots;
    if (this.#waitLimit) clearTimeout(this.#waitLimit);
    this.#waitLimit = null;
    this.#options.log.info("runner started", { lane: this.#options.lane, pid: this.#runner?.pid });
    if (this.#failures > 0) this.#options.onRecovered(this.#options.lane);
    this.#pump();
  }

  #pump(): void {
    while (this.#runner && this.#slots !== null && this.#sent.size < this.#slots) {
      const pending = this.#queue.shift();
      if (!pending) return;
      try {
        this.#runner.send("Job", pending.frame);
        this.#sent.set(pending.frame.job_id, pending);
      } catch (error) {
        this.#settle(pending, outcomeOf("error", `the job could not be sent: ${messageOf(error)}`));
      }
    }
  }

  #frame(frame: AnyFrame): void {
    if (frame.name === "OutputChunk") {
      this.#sent.get(frame.payload.job_id)?.onOutput(frame.payload.stream, frame.payload.text);
    } else if (frame.name === "Result") {
      const pending = this.#sent.get(frame.payload.job_id);
      if (pending) this.#settle(pending, resultOutcome(frame.payload));
      this.#pump();
    } else if (frame.name !== "JobAck" && frame.name !== "CancelAck") {
      this.#runner?.kill(`it sent a ${frame.name} frame`);
    }
  }

  #cancel(pending: Pending): void {
    const queued = this.#queue.indexOf(pending);
    if (queued !== -1) {
      this.#queue.splice(queued, 1);
      return this.#settle(pending, outcomeOf("cancelled", "cancelled before it was started"));
    }
    this.#runner?.send("Cancel", { job_id: pending.frame.job_id });
    pending.cancelTimer = setTimeout(() => {
      this.#runner?.kill("it did not end a cancelled job");
    }, this.#options.times.cancelMs);
  }

  /** The runner is gone. What it was running has failed, and is not repeated; what waits, waits on. */
  async #ended(reason: string, livedMs: number): Promise<void> {
    const { lane, log, times, dataDir } = this.#options;
    const runner = this.#runner;
    this.#lastReason = reason;
    this.#slots = null;
    if (!this.#stopping) log.warn(`the runner has ended: ${reason}`, { lane, pid: runner?.pid });
    const lost = [...this.#sent.values()];
    // Only when nothing of a job runs any more may others touch its worktree.
    await Promise.all(lost.map((pending) => killJob(dataDir, pending.frame.job_id)));
    for (const pending of lost) {
      const text = `the runner of lane ${lane} has died while this job was running (${reason}); the job is not repeated by itself`;
      const stopped = this.#stopping || pending.signal.aborted;
      this.#settle(pending, stopped ? outcomeOf("cancelled", "cancelled") : outcomeOf("error", text));
    }
    this.#runner = null;
    this.#onIdle?.();
    if (this.#stopping) return;
    this.#failures = livedMs > stableMs ? 1 : this.#failures + 1;
    if (this.#queue.length === 0 && this.#failures > idleFailuresMax) return;
    const pauseMs = Math.min(times.backoffMs * 2 ** (this.#failures - 1), times.backoffMsMax);
    this.#respawn = setTimeout(() => this.#spawn(), pauseMs);
    if (this.#queue.length > 0) this.start();
  }

  #giveUpWaiting(): void {
    this.#waitLimit = null;
    const reason = this.#lastReason || "it does not start";
    for (const pending of this.#queue.splice(0)) {
      const text = `there is no runner for lane ${this.#options.lane}: ${reason}. The daemon's log says more`;
      this.#settle(pending, outcomeOf("error", text));
    }
  }

  #settle(pending: Pending, outcome: JobOutcome): void {
    this.#sent.delete(pending.frame.job_id);
    pending.signal.removeEventListener("abort", pending.onAbort);
    if (pending.cancelTimer) clearTimeout(pending.cancelTimer);
    pending.settle(outcome);
  }
}

function jobFrame(jobId: string, request: JobRequest): Job {
  const { lane: _lane, sandboxed, net, unix_sockets, write, read, deny, git_configs, ...job } = request;
  const mode = sandboxed ? "bwrap" : "none";
  return { ...job, job_id: jobId, sandbox: { mode, net, unix_sockets, write, read, deny, git_configs } };
}

function resultOutcome(result: JobResult): JobOutcome {
  const { status, output, exit_code, duration_ms, truncated } = result;
  return { status, output, exit_code, duration_ms, truncated };
}

function outcomeOf(status: "cancelled" | "error", output: string): JobOutcome {
  return { status, output, exit_code: null, duration_ms: 0, truncated: false };
}
