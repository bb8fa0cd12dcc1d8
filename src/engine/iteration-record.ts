// The record of an iteration in the store: opened when it begins, closed with what came of it.
import { join } from "node:path";
import type { Evidence, IterationRecord } from "../domain/evidence.ts";
import type { Loop } from "../domain/loop.ts";
import type { Parts } from "./parts.ts";
import type { Change } from "./ports.ts";
import type { Workspace } from "./workspace.ts";

export function begin(parts: Parts, loop: Loop, iteration: number, workspace: Workspace): void {
  const interrupted = parts.store.iterations(loop.id).findLast((one) => one.iteration === iteration);
  const record: IterationRecord = {
    loop_id: loop.id,
    iteration,
    started_at: parts.clock.now(),
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
    directory: workspace.recordsDir(loop.id, iteration),
    // What an interrupted iteration was asked and told stays known: it is not asked again.
    ...(interrupted && { ...interrupted, outcome: null, layer: null, feedback: null, ended_at: null }),
  };
  parts.ledger.update(
    loop.id,
    { iteration, progress: `iteration ${iteration}`, prompt_path: join(record.directory, "prompt.md") },
    // What is lost of it in a power cut is the beginning of something of which nothing else is left either.
    { change: { iterations: [record], synced: false } },
  );
}

export type ClosedIteration = Required<Pick<Change, "iterations" | "events" | "evidence">>;

/** Closes the iteration's record and tells of it. */
export function finishRecord(
  parts: Parts,
  id: string,
  iteration: number,
  patch: Partial<IterationRecord>,
): void {
  parts.ledger.record(closed(parts, id, iteration, patch));
}

export function closed(
  parts: Parts,
  id: string,
  iteration: number,
  patch: Partial<IterationRecord>,
  evidence: Evidence[] = [],
): ClosedIteration {
  const record = parts.store.iterations(id).findLast((one) => one.iteration === iteration);
  if (!record) return { iterations: [], events: [], evidence };
  const { root_id } = parts.ledger.loop(id);
  const done = { ...record, ...patch, ended_at: parts.clock.now() };
  if (done.outcome !== "passed" && done.outcome !== "failed")
    return { iterations: [done], events: [], evidence };
  const data = {
    id,
    iteration,
    passed: done.outcome === "passed",
    layer: done.layer ?? undefined,
    feedback: done.feedback ?? undefined,
    pass: done.pass ?? undefined,
  };
  return { iterations: [done], evidence, events: [{ event: "loop.iteration", loop_id: id, root_id, data }] };
}
