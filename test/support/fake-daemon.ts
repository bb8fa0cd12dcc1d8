// A daemon in memory for unit tests of the commands: it keeps loops, numbers events, and answers as told.
import type { Client, ConnectionState } from "../../src/client/types.ts";
import type { Evidence, IterationRecord } from "../../src/domain/evidence.ts";
import type { Loop, LoopStatus, RunState } from "../../src/domain/loop.ts";
import { LooprError } from "../../src/lib/errors.ts";
import { RpcError, rpcCodes } from "../../src/protocol/errors.ts";
import type { EventMessage } from "../../src/protocol/messages.ts";
import type { MethodName, Params, Result } from "../../src/protocol/methods.ts";

export const rootId = "1700000000000-a1b2c3d4e5f60718";

export function makeLoop(patch: Partial<Loop> = {}): Loop {
  const id = patch.id ?? rootId;
  const isRoot = !/-\d{3}$/.test(id);
  return {
    id,
    loop_type: isRoot ? "plan" : "code",
    parent_id: isRoot ? null : id.replace(/-\d{3}$/, ""),
    input_artifact: null,
    output_artifacts: [],
    prompt_path: "",
    validation_command: "npm test",
    max_iterations: 10,
    worktree: "",
    iteration: 1,
    status: "running",
    progress: "",
    context: {
      description: "add a flag",
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
    updated_at: 1_700_000_060_000,
    root_id: id.split("-").slice(0, 2).join("-"),
    run_state: isRoot ? "planning" : null,
    waiting_for: null,
    failure: null,
    project: "/repo",
    title: "Add a flag",
    branch: "loopr/add-a-flag-a1b2c3d4",
    base_commit: null,
    depends_on: [],
    cost_usd: 0.25,
    tokens_in: 100,
    tokens_out: 50,
    budget: { iterations: 10, turns: 50, minutes: 120, usd: null, tokens: null },
    version: 1,
    ...patch,
  };
}

export function makeEvidence(
  patch: Partial<Evidence> & { exit?: number; sandboxed?: boolean } = {},
): Evidence {
  const { exit = 0, sandboxed = true, ...rest } = patch;
  return {
    loop_id: rootId,
    iteration: 1,
    stage: "iteration",
    verified: exit === 0,
    checks: [
      {
        command: "npm test",
        cwd: "",
        commit: "c0ffee0000000000000000000000000000000000",
        tree: "7ee0000000000000000000000000000000000000",
        exit_code: exit,
        ending: "exited",
        duration_ms: 1500,
        output: "",
        sandboxed,
        variant: "candidate",
        passed: exit === 0,
      },
    ],
    protected_changed: [],
    reused: false,
    at: 1_700_000_050_000,
    ...rest,
  };
}

type Answers = { [M in MethodName]?: (params: Params<M>) => Result<M> | Promise<Result<M>> };

export class FakeDaemon implements Client {
  readonly loops = new Map<string, Loop>();
  readonly calls: { method: string; params: unknown }[] = [];
  readonly evidence: Evidence[] = [];
  readonly iterations: IterationRecord[] = [];
  readonly server = {
    version: "1.0.0",
    build: "b",
    protocol: "1.0",
    capabilities: { chat: false, loops: true, events: true },
    pid: 1,
    nonce: "n",
    started_at: 0,
    home: "/home",
  };
  state: ConnectionState = "connected";
  closed = false;
  answers: Answers = {};
  plan = "# Add a flag\n\nThe plan.";
  readonly #events: { seq: number; event: string; data: unknown; at: number }[] = [];
  readonly #eventListeners = new Set<(event: EventMessage) => void>();
  readonly #stateListeners = new Set<(state: ConnectionState) => void>();
  #subscribed = false;

  constructor(...loops: Loop[]) {
    for (const loop of loops) this.loops.set(loop.id, loop);
  }

  /** How often a method was called, or with what. */
  called(method: MethodName): unknown[] {
    return this.calls.filter((call) => call.method === method).map(({ params }) => params);
  }

  get loop(): Loop {
    const loop = this.loops.get(rootId);
    if (!loop) throw new Error("no root loop");
    return loop;
  }

  /** Changes a loop, as one transaction with its event. */
  update(patch: Partial<Loop>, id = rootId): void {
    const before = this.loops.get(id) ?? makeLoop({ id, version: 0 });
    const known = this.loops.has(id);
    const loop = { ...before, ...patch, version: before.version + 1 };
    this.loops.set(id, loop);
    this.emit(known ? "loop.updated" : "loop.created", loop);
  }

  go(runState: RunState, status: LoopStatus, patch: Partial<Loop> = {}): void {
    this.update({ waiting_for: null, failure: null, ...patch, run_state: runState, status });
  }

  /** A numbered event: stored, and sent to a subscriber. */
  emit(event: string, data: unknown): void {
    const seq = (this.#events.at(-1)?.seq ?? 0) + 1;
    this.#events.push({ seq, event, data, at: 0 });
    if (this.#subscribed && this.state === "connected") this.send({ event, data, seq });
  }

  send(message: EventMessage): void {
    for (const listener of this.#eventListeners) listener(message);
  }

  setState(state: ConnectionState): void {
    this.state = state;
    for (const listener of this.#stateListeners) listener(state);
  }

  async call<M extends MethodName>(method: M, params: Params<M>): Promise<Result<M>> {
    await Promise.resolve();
    this.calls.push({ method, params });
    if (this.state === "closed") throw new LooprError("connection_lost", "the connection is lost");
    const answer = this.answers[method] ?? this.#defaults()[method];
    if (!answer) throw new RpcError(rpcCodes.notAvailable, `${method} is not available`);
    return await answer(params);
  }

  async subscribe(): Promise<{ seq: number }> {
    await Promise.resolve();
    this.calls.push({ method: "subscribe", params: {} });
    this.#subscribed = true;
    return { seq: this.#events.at(-1)?.seq ?? 0 };
  }

  onEvent(listener: (event: EventMessage) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  close(): void {
    this.closed = true;
  }

  find(id: string): Loop {
    const loop = this.loops.get(id);
    if (!loop)
      throw new RpcError(rpcCodes.loopNotFound, `Loop not found: ${id}`, { reason: "loop_not_found" });
    return loop;
  }

  #defaults(): Answers {
    return {
      "loop.list": () => ({ loops: [...this.loops.values()] }),
      "loop.get": ({ id }) => {
        const loop = this.find(id);
        return { loop: { ...loop, description: loop.context.description, iterations: loop.iteration } };
      },
      "loop.events": ({ id, since }) => ({
        events: this.#events.filter(
          ({ seq, data }) =>
            seq > (since ?? 0) &&
            typeof data === "object" &&
            data !== null &&
            "id" in data &&
            String(data.id).startsWith(id),
        ),
      }),
      "loop.iterations": ({ id }) => ({
        iterations: this.iterations.filter(({ loop_id }) => loop_id === id),
        evidence: this.evidence.filter(({ loop_id }) => loop_id === id),
      }),
      "loop.diff": () => ({ diff: "+added\n", truncated: false }),
      "loop.output": () => ({ output: "", truncated: false }),
      "plan.get_preview": ({ id }) => ({ id, content: this.plan, specs: [], status: this.find(id).status }),
    };
  }
}
