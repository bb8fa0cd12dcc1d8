// The jobs of one lane: each in a slot, the others waiting; every one of them ends with exactly one result.
import { LooprError, messageOf } from "../lib/errors.ts";
import type { Frame, Job, JobResult } from "../protocol/runner.ts";
import type { ProcessHost } from "../sandbox/process.ts";
import { OutputCollector } from "./output.ts";
import { FileReads } from "./reads.ts";
import { runCommand, runToolCommand } from "./run-command.ts";
import { endOfThrown, requireRunnerTool, runTool, type RunnerTool } from "./tools.ts";

export interface JobsOptions {
  slots: number;
  host: ProcessHost;
  ripgrep: string | null;
  onChunk(chunk: Frame<"OutputChunk">): void;
  onResult(result: JobResult): void;
}

/** What a job has come to, before it is made a result. */
export interface JobEnd {
  status: JobResult["status"];
  exitCode: number | null;
  output: string;
  truncated: boolean;
  path?: string;
}

export class Jobs {
  readonly #options: JobsOptions;
  readonly #reads = new FileReads();
  readonly #waiting: Job[] = [];
  readonly #running = new Map<string, { control: AbortController; done: Promise<void> }>();
  #stopped = false;

  constructor(options: JobsOptions) {
    this.#options = options;
  }

  /** Starts the job as soon as a slot is free. */
  accept(job: Job): void {
    if (this.#running.has(job.job_id) || this.#waiting.some((other) => other.job_id === job.job_id)) {
      throw new LooprError("frame_invalid", `the job ${job.job_id} was sent twice`);
    }
    this.#waiting.push(job);
    this.#fill();
  }

  /** Of no effect on a job that has ended. */
  cancel(jobId: string): void {
    this.#running.get(jobId)?.control.abort();
    const at = this.#waiting.findIndex((job) => job.job_id === jobId);
    const [job] = at === -1 ? [] : this.#waiting.splice(at, 1);
    if (job) this.#options.onResult(resultOf(job, 0, ended("cancelled", "cancelled before it was started")));
  }

  /** Ends every job. Settles when nothing of them is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const job of [...this.#waiting]) this.cancel(job.job_id);
    const running = [...this.#running.values()];
    for (const { control } of running) control.abort();
    await Promise.all(running.map(({ done }) => done));
  }

  #fill(): void {
    while (!this.#stopped && this.#running.size < this.#options.slots) {
      const job = this.#waiting.shift();
      if (!job) return;
      const control = new AbortController();
      const done = this.#run(job, control.signal).finally(() => {
        this.#running.delete(job.job_id);
        this.#fill();
      });
      this.#running.set(job.job_id, { control, done });
    }
  }

  async #run(job: Job, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    let end: JobEnd;
    try {
      end = await this.#execute(job, signal);
    } catch (error) {
      const { status, output } = endOfThrown(error);
      if (status === "error") console.error(`job ${job.job_id}: ${messageOf(error)}`);
      end = ended(status, output);
    }
    this.#options.onResult(resultOf(job, performance.now() - startedAt, end));
  }

  async #execute(job: Job, signal: AbortSignal): Promise<JobEnd> {
    const kinds = [job.tool, job.command, job.argv].filter((kind) => kind !== undefined);
    if (kinds.length !== 1) {
      throw new LooprError("job_invalid", "a job is exactly one of: a tool, a command, an argument vector");
    }
    const commandOptions = {
      host: this.#options.host,
      signal,
      onChunk: (chunk: Frame<"OutputChunk">) => this.#options.onChunk(chunk),
    };
    if (job.tool === undefined) return runCommand(job, commandOptions);
    const tool = requireRunnerTool(job.tool);
    return tool === "run_command" ? runToolCommand(job, commandOptions) : this.#runTool(tool, job, signal);
  }

  /** A tool of our own runs in this process. Its limit is held here, even where it waits for a slow disk. */
  async #runTool(
    tool: Exclude<RunnerTool, "run_command">,
    job: Job,
    cancelled: AbortSignal,
  ): Promise<JobEnd> {
    const control = new AbortController();
    const stop = (status: "timeout" | "cancelled") => () => control.abort(status);
    const onCancel = stop("cancelled");
    const timer = setTimeout(stop("timeout"), job.timeout_ms);
    cancelled.addEventListener("abort", onCancel, { once: true });
    const aborted = new Promise<never>((_resolve, reject) => {
      control.signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true });
    });
    try {
      const output = new OutputCollector({ bytesMax: job.max_output_bytes, spillPath: job.spill_path });
      const context = {
        job,
        signal: control.signal,
        bytesMax: job.max_output_bytes,
        reads: this.#reads,
        ripgrep: this.#options.ripgrep,
      };
      const text = await Promise.race([runTool(tool, job.input, context), aborted]);
      output.push("stdout", Buffer.from(text));
      const { text: kept, truncated, path } = output.finish();
      return { status: "success", exitCode: null, output: kept, truncated, path };
    } catch (error) {
      if (!control.signal.aborted) throw error;
      return control.signal.reason === "timeout"
        ? ended("timeout", `${tool} was ended after ${job.timeout_ms} ms: ask for less at once`)
        : ended("cancelled", `${tool} was cancelled`);
    } finally {
      clearTimeout(timer);
      cancelled.removeEventListener("abort", onCancel);
    }
  }
}

function ended(status: JobResult["status"], output: string): JobEnd {
  return { status, exitCode: null, output, truncated: false };
}

function resultOf(job: Job, durationMs: number, end: JobEnd): JobResult {
  return {
    job_id: job.job_id,
    status: end.status,
    output: end.output,
    exit_code: end.exitCode,
    duration_ms: Math.round(durationMs),
    truncated: end.truncated,
    ...(end.path === undefined ? {} : { output_path: end.path }),
  };
}
