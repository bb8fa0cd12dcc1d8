// Commands: the model's (run_command), and the daemon's own checks and set-ups.
import type { Frame, Job } from "../protocol/runner.ts";
import { runProcess, type ProcessEnd, type ProcessHost } from "../sandbox/process.ts";
import type { JobEnd } from "./jobs.ts";
import { OutputCollector } from "./output.ts";
import { locate, requireDirectory } from "./paths.ts";
import { ToolFailure } from "./tool.ts";
import { parseInput } from "./tools.ts";

const shell = "/bin/sh";
const tmp = "/tmp";
/** The kernel's limit for one argument (MAX_ARG_STRLEN), less the final NUL. */
const argumentBytesMax = 128 * 1024 - 1;

export interface CommandOptions {
  host: ProcessHost;
  signal: AbortSignal;
  onChunk(chunk: Frame<"OutputChunk">): void;
}

/** The model's: a limit of its own counts, and what it did wrong is said so that it can mend it. */
export async function runToolCommand(job: Job, options: CommandOptions): Promise<JobEnd> {
  const input = parseInput("run_command", job.input);
  if (input.command.includes("\0")) throw new ToolFailure("the command holds a NUL character");
  const bytes = Buffer.byteLength(input.command);
  if (bytes > argumentBytesMax) {
    throw new ToolFailure(
      `the command is too long (${bytes} bytes): write a script with write_file, and run that`,
    );
  }
  const timeoutMs = input.timeout_ms ?? job.timeout_ms;
  const end = await run([shell, "-c", input.command], { ...job, timeout_ms: timeoutMs }, options);
  if (end.status !== "timeout") return end;
  return { ...end, output: `${end.output}\n[ended: it ran longer than ${timeoutMs} ms]` };
}

/** A command line for the shell, or an argument vector, as the daemon gives it. */
export function runCommand(job: Job, options: CommandOptions): Promise<JobEnd> {
  // By way of the shell a program that is missing or cannot be run is 127 or 126 there, too.
  const argv: [string, ...string[]] =
    job.argv === undefined
      ? [shell, "-c", job.command ?? ""]
      : [shell, "-c", 'exec "$@"', shell, ...job.argv];
  return run(argv, job, options);
}

async function run(argv: readonly [string, ...string[]], job: Job, options: CommandOptions): Promise<JobEnd> {
  const cwd = locate(job.worktree_dir, job.cwd);
  requireDirectory(cwd);
  const { sandbox } = job;
  const output = new OutputCollector({
    bytesMax: job.max_output_bytes,
    spillPath: job.spill_path,
    onLive: (stream, text) => options.onChunk({ job_id: job.job_id, stream, text }),
  });
  const end = await runProcess(
    {
      jobId: job.job_id,
      argv,
      cwd: cwd.path,
      env: environment(job, cwd.path),
      confinement:
        sandbox.mode === "none"
          ? null
          : {
              worktree: job.worktree_dir,
              net: sandbox.net,
              write: sandbox.write,
              read: sandbox.read,
              deny: sandbox.deny,
              gitConfigs: sandbox.git_configs,
              unixSockets: sandbox.unix_sockets,
            },
      timeoutMs: job.timeout_ms,
      signal: options.signal,
      onOutput: (stream, chunk) => output.push(stream, chunk),
    },
    options.host,
  );
  const { text, truncated, path } = output.finish();
  return { ...statusOf(end), output: withReason(text, end), truncated, path };
}

function environment(job: Job, cwd: string): Record<string, string> {
  return {
    HOME: process.env["HOME"] ?? "/",
    TMPDIR: tmp,
    ...job.env,
    ...(job.sandbox.mode === "none" ? {} : { TMPDIR: tmp }), // whatever the host's is, it is masked
    PWD: cwd,
  };
}

function statusOf(end: ProcessEnd): Pick<JobEnd, "status" | "exitCode"> {
  if (end.kind !== "exited") return { status: end.kind, exitCode: null };
  return { status: end.exitCode === 0 ? "success" : "failed", exitCode: end.exitCode };
}

function withReason(text: string, end: ProcessEnd): string {
  if (end.kind !== "error") return text;
  return text === "" ? end.message : `${text}\n${end.message}`;
}
