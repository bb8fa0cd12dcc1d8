// The store: loops, runs, records and events in one SQLite file, written by the daemon alone.
import type { SQLInputValue } from "node:sqlite";
import { ArtifactVersion } from "../domain/artifacts.ts";
import { Evidence, IterationRecord } from "../domain/evidence.ts";
import { Loop } from "../domain/loop.ts";
import { Run } from "../domain/run.ts";
import type { LoopFilter, Store } from "../engine/ports.ts";
import { systemClock, type Clock } from "../lib/clock.ts";
import { killPoint } from "../lib/kill-point.ts";
import type { LooprError } from "../lib/errors.ts";
import { openDatabase } from "./database.ts";
import { EventPublisher, eventsAfter, lastSeq } from "./events.ts";
import { storeFailure } from "./failure.ts";
import { LogSync } from "./log-sync.ts";
import { decode, decodeJson, decodeReadable, type Row } from "./records.ts";
import { cachedStatements, transaction } from "./statements.ts";
import { writeChange } from "./write.ts";

/** Stored events beyond this many are removed, oldest first. Some 75 MB where most hold a loop's record. */
const eventsMaxDefault = 50_000;
/** The file grows to this at most; then `store_full`. Bytes. */
const storeBytesMax = 4 * 1024 * 1024 * 1024;

export interface StoreOptions {
  clock?: Clock;
  eventsMax?: number;
  bytesMax?: number;
  /** Told of records that a list left out and of listeners that threw: nobody else would hear of them. */
  onProblem?: (problem: LooprError) => void;
}

/**
 * Opens the store at a path, making or migrating it as needed; `:memory:` gives one that lives as long as
 * the object, for tests. Throws LooprError `store_newer`, `store_corrupt`, `store_failed`, `store_full`.
 *
 * `loop`, `run`, `iterations`, `evidence`, `artifact` and `artifacts` throw `record_invalid` for a record that cannot
 * be read; `loops` and `runs` leave it out and tell `onProblem`. Every method may throw `store_failed` or
 * `store_corrupt`. `events` with a root's `loop_id` gives those of its whole run.
 */
export function openStore(path: string, options: StoreOptions = {}): Store {
  const db = openDatabase(path, options.bytesMax ?? storeBytesMax);
  const query = cachedStatements(db);
  const clock = options.clock ?? systemClock;
  const eventsMax = options.eventsMax ?? eventsMaxDefault;
  const onProblem = options.onProblem ?? ((problem) => process.emitWarning(problem));
  const publisher = new EventPublisher(onProblem);
  const logSync = new LogSync(`${path}-wal`, (error) => onProblem(storeFailure(error, path)));

  const guarded = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw storeFailure(error, path);
    }
  };
  const rows = (sql: string, ...values: SQLInputValue[]) => guarded(() => query(sql).all(...values));

  return {
    commit: (change) => {
      const write = () => writeChange(query, change, clock.now(), eventsMax);
      killPoint();
      const { synced = true } = change;
      const events = guarded(() => transaction(db, query, write, synced === true));
      if (synced === "soon") logSync.soon();
      killPoint();
      publisher.publish(events);
      return events;
    },
    onEvents: (listener) => publisher.add(listener),
    loop: (id) => {
      const [row] = rows("SELECT id, record FROM loops WHERE id = ?", id);
      return row ? decode(Loop, row, "loop") : null;
    },
    run: (id) => {
      const [row] = rows("SELECT id, record FROM runs WHERE id = ?", id);
      return row ? decode(Run, row, "run") : null;
    },
    loops: (filter = {}) => {
      const { sql, values } = loopsQuery(filter);
      return decodeReadable(Loop, rows(sql, ...values), "loop", onProblem);
    },
    runs: () => {
      const found = rows("SELECT id, record FROM runs ORDER BY created_at DESC, id DESC");
      return decodeReadable(Run, found, "run", onProblem);
    },
    iterations: (id) => {
      const sql = "SELECT loop_id AS id, record FROM iterations WHERE loop_id = ? ORDER BY iteration";
      return rows(sql, id).map((row) => decode(IterationRecord, row, "iteration"));
    },
    evidence: (id) => {
      const sql = "SELECT loop_id AS id, record FROM evidence WHERE loop_id = ? ORDER BY number";
      return rows(sql, id).map((row) => decode(Evidence, row, "evidence"));
    },
    artifact: (id) => {
      const sql =
        "SELECT loop_id AS id, record FROM artifacts WHERE loop_id = ? ORDER BY version DESC LIMIT 1";
      const [row] = rows(sql, id);
      return row ? decodeJson(row, "artifact") : null;
    },
    artifacts: (id) => {
      const sql = `SELECT loop_id AS id, version, author, iteration, at, record FROM artifacts
         WHERE loop_id = ? ORDER BY version`;
      return rows(sql, id).map(artifactOf);
    },
    events: (since, which = {}) => guarded(() => eventsAfter(query, since, which)),
    lastSeq: () => guarded(() => lastSeq(query)),
    close: () => {
      logSync.close();
      if (db.isOpen) db.close();
    },
  };
}

function artifactOf(row: Row): ArtifactVersion {
  const { version, author, iteration, at } = row;
  return ArtifactVersion.parse({ version, author, iteration, at, value: decodeJson(row, "artifact") });
}

function loopsQuery(filter: LoopFilter): { sql: string; values: string[] } {
  const conditions: string[] = [];
  const values: string[] = [];
  const where = (condition: string, ...bound: string[]) => {
    conditions.push(condition);
    values.push(...bound);
  };
  if (filter.project !== undefined) {
    const ofHash = "root_id IN (SELECT id FROM runs WHERE project_hash = ?)";
    where(`(project = ? OR ${ofHash})`, filter.project, filter.project);
  }
  if (filter.status !== undefined) where("status = ?", filter.status);
  if (filter.type !== undefined) where("loop_type = ?", filter.type);
  if (filter.root !== undefined) where("root_id = ?", filter.root);
  const clause = conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : "";
  return { sql: `SELECT id, record FROM loops ${clause} ORDER BY updated_at DESC, id DESC`, values };
}
