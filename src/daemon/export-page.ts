// run.export: a run's records in pages, each of which says where the next one begins. Nothing is kept between
// two pages, so that a daemon that was restarted meanwhile goes on with the next.
import * as z from "zod/mini";
import { exportSections, type ExportEntry, type ExportSection } from "../domain/export.ts";
import type { Loop } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";
import type { Ledger } from "../engine/ledger.ts";
import type { Store } from "../engine/ports.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import type { Params, Result } from "../protocol/methods.ts";
import { filesAfter, type Secrets } from "./record-files.ts";

export interface ExportNeeds {
  ledger: Ledger;
  store: Store;
  /** `projects/<hash>` in the home. */
  projectDir: (hash: string) => string;
  secrets: Secrets;
}

/** A page is full when its entries pass this. Characters of JSON; a message is one line of at most 1 MiB. */
const pageCharsMax = 256 * 1024;
const eventsAtOnce = 50;

/** The last entry of a page: what comes after it begins the next one. */
const Position = z.object({
  section: z.enum(exportSections),
  loop: z.string(),
  /** Version, iteration, number in its list or `seq`, as the section has it. */
  n: z.number(),
  /** Of a file, and how much of it was handed out. */
  name: z.string(),
  offset: z.number(),
});
export type Position = z.infer<typeof Position>;

export interface Placed {
  entry: ExportEntry;
  at: Position;
}

export async function exportPage(
  { id, cursor }: Params<"run.export">,
  needs: ExportNeeds,
): Promise<Result<"run.export">> {
  const rootId = needs.ledger.loop(id).root_id;
  const entries: ExportEntry[] = [];
  let chars = 0;
  for await (const { entry, at } of entriesAfter(rootId, cursor ? parseCursor(cursor) : null, needs)) {
    entries.push(entry);
    chars += JSON.stringify(entry).length;
    if (chars >= pageCharsMax) return { entries, cursor: JSON.stringify(at) };
  }
  return { entries, cursor: null };
}

export function parseCursor(text: string): Position {
  try {
    return Position.parse(JSON.parse(text));
  } catch {
    const message = "Invalid 'cursor' parameter: it is what the page before has answered";
    throw new RpcError(rpcCodes.invalidParams, message, { parameter: "cursor" });
  }
}

async function* entriesAfter(
  rootId: string,
  last: Position | null,
  needs: ExportNeeds,
): AsyncGenerator<Placed> {
  const first = last ? exportSections.indexOf(last.section) : 0;
  for (const section of exportSections.slice(first)) {
    const after = last?.section === section ? last : null;
    if (section === "run") {
      if (after === null) yield runEntry(needs.ledger.run(rootId));
    } else if (section === "events") {
      yield* eventsAfter(rootId, after?.n ?? 0, needs);
    } else {
      yield* loopEntries(rootId, section, after, needs);
    }
  }
}

async function* loopEntries(
  rootId: string,
  section: Exclude<ExportSection, "run" | "events">,
  after: Position | null,
  needs: ExportNeeds,
): AsyncGenerator<Placed> {
  const recordsDir = `${needs.projectDir(needs.ledger.run(rootId).project.hash)}/records`;
  for (const loop of needs.ledger.loopsOf(rootId)) {
    if (after && loop.id < after.loop) continue;
    const last = after?.loop === loop.id ? after : null;
    if (section === "files") {
      yield* filesAfter(recordsDir, loop.id, last, needs.secrets);
      continue;
    }
    for (const placed of rowsOf(loop, section, needs.store)) {
      if (last === null || placed.at.n > last.n) yield placed;
    }
  }
}

function rowsOf(
  loop: Loop,
  section: Exclude<ExportSection, "run" | "events" | "files">,
  store: Store,
): Placed[] {
  const at = (n: number): Position => ({ section, loop: loop.id, n, name: "", offset: 0 });
  switch (section) {
    case "loops":
      return [{ entry: { section, value: loop }, at: at(0) }];
    case "artifacts":
      return store.artifacts(loop.id).map((version) => ({
        entry: { section, value: { loop_id: loop.id, ...version } },
        at: at(version.version),
      }));
    case "iterations":
      return store
        .iterations(loop.id)
        .map((value) => ({ entry: { section, value }, at: at(value.iteration) }));
    case "evidence":
      return store.evidence(loop.id).map((value, n) => ({ entry: { section, value }, at: at(n) }));
  }
}

function runEntry(run: Run): Placed {
  const { credentials: _key, env, config, ...rest } = run;
  const set = Object.fromEntries(Object.keys(config.env.set).map((name) => [name, "[not exported]"]));
  const value = {
    ...rest,
    config: { ...config, env: { ...config.env, set } },
    env: Object.keys(env).sort(),
  };
  return {
    entry: { section: "run", value },
    at: { section: "run", loop: run.id, n: 0, name: "", offset: 0 },
  };
}

function* eventsAfter(rootId: string, since: number, { store }: ExportNeeds): Generator<Placed> {
  for (let last = since; ;) {
    const events = store.events(last, { loop_id: rootId, limit: eventsAtOnce, evenAfterGap: true }) ?? [];
    for (const { seq, event, loop_id, at, data } of events) {
      yield {
        entry: { section: "events", value: { seq, event, loop_id, at, data } },
        at: { section: "events", loop: rootId, n: seq, name: "", offset: 0 },
      };
      last = seq;
    }
    if (events.length < eventsAtOnce) return;
  }
}
