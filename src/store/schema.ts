// The tables, and how an older file becomes a newer one. Migrations go forward only: an entry that was
// released is never edited, a change is a new entry at the end.
import type { DatabaseSync } from "node:sqlite";
import { killPoint } from "../lib/kill-point.ts";

/** `PRAGMA application_id` of a Loopr store: "Lopr" in ASCII. Tells our file from any other SQLite file. */
export const applicationId = 0x4c6f7072;

/**
 * Entry n brings a store of version n to version n + 1; `PRAGMA user_version` says where a file is.
 *
 * Records are JSON beside the columns that queries need. A child of a deleted loop goes with it, and
 * nothing can be stored for a loop that is not there. References are checked at the end of the
 * transaction, so that the order inside a change does not matter. Events have no reference: they tell
 * what happened, also to loops that are gone. AUTOINCREMENT keeps a sequence number from ever being used
 * twice, even after the newest events were removed.
 */
export const migrations: readonly string[] = [
  `CREATE TABLE loops (
     id         TEXT PRIMARY KEY,
     version    INTEGER NOT NULL,
     root_id    TEXT NOT NULL,
     parent_id  TEXT REFERENCES loops(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
     loop_type  TEXT NOT NULL,
     status     TEXT NOT NULL,
     project    TEXT NOT NULL,
     updated_at INTEGER NOT NULL,
     record     TEXT NOT NULL
   ) STRICT;
   CREATE INDEX loops_newest ON loops (updated_at DESC, id DESC);
   CREATE INDEX loops_root ON loops (root_id);
   CREATE INDEX loops_parent ON loops (parent_id);

   CREATE TABLE runs (
     id           TEXT PRIMARY KEY REFERENCES loops(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
     project_hash TEXT NOT NULL,
     created_at   INTEGER NOT NULL,
     record       TEXT NOT NULL
   ) STRICT;
   CREATE INDEX runs_project ON runs (project_hash);

   CREATE TABLE iterations (
     loop_id   TEXT NOT NULL REFERENCES loops(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
     iteration INTEGER NOT NULL,
     record    TEXT NOT NULL,
     PRIMARY KEY (loop_id, iteration)
   ) STRICT, WITHOUT ROWID;

   CREATE TABLE evidence (
     number  INTEGER PRIMARY KEY AUTOINCREMENT,
     loop_id TEXT NOT NULL REFERENCES loops(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
     record  TEXT NOT NULL
   ) STRICT;
   CREATE INDEX evidence_loop ON evidence (loop_id, number);

   CREATE TABLE artifacts (
     loop_id TEXT NOT NULL REFERENCES loops(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
     version INTEGER NOT NULL,
     record  TEXT NOT NULL,
     PRIMARY KEY (loop_id, version)
   ) STRICT, WITHOUT ROWID;

   CREATE TABLE events (
     seq     INTEGER PRIMARY KEY AUTOINCREMENT,
     event   TEXT NOT NULL,
     loop_id TEXT NOT NULL,
     root_id TEXT NOT NULL,
     at      INTEGER NOT NULL,
     data    TEXT NOT NULL
   ) STRICT;
   CREATE INDEX events_loop ON events (loop_id, seq);
   CREATE INDEX events_root ON events (root_id, seq);`,

  // Who made a version of an artifact, and when. Until then a version had its iteration's number.
  `ALTER TABLE artifacts ADD COLUMN author TEXT NOT NULL DEFAULT 'model';
   ALTER TABLE artifacts ADD COLUMN iteration INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE artifacts ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
   UPDATE artifacts SET iteration = version;`,
];

/**
 * Brings the open database to the newest version, in one transaction: a crash or a full disk in the
 * middle leaves the old version whole. The caller has made sure that the file is ours and not newer.
 */
export function migrate(db: DatabaseSync, from: number, steps: readonly string[] = migrations): void {
  if (from === steps.length) return;
  db.exec("BEGIN IMMEDIATE");
  try {
    for (const step of steps.slice(from)) {
      killPoint();
      db.exec(step);
    }
    killPoint();
    db.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${steps.length}`);
    db.exec("COMMIT");
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}
