// What the engine needs from outside, in the engine's own words. Adapters: store/, llm/, git/, and the
// daemon's runner host. Nothing here knows SQLite, a vendor's SDK or a process.
import type { ArtifactVersion } from "../domain/artifacts.ts";
import type { Evidence, IterationRecord } from "../domain/evidence.ts";
import type { Loop, LoopStatus, LoopType } from "../domain/loop.ts";
import type { PassName } from "../domain/passes.ts";
import type { Run } from "../domain/run.ts";
import type { ToolName } from "../tools/catalog.ts";

// ---------------------------------------------------------------- store

export interface StoredEvent {
  seq: number;
  event: string;
  loop_id: string;
  root_id: string;
  data: unknown;
  at: number;
}

/** One transaction. Either all of it is stored, and its events are published, or nothing is. */
export interface Change {
  /** Whole records; each `version` must be the stored one plus 1 (1 for a new loop), else `version_conflict`. */
  loops?: Loop[];
  runs?: Run[];
  iterations?: IterationRecord[];
  evidence?: Evidence[];
  /** Versions of loops' artifacts. */
  artifacts?: ({ loop_id: string } & ArtifactVersion)[];
  events?: { event: string; loop_id: string; root_id: string; data: unknown }[];
  /** Loops to delete with everything that hangs on them. */
  deletes?: string[];
  /**
   * False: nothing is lost where a power cut takes it with it, as it is only on its way to what is stored next.
   * `soon`: it is on the disk a moment later, and nobody waits for that. No crash of the daemon takes either.
   */
  synced?: boolean | "soon";
}

export interface LoopFilter {
  project?: string;
  status?: LoopStatus;
  type?: LoopType;
  root?: string;
}

export interface Store {
  /** Throws LooprError `version_conflict`, `store_full`, `store_failed`. Returns the stored events. */
  commit(change: Change): StoredEvent[];
  /** Called after each commit, in order, with its events. */
  onEvents(listener: (events: StoredEvent[]) => void): () => void;
  loop(id: string): Loop | null;
  run(rootId: string): Run | null;
  /** Newest `updated_at` first. `project` is the project's hash or its root directory. */
  loops(filter?: LoopFilter): Loop[];
  runs(): Run[];
  iterations(loopId: string): IterationRecord[];
  evidence(loopId: string): Evidence[];
  /** The newest version of a loop's artifact; null where there is none. */
  artifact(loopId: string): unknown;
  /** Every version of a loop's artifact, oldest first. */
  artifacts(loopId: string): ArtifactVersion[];
  /** Stored events after `since`, oldest first; null where some of them are gone, unless `evenAfterGap`. */
  events(
    since: number,
    options?: { loop_id?: string; limit?: number; evenAfterGap?: boolean },
  ): StoredEvent[] | null;
  lastSeq(): number;
  close(): void;
}

// ---------------------------------------------------------------- model

export type ContentBlock =
  | { type: "text"; text: string }
  /** What the model thought (often withheld: empty). `opaque` goes back to it unchanged, in its place. */
  | { type: "thinking"; text: string; opaque: unknown }
  | { type: "tool_use"; id: string; name: string; input: unknown }
  | { type: "tool_result"; tool_use_id: string; content: string; is_error: boolean };

export interface Message {
  role: "user" | "assistant";
  content: ContentBlock[];
}

export interface ToolSchema {
  name: ToolName;
  description: string;
  /** JSON Schema of the parameters. */
  input_schema: Record<string, unknown>;
}

export interface TurnRequest {
  /** Byte-stable between iterations of a type, for prompt caching. */
  system: string;
  messages: Message[];
  tools: ToolSchema[];
  model: string;
  max_tokens: number;
  /** Whole turn, retries apart. */
  timeout_ms: number;
  /** Which loop's which iteration asks: the scripted model answers by it. */
  loop: {
    id: string;
    type: LoopType;
    title: string;
    iteration: number;
    turn: number;
    /** Of a plan: the pass that it is in. */
    pass?: PassName | null;
    /** It is the loop's judge who asks. */
    judge?: true;
  };
}

export interface Usage {
  input: number;
  output: number;
  cache_read: number;
  cache_write: number;
}

export interface TurnResult {
  content: ContentBlock[];
  stop: "end" | "tool_use" | "max_tokens" | "refusal";
  usage: Usage;
  cost_usd: number;
  /** Failed attempts before this answer (429, 5xx, broken streams). */
  retries: number;
}

/**
 * Throws LooprError: `model_auth` (401, 403: never retried), `model_unreachable` (connection, 5xx, 529 or
 * 429 after all retries), `model_rejected` (400, 404, 413: the request or the model's name),
 * `model_timeout`, `cancelled` (the signal).
 */
export interface Model {
  turn(request: TurnRequest, signal: AbortSignal, onText: (text: string) => void): Promise<TurnResult>;
  /** Dollars for a prompt and an answer of so many tokens, nothing of it cached; 0 where nobody is paid. */
  priceOf(model: string, inputTokens: number, outputTokens: number): number;
}

// ---------------------------------------------------------------- jobs

export interface JobRequest {
  loop_id: string;
  iteration: number;
  lane: "no-net" | "net" | "heavy";
  tool?: ToolName;
  input?: Record<string, unknown>;
  command?: string;
  cwd: string;
  worktree_dir: string;
  env: Record<string, string>;
  timeout_ms: number;
  max_output_bytes: number;
  spill_path?: string;
  sandboxed: boolean;
  net: boolean;
  /** Whether it may make Unix sockets of its own. */
  unix_sockets: boolean;
  /** Directories writable beside the worktree. */
  write: string[];
  /** Readable again after the masks. */
  read: string[];
  deny: string[];
  /** Configuration files of git, shown without the credentials in them. */
  git_configs: string[];
}

export interface JobOutcome {
  status: "success" | "failed" | "timeout" | "cancelled" | "error";
  output: string;
  exit_code: number | null;
  duration_ms: number;
  truncated: boolean;
}

export interface Jobs {
  /** Never throws for what a job does; a dead runner is status `error`. Not repeated silently. */
  run(
    job: JobRequest,
    signal: AbortSignal,
    onOutput?: (stream: "stdout" | "stderr", text: string) => void,
  ): Promise<JobOutcome>;
}
