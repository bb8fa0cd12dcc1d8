// Writes one change inside the caller's transaction.
import { Evidence, IterationRecord } from "../domain/evidence.ts";
import { Loop } from "../domain/loop.ts";
import { Run } from "../domain/run.ts";
import type { Change, StoredEvent } from "../engine/ports.ts";
import { LooprError } from "../lib/errors.ts";
import { appendEvents } from "./events.ts";
import { encode } from "./records.ts";
import type { Query } from "./statements.ts";

export function writeChange(query: Query, change: Change, at: number, eventsMax: number): StoredEvent[] {
  for (const loop of change.loops ?? []) writeLoop(query, loop);
  for (const run of change.runs ?? []) writeRun(query, run);
  for (const iteration of change.iterations ?? []) writeIteration(query, iteration);
  for (const evidence of change.evidence ?? []) writeEvidence(query, evidence);
  for (const artifact of change.artifacts ?? []) writeArtifact(query, artifact);
  for (const id of change.deletes ?? []) query("DELETE FROM loops WHERE id = ?").run(id);
  return change.events?.length ? appendEvents(query, change.events, at, eventsMax) : [];
}

function writeLoop(query: Query, loop: Loop): void {
  const record = encode(Loop, loop, "loop", loop.id);
  const columns = [loop.root_id, loop.parent_id, loop.loop_type, loop.status, loop.project, loop.updated_at];
  const written =
    loop.version === 1
      ? query(
          `INSERT INTO loops (id, version, root_id, parent_id, loop_type, status, project, updated_at, record)
           VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
        ).run(loop.id, ...columns, record)
      : query(
          `UPDATE loops SET version = ?, root_id = ?, parent_id = ?, loop_type = ?, status = ?, project = ?,
             updated_at = ?, record = ? WHERE id = ? AND version = ?`,
        ).run(loop.version, ...columns, record, loop.id, loop.version - 1);
  if (Number(written.changes) === 0) throw conflict(query, loop);
}

function conflict(query: Query, loop: Loop): LooprError {
  const stored = query("SELECT version FROM loops WHERE id = ?").get(loop.id)?.["version"];
  const found = stored === undefined ? "it is not stored (any more)" : `version ${String(stored)} is stored`;
  return new LooprError(
    "version_conflict",
    `Loop ${loop.id} was changed by someone else: version ${loop.version} was to be stored, but ${found}.`,
    "Read the loop again and decide anew; nothing of the change was stored.",
  );
}

function writeRun(query: Query, run: Run): void {
  query(
    `INSERT INTO runs (id, project_hash, created_at, record) VALUES (?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET project_hash = excluded.project_hash, created_at = excluded.created_at,
       record = excluded.record`,
  ).run(run.id, run.project.hash, run.created_at, encode(Run, run, "run", run.id));
}

/** One record for each iteration of a loop: as it goes on, the later one replaces the earlier one. */
function writeIteration(query: Query, record: IterationRecord): void {
  query(
    `INSERT INTO iterations (loop_id, iteration, record) VALUES (?, ?, ?)
     ON CONFLICT (loop_id, iteration) DO UPDATE SET record = excluded.record`,
  ).run(record.loop_id, record.iteration, encode(IterationRecord, record, "iteration", record.loop_id));
}

/** Evidence is only ever added. */
function writeEvidence(query: Query, evidence: Evidence): void {
  query("INSERT INTO evidence (loop_id, record) VALUES (?, ?)").run(
    evidence.loop_id,
    encode(Evidence, evidence, "evidence", evidence.loop_id),
  );
}

/** The same version again (an iteration repeated after a crash) replaces what was there. */
function writeArtifact(query: Query, artifact: NonNullable<Change["artifacts"]>[number]): void {
  const { loop_id, version, author, iteration, at, value } = artifact;
  query(
    `INSERT INTO artifacts (loop_id, version, author, iteration, at, record) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (loop_id, version) DO UPDATE SET author = excluded.author, iteration = excluded.iteration,
       at = excluded.at, record = excluded.record`,
  ).run(loop_id, version, author, iteration, at, JSON.stringify(value ?? null));
}
