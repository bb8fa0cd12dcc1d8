// The methods that show loops and act on them. See methods.ts.
import * as z from "zod/mini";
import { boundKinds } from "../domain/bounds.ts";
import { Evidence, IterationRecord } from "../domain/evidence.ts";
import { FilePiece } from "../domain/export.ts";
import { Loop, LoopStatus } from "../domain/loop.ts";
import { signals } from "../domain/signal.ts";
import { RunCreated, RunOptions } from "../domain/run-options.ts";
import { byId, method, optional, yes } from "./method.ts";

const Bound = () =>
  z.object({
    owner: z.nullable(z.string()),
    kind: z.enum(boundKinds),
    limit: z.number(),
    used: z.number(),
    leased: z.number(),
  });

/** `loop.get` adds the original client's flat fields to the record. */
const loopDetail = () =>
  z.object({
    loop: z.extend(Loop, {
      description: z.string(),
      iterations: z.number(),
      bounds: optional(z.array(Bound())),
      /** Globs of the protected files that it may change. */
      may_change: optional(z.array(z.string())),
      /** Roots: what the run was merged as, or the verified tip of its branch; null where there is neither. */
      commit: optional(z.string()),
    }),
  });

/** Globs of protected files. */
const mayChange = () => z.array(z.string().check(z.minLength(1))).check(z.minLength(1));

export const loopMethods = {
  /** In pages where they are many: the newest first; `cursor` is what the page before has answered. */
  "loop.list": method(
    () =>
      z.object({
        project: optional(z.string()),
        status: optional(LoopStatus),
        /** A built-in type or one of somebody's own. */
        type: optional(z.string()),
        cursor: optional(z.string()),
      }),
    () => z.object({ loops: z.array(Loop), cursor: optional(z.string()) }),
    true,
  ),
  "loop.get": method(byId, loopDetail, true),
  "loop.create_plan": method(
    () =>
      z.object({
        description: z.string().check(z.minLength(1)),
        project: optional(z.string()),
        env: optional(z.record(z.string(), z.string())),
        options: optional(RunOptions),
      }),
    () => RunCreated,
  ),
  "loop.replay": method(
    () =>
      z.object({
        id: z.string(),
        from: z.int().check(z.positive()),
        model: optional(z.string().check(z.minLength(1))),
        /** Approves its plans without asking. */
        approve: optional(z.boolean()),
      }),
    () => RunCreated,
  ),
  "loop.start": method(byId, yes("started")),
  "loop.pause": method(byId, yes("paused")),
  "loop.resume": method(
    () =>
      z.object({
        id: z.string(),
        may_change: optional(mayChange()),
        /** For the next prompt. */
        feedback: optional(z.string()),
      }),
    yes("resumed"),
  ),
  "loop.budget": method(
    () =>
      z.object({
        id: z.string(),
        add_usd: optional(z.number().check(z.positive())),
        add_tokens: optional(z.int().check(z.positive())),
        add_minutes: optional(z.number().check(z.positive())),
        add_iterations: optional(z.int().check(z.positive())),
      }),
    () => z.object({ budget_usd: z.number(), cost_usd: z.number(), bounds: z.array(Bound()) }),
  ),
  "loop.cancel": method(byId, yes("cancelled")),
  "loop.signal": method(
    () =>
      z.object({
        signal: z.enum(signals),
        selectors: z.array(z.string()).check(z.minLength(1)),
        project: optional(z.string()),
        feedback: optional(z.string()),
        /** With `resume`. */
        may_change: optional(mayChange()),
      }),
    () =>
      z.object({ signal: z.enum(signals), loops: z.array(z.object({ id: z.string(), status: LoopStatus })) }),
  ),
  "loop.delete": method(byId, yes("deleted")),
  "loop.events": method(
    () => z.object({ id: z.string(), since: optional(z.number()) }),
    () =>
      z.object({
        events: z.array(z.object({ seq: z.number(), event: z.string(), data: z.unknown(), at: z.number() })),
      }),
    true,
  ),
  "loop.iterations": method(
    () => z.object({ id: z.string(), cursor: optional(z.string()) }),
    () =>
      z.object({
        iterations: z.array(IterationRecord),
        evidence: z.array(Evidence),
        cursor: optional(z.string()),
      }),
    true,
  ),
  /** One iteration whole: its record, its evidence (on the first page) and the files of its record. */
  "loop.record": method(
    () => z.object({ id: z.string(), iteration: z.int(), cursor: optional(z.string()) }),
    () =>
      z.object({
        record: IterationRecord,
        evidence: z.array(Evidence),
        files: z.array(FilePiece),
        cursor: optional(z.string()),
      }),
    true,
  ),
  "loop.diff": method(
    () => z.object({ id: z.string(), iteration: optional(z.int()) }),
    () => z.object({ diff: z.string(), truncated: z.boolean() }),
    true,
  ),
  "loop.output": method(
    () => z.object({ id: z.string(), iteration: optional(z.number()) }),
    () => z.object({ output: z.string(), truncated: z.boolean() }),
    true,
  ),
} as const;
