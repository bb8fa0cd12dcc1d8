// Prepared statements: each SQL text is compiled once and kept.
import type { DatabaseSync, StatementSync } from "node:sqlite";

export type Query = (sql: string) => StatementSync;

export function cachedStatements(db: DatabaseSync): Query {
  const statements = new Map<string, StatementSync>();
  return (sql) => {
    const known = statements.get(sql);
    if (known) return known;
    const prepared = db.prepare(sql);
    statements.set(sql, prepared);
    return prepared;
  };
}

/**
 * All of `work` or nothing of it. IMMEDIATE: a lock that another process holds is met here, not half-way. What is
 * not `synced` is on the disk with the next transaction that is: a power cut before may take it, a crash does not.
 */
export function transaction<T>(db: DatabaseSync, query: Query, work: () => T, synced: boolean): T {
  if (!synced) db.exec("PRAGMA synchronous = NORMAL");
  try {
    return inTransaction(db, query, work);
  } finally {
    if (!synced) db.exec("PRAGMA synchronous = FULL");
  }
}

function inTransaction<T>(db: DatabaseSync, query: Query, work: () => T): T {
  query("BEGIN IMMEDIATE").run();
  try {
    const result = work();
    query("COMMIT").run();
    return result;
  } catch (error) {
    // A full disk makes SQLite roll back by itself; a refused COMMIT leaves the transaction open.
    if (db.isTransaction) query("ROLLBACK").run();
    throw error;
  }
}
