// A worktree of its own and a context for the tools that run in the runner's process.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { FileReads } from "../../src/runner/reads.ts";
import { ToolFailure, type ToolContext } from "../../src/runner/tool.ts";
import { runTool, type RunnerTool } from "../../src/runner/tools.ts";

export interface ToolBench {
  worktree: string;
  /** Beside the worktree, and out of bounds. */
  outside: string;
  write(path: string, content: string | Uint8Array): void;
  call(
    tool: Exclude<RunnerTool, "run_command">,
    input: object,
    context?: Partial<ToolContext>,
  ): Promise<string>;
  /** The message of the failure that the call ends in. */
  refusal(tool: Exclude<RunnerTool, "run_command">, input: object): Promise<string>;
  iteration(n: number): void;
  loop(id: string): void;
  remove: () => void;
}

export function makeToolBench(): ToolBench {
  const base = realpathSync(mkdtempSync(join(tmpdir(), "loopr-tools-")));
  const worktree = join(base, "work tree");
  const outside = join(base, "outside");
  for (const directory of [worktree, outside]) mkdirSync(directory);
  const job = {
    job_id: "j",
    loop_id: "l",
    iteration: 1,
    cwd: worktree,
    worktree_dir: worktree,
    env: {},
    timeout_ms: 10_000,
    max_output_bytes: 64 * 1024,
    sandbox: {
      mode: "none" as const,
      net: false,
      unix_sockets: false,
      write: [],
      read: [],
      deny: [],
      git_configs: [],
    },
  };
  const reads = new FileReads();
  const call: ToolBench["call"] = (tool, input, more = {}) =>
    runTool(tool, input, {
      job,
      signal: new AbortController().signal,
      bytesMax: job.max_output_bytes,
      reads,
      ripgrep: null,
      ...more,
    });
  return {
    worktree,
    outside,
    write: (path, content) => {
      mkdirSync(dirname(join(worktree, path)), { recursive: true });
      writeFileSync(join(worktree, path), content);
    },
    call,
    refusal: async (tool, input) => {
      try {
        return `NOT REFUSED: ${await call(tool, input)}`;
      } catch (error) {
        if (error instanceof ToolFailure) return error.message;
        throw error;
      }
    },
    iteration: (n) => (job.iteration = n),
    loop: (id) => (job.loop_id = id),
    remove: () => rmSync(base, { recursive: true, force: true }),
  };
}
