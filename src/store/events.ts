// Stored events: numbered without gaps, the oldest removed beyond a bound, published after the commit.
import type { Change, StoredEvent } from "../engine/ports.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { decodeJson, type Row } from "./records.ts";
import type { Query } from "./statements.ts";

/** Pruning takes one step of the bound at a time, so that not every commit pays for it. */
const pruneStepsPerBound = 50;

type Listener = (events: StoredEvent[]) => void;

/** Calls the listeners in order, commit after commit, also where a listener itself commits. */
export class EventPublisher {
  readonly #listeners = new Set<Listener>();
  readonly #queue: StoredEvent[][] = [];
  readonly #onProblem: (problem: LooprError) => void;
  #publishing = false;

  constructor(onProblem: (problem: LooprError) => void) {
    this.#onProblem = onProblem;
  }

  add(listener: Listener): () => void {
    const own: Listener = (events) => listener(events); // The same function added twice is two listeners.
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  publish(events: StoredEvent[]): void {
    if (events.length > 0) this.#queue.push(events);
    if (this.#publishing) return;
    this.#publishing = true;
    try {
      for (let batch = this.#queue.shift(); batch; batch = this.#queue.shift()) this.#deliver(batch);
    } finally {
      this.#publishing = false;
    }
  }

  #deliver(events: StoredEvent[]): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(events);
      } catch (error) {
        const message = `A listener of stored events failed: ${messageOf(error)}`;
        this.#onProblem(new LooprError("listener_failed", message, "", { cause: error }));
      }
    }
  }
}

/** Appends events inside the caller's transaction. Numbers grow by one, and are never used again. */
export function appendEvents(
  query: Query,
  events: NonNullable<Change["events"]>,
  at: number,
  eventsMax: number,
): StoredEvent[] {
  const insert = query("INSERT INTO events (event, loop_id, root_id, at, data) VALUES (?, ?, ?, ?, ?)");
  const stored = events.map(({ event, loop_id, root_id, data }): StoredEvent => {
    const json = JSON.stringify(data ?? null);
    const seq = Number(insert.run(event, loop_id, root_id, at, json).lastInsertRowid);
    // What listeners see is what a later reader will see: a copy, without `undefined`.
    return { seq, event, loop_id, root_id, data: JSON.parse(json), at };
  });
  prune(query, stored.at(-1)?.seq ?? 0, eventsMax);
  return stored;
}

function prune(query: Query, last: number, eventsMax: number): void {
  if (last - firstSeq(query) < eventsMax) return;
  const step = Math.floor(eventsMax / pruneStepsPerBound);
  query("DELETE FROM events WHERE seq <= ?").run(last - eventsMax + step);
}

/** Events after `since`, oldest first; null where some of them are gone, or `since` is of another store. */
export function eventsAfter(
  query: Query,
  since: number,
  which: { loop_id?: string; limit?: number; evenAfterGap?: boolean },
): StoredEvent[] | null {
  const last = lastSeq(query);
  if (since > last) return null;
  if (since === last) return [];
  if (firstSeq(query) > since + 1 && which.evenAfterGap !== true) return null;
  const limit = which.limit ?? -1; // SQLite: a negative limit is none.
  const select = "SELECT seq, event, loop_id, root_id, at, data AS record, loop_id AS id FROM events";
  const rows =
    which.loop_id === undefined
      ? query(`${select} WHERE seq > ? ORDER BY seq LIMIT ?`).all(since, limit)
      : query(`${select} WHERE seq > ? AND (loop_id = ? OR root_id = ?) ORDER BY seq LIMIT ?`).all(
          since,
          which.loop_id,
          which.loop_id,
          limit,
        );
  return rows.map(eventOf);
}

export function lastSeq(query: Query): number {
  return Number(query("SELECT seq FROM sqlite_sequence WHERE name = 'events'").get()?.["seq"] ?? 0);
}

/** The oldest event's number; the next one's where there is none. */
function firstSeq(query: Query): number {
  return Number(query("SELECT min(seq) AS seq FROM events").get()?.["seq"] ?? lastSeq(query) + 1);
}

function eventOf(row: Row): StoredEvent {
  return {
    seq: Number(row["seq"]),
    event: String(row["event"]),
    loop_id: String(row["loop_id"]),
    root_id: String(row["root_id"]),
    data: decodeJson(row, "event"),
    at: Number(row["at"]),
  };
}
