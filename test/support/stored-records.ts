// Whole records for tests of the store, each field of which can be set.
import { defaultConfig } from "../../src/domain/config.ts";
import type { Evidence, IterationRecord } from "../../src/domain/evidence.ts";
import type { Loop } from "../../src/domain/loop.ts";
import type { Run } from "../../src/domain/run.ts";

export function loopRecord(over: Partial<Loop> = {}): Loop {
  const id = over.id ?? "1700000000000-00112233445566aa";
  return {
    id,
    loop_type: "code",
    parent_id: null,
    input_artifact: null,
    output_artifacts: [],
    prompt_path: "",
    validation_command: "make test",
    max_iterations: 30,
    worktree: "",
    iteration: 0,
    status: "pending",
    progress: "",
    context: {
      description: "Add a greeting",
      may_change: [],
      feedback: [],
      paused_from: null,
      integrated_commit: null,
      sent_back: 0,
      failures: [],
      running_ms: 0,
      levels: [],
    },
    created_at: 1_700_000_000_000,
    updated_at: 1_700_000_000_000,
    root_id: id,
    run_state: "executing",
    waiting_for: null,
    failure: null,
    project: "/home/someone/project",
    title: "Add a greeting",
    branch: null,
    base_commit: null,
    depends_on: [],
    cost_usd: 0,
    tokens_in: 0,
    tokens_out: 0,
    budget: { iterations: 30, turns: 50, minutes: 120, usd: null, tokens: null },
    version: 1,
    ...over,
  };
}

export function runRecord(over: Partial<Run> = {}): Run {
  return {
    id: "1700000000000-00112233445566aa",
    project: {
      hash: "0123456789abcdef",
      root: "/home/someone/project",
      common_dir: "/home/someone/project/.git",
    },
    subdir: "",
    target_branch: "main",
    target_commit: "a".repeat(40),
    branch: null,
    levels: ["code"],
    config: defaultConfig,
    env: { PATH: "/usr/bin:/bin" },
    check_cwd: "",
    may_change: [],
    approve: true,
    merge: true,
    credentials: null,
    sandboxed: true,
    author: "Someone <someone@example.org>",
    warnings: [],
    tip: null,
    verified_commit: null,
    merged_commit: null,
    blocked: null,
    merge_requested: false,
    cost_usd: 0,
    budget_usd: 10,
    created_at: 1_700_000_000_000,
    ...over,
  };
}

export function iterationRecord(over: Partial<IterationRecord> = {}): IterationRecord {
  return {
    loop_id: "1700000000000-00112233445566aa",
    iteration: 1,
    started_at: 1_700_000_000_000,
    ended_at: null,
    outcome: null,
    layer: null,
    feedback: null,
    commit: null,
    tree: null,
    diffstat: null,
    turns: 0,
    tool_calls: 0,
    model_retries: 0,
    tokens_in: 0,
    tokens_out: 0,
    cost_usd: 0,
    directory: "",
    ...over,
  };
}

export function evidenceRecord(over: Partial<Evidence> = {}): Evidence {
  return {
    loop_id: "1700000000000-00112233445566aa",
    iteration: 1,
    stage: "iteration",
    verified: true,
    checks: [],
    protected_changed: [],
    reused: false,
    at: 1_700_000_000_000,
    ...over,
  };
}
