import { expect, test } from "bun:test";
import type { JobOutcome, JobRequest } from "../engine/ports.ts";
import { countingJobs } from "./tool-counts.ts";

function job(tool?: JobRequest["tool"]): JobRequest {
  return {
    loop_id: "l",
    iteration: 1,
    lane: "no-net",
    tool,
    cwd: "/",
    worktree_dir: "/",
    env: {},
    timeout_ms: 1,
    max_output_bytes: 1,
    sandboxed: true,
    net: false,
    unix_sockets: false,
    write: [],
    read: [],
    deny: [],
    git_configs: [],
  };
}

test("tools are counted by name with their time; checks are no tools; what a job answers is handed on", async () => {
  const outcomes: [JobOutcome["status"], number][] = [
    ["success", 5],
    ["failed", 20],
    ["success", 7],
    ["success", 1000],
  ];
  let at = 0;
  const jobs = countingJobs({
    run: () => {
      const [status, duration_ms] = outcomes[at++] ?? ["error", 0];
      return Promise.resolve({ status, output: `${at}`, exit_code: 0, duration_ms, truncated: false });
    },
  });
  const { signal } = new AbortController();
  expect(jobs.counts()).toEqual({});
  await jobs.run(job("read_file"), signal);
  await jobs.run(job("read_file"), signal);
  await jobs.run(job("run_command"), signal);
  expect((await jobs.run(job(), signal)).output).toBe("4");
  expect(jobs.counts()).toEqual({
    read_file: { count: 2, failed: 1, total_ms: 25, max_ms: 20 },
    run_command: { count: 1, failed: 0, total_ms: 7, max_ms: 7 },
  });
});
