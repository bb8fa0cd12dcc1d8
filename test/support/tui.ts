// A world for tests of the interface: records, states, a daemon that answers from memory.
import type { Client, ConnectionState } from "../../src/client/types.ts";
import type { Evidence, IterationRecord } from "../../src/domain/evidence.ts";
import type { Loop } from "../../src/domain/loop.ts";
import { RpcError } from "../../src/protocol/errors.ts";
import type { EventMessage } from "../../src/protocol/messages.ts";
import type { MethodName, Params, Result } from "../../src/protocol/methods.ts";
import { initialState, type Action, type State } from "../../src/tui/state.ts";
import { createTheme } from "../../src/tui/theme.ts";
import { reduce } from "../../src/tui/reduce.ts";

export const projectRoot = "/home/someone/project";
export const startMs = 1_700_000_000_000;
export const utf8 = { LANG: "C.UTF-8" };

/** `aRecord({ hex: "a1", children: "002" })` has the id `1700000000000-a100000000000000-002`. */
export function idOf(hex: string, ...children: string[]): string {
  return [`${startMs}-${hex.padEnd(16, "0")}`, ...children].join("-");
}

export function aLoop(patch: Partial<Loop> & { id: string }): Loop {
  const [time, hex, ...children] = patch.id.split("-");
  const root = `${time}-${hex}`;
  return {
    loop_type: "code",
    parent_id: children.length === 0 ? null : patch.id.slice(0, patch.id.lastIndexOf("-")),
    input_artifact: null,
    output_artifacts: [],
    prompt_path: "",
    validation_command: "make test",
    max_iterations: 30,
    worktree: "",
    iteration: 1,
    status: "running",
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
    created_at: startMs,
    updated_at: startMs,
    root_id: root,
    run_state: children.length === 0 ? "executing" : null,
    waiting_for: null,
    failure: null,
    project: projectRoot,
    title: "Add a greeting",
    branch: null,
    base_commit: null,
    depends_on: [],
    cost_usd: 0.12,
    tokens_in: 12_000,
    tokens_out: 3_400,
    budget: { iterations: 30, turns: 50, minutes: 120, usd: null, tokens: null },
    version: 1,
    ...patch,
  };
}

export function anIteration(patch: Partial<IterationRecord>): IterationRecord {
  return {
    loop_id: idOf("a1"),
    iteration: 1,
    started_at: startMs,
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
    ...patch,
  };
}

export function someEvidence(patch: Partial<Evidence> & { exitCode?: number }): Evidence {
  const { exitCode = 0, ...rest } = patch;
  const passed = exitCode === 0;
  return {
    loop_id: idOf("a1"),
    iteration: 1,
    stage: "iteration",
    verified: passed,
    checks: [
      {
        command: "make test",
        cwd: "",
        commit: "c".repeat(40),
        tree: "0123456789abcdef0123456789abcdef01234567",
        exit_code: exitCode,
        ending: "exited",
        duration_ms: 2_345,
        output: passed ? "ok\n" : "FAIL login\n",
        sandboxed: true,
        variant: "candidate",
        passed,
      },
    ],
    protected_changed: [],
    reused: false,
    at: startMs,
    ...rest,
  };
}

/** A plan that waits, a run with children of many kinds, one that failed. */
export function sampleLoops(): Loop[] {
  const run = idOf("a1b2");
  return [
    aLoop({ id: run, loop_type: "plan", title: "Add OAuth login", status: "complete", max_iterations: 10 }),
    aLoop({ id: `${run}-001`, title: "Providers", status: "complete", progress: "integrated" }),
    aLoop({ id: `${run}-002`, title: "Login page", iteration: 3, progress: "runs make test" }),
    aLoop({
      id: `${run}-003`,
      title: "Sessions",
      status: "pending",
      iteration: 0,
      waiting_for: "dependencies",
      cost_usd: 0,
    }),
    aLoop({
      id: idOf("b7f2"),
      loop_type: "plan",
      title: "Faster parser",
      status: "awaiting_approval",
      run_state: "awaiting_approval",
      waiting_for: "approval",
      created_at: startMs + 60_000,
      max_iterations: 10,
    }),
    aLoop({
      id: idOf("c0ff"),
      title: "Flaky test",
      status: "failed",
      run_state: "failed",
      created_at: startMs - 60_000,
      failure: { code: "iterations", message: "30 iterations used up", hint: "loopr resume c0ff" },
    }),
  ];
}

export function stateWith(loops: Loop[], size: { columns?: number; rows?: number } = {}): State {
  const { glyphs } = createTheme(utf8, false);
  const { columns = 80, rows = 24 } = size;
  const initial = initialState({ now: startMs + 120_000, columns, rows, glyphs, scopeName: "project" });
  return after(
    initial,
    { type: "connection", connection: "connected", otherVersion: null },
    { type: "snapshot_started" },
    { type: "snapshot", loops, projects: new Set([projectRoot]) },
  );
}

export function after(state: State, ...actions: Action[]): State {
  return actions.reduce(reduce, state);
}

// ---------------------------------------------------------------- daemon

type Answers = { [M in MethodName]?: (params: Params<M>) => Result<M> | Promise<Result<M>> };

export interface FakeClient extends Client {
  state: ConnectionState;
  readonly calls: { method: string; params: unknown }[];
  emit(event: EventMessage): void;
  turn(state: ConnectionState): void;
  closed: boolean;
}

/** Answers from `answers`; everything else is refused, as a daemon refuses it. */
export function fakeClient(answers: Answers, version = "1.0.0"): FakeClient {
  const eventListeners = new Set<(event: EventMessage) => void>();
  const stateListeners = new Set<(state: ConnectionState) => void>();
  const client: FakeClient = {
    server: {
      version,
      build: "b",
      protocol: "1.0",
      capabilities: { chat: false, loops: true, events: true },
      pid: 1,
      nonce: "n",
      started_at: 0,
      home: "/home",
    },
    state: "connected",
    calls: [],
    closed: false,
    call: async (method, params) => {
      client.calls.push({ method, params });
      const answer = answers[method];
      if (!answer) throw new RpcError(1006, `Not available: ${method}`, { hint: "build it" });
      return answer(params);
    },
    subscribe: async () => ({ seq: 0 }),
    onEvent: (listener) => {
      eventListeners.add(listener);
      return () => eventListeners.delete(listener);
    },
    onState: (listener) => {
      stateListeners.add(listener);
      return () => stateListeners.delete(listener);
    },
    close: () => {
      client.closed = true;
    },
    emit: (event) => {
      for (const listener of eventListeners) listener(event);
    },
    turn: (state) => {
      client.state = state;
      for (const listener of stateListeners) listener(state);
    },
  };
  return client;
}
