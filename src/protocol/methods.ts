// One value per method: its name, parameters and result. Client and server derive their types from it.
import * as z from "zod/mini";
import { LoopStatus } from "../domain/loop.ts";
import { PlanArtifact, PlanPreview, PlanSpec } from "../domain/artifacts.ts";
import { CheckResult } from "../domain/evidence.ts";
import { CheckRecord } from "../domain/evidence-note.ts";
import { ExportEntry } from "../domain/export.ts";
import { JudgeStats } from "../domain/judgement.ts";
import { Report } from "../domain/report.ts";
import { loopMethods } from "./loop-methods.ts";
import { byId, method, none, optional, yes } from "./method.ts";

/** Keys that the client's environment holds: in memory only, never stored, logged or given to a tool. */
export const Credential = z.object({ api_key: z.string(), base_url: optional(z.string()) });
export type Credential = z.infer<typeof Credential>;
export const Credentials = z.object({ anthropic: optional(Credential), openai: optional(Credential) });
export type Credentials = z.infer<typeof Credentials>;

const LoopCounts = z.record(z.string(), z.number());

export const methods = {
  initialize: method(
    () =>
      z.object({
        version: z.string(),
        build: optional(z.string()),
        protocol: optional(z.string()),
        cwd: optional(z.string()),
        client: optional(z.string()),
        credentials: optional(Credentials),
      }),
    () =>
      z.object({
        version: z.string(),
        build: z.string(),
        protocol: z.string(),
        capabilities: z.object({ chat: z.boolean(), loops: z.boolean(), events: z.boolean() }),
        pid: z.number(),
        nonce: z.string(),
        started_at: z.number(),
        home: z.string(),
      }),
    true,
  ),
  ping: method(none, () => z.object({ pong: z.literal(true) }), true),
  status: method(
    none,
    () =>
      z.object({
        running: z.literal(true),
        version: z.string(),
        build: z.string(),
        pid: z.number(),
        uptime_ms: z.number(),
        llm_ready: z.boolean(),
        loops: LoopCounts,
        clients: z.number(),
        memory_bytes: z.number(),
      }),
    true,
  ),
  shutdown: method(() => z.object({ mode: optional(z.enum(["graceful", "now"])) }), yes("stopping")),
  "daemon.drain": method(
    () => z.object({ cancel: optional(z.boolean()) }),
    () => z.object({ running: z.number(), integrating: z.number() }),
    true,
  ),
  subscribe: method(
    () => z.object({ since: optional(z.int().check(z.nonnegative())), loop_id: optional(z.string()) }),
    () => z.object({ subscribed: z.literal(true), seq: z.number() }),
    true,
  ),
  unsubscribe: method(none, () => z.object({ subscribed: z.literal(false) }), true),
  ...loopMethods,
  "run.export": method(
    /** `cursor`: what the page before has answered. */
    () => z.object({ id: z.string(), cursor: optional(z.string()) }),
    () => z.object({ entries: z.array(ExportEntry), cursor: z.nullable(z.string()) }),
    true,
  ),
  "plan.get_preview": method(
    byId,
    () =>
      z.object({
        id: z.string(),
        content: z.string(),
        specs: z.array(PlanSpec),
        status: LoopStatus,
        /** Of a plan alone: a question about protected files has none. */
        plan: optional(PlanPreview),
      }),
    true,
  ),
  "plan.edit": method(
    /** `version`: the one that was edited. Where it is not the newest any more, the edit is refused. */
    () => z.object({ id: z.string(), version: z.int(), plan: PlanArtifact }),
    () => z.object({ edited: z.literal(true), version: z.number() }),
  ),
  "plan.approve": method(
    /** `version`: the one that was seen. Where it is not the newest any more, the approval is refused. */
    () => z.object({ id: z.string(), version: optional(z.int()) }),
    () => z.object({ approved: z.literal(true), specs_spawned: z.number() }),
  ),
  "plan.reject": method(() => z.object({ id: z.string(), reason: optional(z.string()) }), yes("rejected")),
  "plan.iterate": method(
    /** `approved`: known to be. It runs again nevertheless, and what followed from it is invalidated. */
    () =>
      z.object({
        id: z.string(),
        feedback: z.string().check(z.minLength(1)),
        approved: optional(z.boolean()),
      }),
    () => z.object({ iterated: z.literal(true), feedback_received: z.literal(true) }),
  ),
  "plan.merge": method(byId, yes("merging")),
  "plan.undo": method(
    /** `again`: asked before, on a connection that was lost; what was done meanwhile is the answer. */
    () => z.object({ id: z.string(), again: optional(z.boolean()) }),
    () =>
      z.object({
        undone: z.literal(true),
        commit: z.string(),
        branch: z.string(),
        /** False where a check fails on it, as it had before the run. */
        verified: z.boolean(),
      }),
  ),
  "report.get": method(
    () => z.object({ project: optional(z.string()), since: optional(z.number()) }),
    () => Report,
  ),
  /** The agreement of the judge's verdicts with what checks and persons said of the same work. */
  "judge.stats": method(
    () => z.object({ project: optional(z.string()) }),
    () => z.object({ stats: z.array(JudgeStats) }),
    true,
  ),
  "evidence.verify": method(
    () =>
      z.object({
        /** A revision of the repository that `project` is in. */
        commit: z.string().check(z.minLength(1)),
        project: optional(z.string()),
        env: optional(z.record(z.string(), z.string())),
        sandbox: optional(z.enum(["auto", "none"])),
      }),
    () =>
      z.object({
        commit: z.string(),
        run: z.string(),
        title: z.string(),
        /** Whether every one of them came out as recorded. */
        same: z.boolean(),
        checks: z.array(z.object({ recorded: CheckRecord, result: CheckResult, same: z.boolean() })),
      }),
    true,
  ),
  "chat.send": method(
    () => z.object({ message: z.string() }),
    () => z.object({ message_id: z.string(), response: z.string() }),
  ),
  "chat.cancel": method(none, yes("cancelled")),
  "chat.clear": method(none, yes("cleared")),
  "metrics.get": method(none, () => z.record(z.string(), z.unknown()), true),
} as const;

/** In the protocol's tables, and not built yet: these answer 1006. @public docs/protocol.md says so. */
export const unbuiltMethods: ReadonlySet<MethodName> = new Set(["chat.send", "chat.cancel", "chat.clear"]);

export type MethodName = keyof typeof methods;
export type Params<M extends MethodName> = z.infer<(typeof methods)[M]["params"]>;
export type Result<M extends MethodName> = z.infer<(typeof methods)[M]["result"]>;
