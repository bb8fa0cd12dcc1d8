// Records for tests of the pure parts, with everything filled in that a test does not care about.
import { defaultConfig } from "../../src/domain/config.ts";
import type { Loop, LoopStatus } from "../../src/domain/loop.ts";
import type { Run } from "../../src/domain/run.ts";
import { newLoop } from "../../src/engine/new-loop.ts";

export function runRecord(patch: Partial<Run> = {}): Run {
  return {
    id: "1000-00000000000000aa",
    project: { hash: "0123456789abcdef", root: "/repo", common_dir: "/repo/.git" },
    subdir: "",
    target_branch: "main",
    target_commit: "a".repeat(40),
    branch: null,
    levels: "auto",
    config: defaultConfig,
    env: {},
    check_cwd: "",
    may_change: [],
    approve: false,
    merge: false,
    credentials: null,
    sandboxed: true,
    author: "Loopr <loopr@localhost>",
    warnings: [],
    tip: null,
    verified_commit: null,
    merged_commit: null,
    blocked: null,
    merge_requested: false,
    cost_usd: 0,
    budget_usd: 10,
    created_at: 1000,
    ...patch,
  };
}

export function loopRecord(patch: Partial<Loop> & { status?: LoopStatus } = {}): Loop {
  const run = runRecord();
  const loop = newLoop(run, {
    id: patch.id ?? run.id,
    type: patch.loop_type ?? "code",
    parent: null,
    title: "a task",
    description: "do it",
    levels: [],
    dependsOn: [],
    mayChange: [],
    now: 1000,
  });
  return { ...loop, ...patch };
}
