// The contract of the Store port: one suite for the file and for the store in memory.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Store, StoredEvent } from "../engine/ports.ts";
import { LooprError } from "../lib/errors.ts";
import { evidenceRecord, iterationRecord, loopRecord, runRecord } from "../../test/support/stored-records.ts";
import { openStore, type StoreOptions } from "./store.ts";

const root = loopRecord();
const child = (n: number, over = {}) =>
  loopRecord({ id: `${root.id}-00${n}`, parent_id: root.id, root_id: root.id, run_state: null, ...over });
const artifact = (version: number, value: unknown) => ({
  loop_id: root.id,
  version,
  author: "model" as const,
  iteration: version,
  at: 10 * version,
  value,
});
const created = (loop_id: string, data: unknown = { id: loop_id }) => ({
  event: "loop.created",
  loop_id,
  root_id: root.id,
  data,
});

describe.each(["file", "memory"] as const)("store (%s)", (kind) => {
  let directory: string;
  let stores: Store[];
  let problems: LooprError[];
  const open = (options: StoreOptions = {}) => {
    const path = kind === "file" ? join(directory, "loopr.db") : ":memory:";
    const store = openStore(path, { onProblem: (problem) => problems.push(problem), ...options });
    stores.push(store);
    return store;
  };
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "loopr-store-"));
    stores = [];
    problems = [];
  });
  afterEach(() => {
    for (const store of stores) store.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const codeOf = (work: () => unknown): string => {
    try {
      work();
    } catch (error) {
      return error instanceof LooprError ? error.code : String(error);
    }
    return "no error";
  };

  test("gives back every record as it was stored", () => {
    const store = open();
    const run = runRecord({ env: { "Ü x": "ä\n\u0000" } });
    const iterations = [iterationRecord({ iteration: 2 }), iterationRecord({ iteration: 1 })];
    const evidence = [evidenceRecord({ stage: "baseline" }), evidenceRecord({ at: 5 })];
    store.commit({ loops: [root], runs: [run], iterations, evidence });
    expect(store.loop(root.id)).toEqual(root);
    expect(store.run(root.id)).toEqual(run);
    expect(store.runs()).toEqual([run]);
    expect(store.iterations(root.id).map((record) => record.iteration)).toEqual([1, 2]);
    expect(store.evidence(root.id)).toEqual(evidence);
    expect(store.artifact(root.id)).toBeNull();
    expect(store.loop("nobody")).toBeNull();
    expect(store.run("nobody")).toBeNull();
    expect(store.iterations("nobody")).toEqual([]);
  });

  test("an iteration's record is replaced as it goes on", () => {
    const store = open();
    store.commit({ loops: [root], iterations: [iterationRecord()] });
    store.commit({ iterations: [iterationRecord({ outcome: "passed", turns: 3 })] });
    expect(store.iterations(root.id)).toEqual([iterationRecord({ outcome: "passed", turns: 3 })]);
  });

  test("the newest version of an artifact counts", () => {
    const store = open();
    store.commit({ loops: [root], artifacts: [artifact(2, { title: "new" })] });
    store.commit({ artifacts: [artifact(1, { title: "old" })] });
    expect(store.artifact(root.id)).toEqual({ title: "new" });
    store.commit({ artifacts: [{ ...artifact(2, { title: "newer" }), author: "person", at: 5 }] });
    expect(store.artifact(root.id)).toEqual({ title: "newer" });
    expect(store.artifacts(root.id)).toEqual([
      { version: 1, author: "model", iteration: 1, at: 10, value: { title: "old" } },
      { version: 2, author: "person", iteration: 2, at: 5, value: { title: "newer" } },
    ]);
    expect(store.artifacts("nobody")).toEqual([]);
  });

  test("the version guards each loop", () => {
    const store = open();
    store.commit({ loops: [root] });
    expect(codeOf(() => store.commit({ loops: [root] }))).toBe("version_conflict");
    expect(codeOf(() => store.commit({ loops: [{ ...root, version: 3 }] }))).toBe("version_conflict");
    expect(codeOf(() => store.commit({ loops: [loopRecord({ id: "x", version: 2 })] }))).toBe(
      "version_conflict",
    );
    store.commit({ loops: [{ ...root, version: 2, status: "running" }] });
    expect(store.loop(root.id)?.status).toBe("running");
    store.commit({
      loops: [
        { ...root, version: 3 },
        { ...root, version: 4, status: "complete" },
      ],
    });
    expect(store.loop(root.id)).toEqual({ ...root, version: 4, status: "complete" });
  });

  test("a refused change leaves nothing behind and publishes nothing", () => {
    const store = open();
    store.commit({ loops: [root], events: [created(root.id)] });
    const heard: StoredEvent[][] = [];
    store.onEvents((events) => heard.push(events));
    const change = {
      loops: [child(1), { ...root, version: 7 }],
      runs: [runRecord()],
      evidence: [evidenceRecord()],
      events: [created(child(1).id)],
    };
    expect(codeOf(() => store.commit(change))).toBe("version_conflict");
    expect(store.loop(child(1).id)).toBeNull();
    expect(store.run(root.id)).toBeNull();
    expect(store.evidence(root.id)).toEqual([]);
    expect(heard).toEqual([]);
    expect(store.lastSeq()).toBe(1);
    store.commit({ loops: [child(1)], events: [created(child(1).id)] });
    expect(heard.flat().map((event) => event.seq)).toEqual([2]);
  });

  test("nothing can be stored for a loop that is not there", () => {
    const store = open();
    expect(codeOf(() => store.commit({ evidence: [evidenceRecord()] }))).toBe("version_conflict");
    expect(codeOf(() => store.commit({ runs: [runRecord()] }))).toBe("version_conflict");
    expect(codeOf(() => store.commit({ loops: [child(1)] }))).toBe("version_conflict");
    store.commit({ evidence: [evidenceRecord()], loops: [child(1), root] });
    expect(store.evidence(root.id)).toHaveLength(1);
  });

  test("a record that could not be read again is refused", () => {
    const store = open();
    expect(codeOf(() => store.commit({ loops: [{ ...root, cost_usd: NaN }] }))).toBe("record_invalid");
    expect(store.loops()).toEqual([]);
    store.commit({ loops: [root] });
    expect(store.loop(root.id)).toEqual(root);
  });

  test("lists loops by filter, newest first", () => {
    const store = open();
    const other = loopRecord({ id: "1700000000001-ffffffffffffffff", project: "/elsewhere", updated_at: 9 });
    const first = child(1, { updated_at: root.updated_at + 1, status: "complete" });
    const second = child(2, { updated_at: root.updated_at + 2, loop_type: "spec" });
    store.commit({ loops: [root, first, second, other], runs: [runRecord()] });
    const ids = (filter = {}) => store.loops(filter).map((loop) => loop.id);
    expect(ids()).toEqual([second.id, first.id, root.id, other.id]);
    expect(ids({ project: "/elsewhere" })).toEqual([other.id]);
    expect(ids({ project: "0123456789abcdef" })).toEqual([second.id, first.id, root.id]);
    expect(ids({ status: "complete" })).toEqual([first.id]);
    expect(ids({ type: "spec", root: root.id })).toEqual([second.id]);
    expect(ids({ root: root.id, status: "failed" })).toEqual([]);
    store.commit({ loops: [{ ...root, version: 2, updated_at: root.updated_at + 3 }] });
    expect(ids()[0]).toBe(root.id);
  });

  test("deleting a loop removes what hangs on it, and keeps the events", () => {
    const store = open();
    const value = { title: "plan" };
    store.commit({
      loops: [root, child(1)],
      runs: [runRecord()],
      iterations: [iterationRecord(), iterationRecord({ loop_id: child(1).id })],
      evidence: [evidenceRecord(), evidenceRecord({ loop_id: child(1).id })],
      artifacts: [artifact(1, value)],
      events: [created(root.id), created(child(1).id)],
    });
    store.commit({ deletes: [child(1).id] });
    expect(store.iterations(child(1).id)).toEqual([]);
    expect(store.evidence(child(1).id)).toEqual([]);
    expect(store.loops()).toEqual([root]);
    expect(store.run(root.id)).not.toBeNull();
    store.commit({ loops: [child(2)] });
    store.commit({ deletes: [root.id], events: [{ ...created(root.id), event: "loop.deleted" }] });
    expect(store.loops()).toEqual([]);
    expect(store.runs()).toEqual([]);
    expect(store.evidence(root.id)).toEqual([]);
    expect(store.artifact(root.id)).toBeNull();
    expect(store.events(0)?.map((event) => event.event)).toEqual([
      "loop.created",
      "loop.created",
      "loop.deleted",
    ]);
    store.commit({ loops: [root] });
    expect(store.iterations(root.id)).toEqual([]);
  });

  test("events are numbered, stamped, filtered and limited", () => {
    let now = 100;
    const store = open({ clock: { now: () => now } });
    expect(store.lastSeq()).toBe(0);
    expect(store.events(0)).toEqual([]);
    const [first] = store.commit({
      loops: [root, child(1)],
      events: [created(root.id, { n: 1, x: undefined })],
    });
    now = 200;
    store.commit({ events: [created(child(1).id), { ...created("z"), root_id: "z" }] });
    expect(first).toEqual({
      seq: 1,
      event: "loop.created",
      loop_id: root.id,
      root_id: root.id,
      data: { n: 1 },
      at: 100,
    });
    expect(store.lastSeq()).toBe(3);
    expect(store.events(1)?.map(({ seq, at }) => [seq, at])).toEqual([
      [2, 200],
      [3, 200],
    ]);
    expect(store.events(0, { loop_id: child(1).id })?.map((event) => event.seq)).toEqual([2]);
    expect(store.events(0, { loop_id: root.id })?.map((event) => event.seq)).toEqual([1, 2]);
    expect(store.events(0, { limit: 2 })?.map((event) => event.seq)).toEqual([1, 2]);
    expect(store.events(3)).toEqual([]);
    expect(store.events(4)).toBeNull();
    expect(store.commit({})).toEqual([]);
  });

  test("the oldest events go beyond the bound, and a reader is told", () => {
    const store = open({ eventsMax: 100 });
    for (let n = 0; n < 250; n++) store.commit({ events: [created("x", n)] });
    expect(store.lastSeq()).toBe(250);
    expect(store.events(0)).toBeNull();
    expect(store.events(100)).toBeNull();
    expect(store.events(100, { evenAfterGap: true, limit: 1 })?.[0]?.seq).toBeGreaterThan(101);
    const kept = store.events(200) ?? [];
    expect(kept.map((event) => event.data)).toEqual(Array.from({ length: 50 }, (_, n) => 200 + n));
    const readable = Array.from({ length: 250 }, (_, since) => store.events(since)).filter(Boolean);
    expect(readable.length).toBeLessThanOrEqual(100);
    expect(readable.length).toBeGreaterThanOrEqual(98);
  });

  test("listeners hear commits in order, whatever the others do", () => {
    const store = open();
    const heard: string[] = [];
    store.onEvents(([event]) => {
      if (event?.seq === 1) store.commit({ events: [created("nested")] });
      throw new Error(`bad listener ${event?.seq}`);
    });
    const stop = store.onEvents((events) => heard.push(events.map((event) => event.seq).join()));
    const seen: boolean[] = [];
    store.onEvents(() => seen.push(store.loop(root.id) !== null));
    store.commit({ loops: [root], events: [created("a")] });
    store.commit({ events: [created("b"), created("c")] });
    expect(heard).toEqual(["1", "2", "3,4"]);
    expect(seen).toEqual([true, true, true]);
    expect(problems.map((problem) => problem.message)).toEqual([
      "A listener of stored events failed: bad listener 1",
      "A listener of stored events failed: bad listener 2",
      "A listener of stored events failed: bad listener 3",
    ]);
    stop();
    store.commit({ events: [created("d")] });
    expect(heard).toHaveLength(3);
  });

  test("a full store refuses the change whole and works on with what fits", () => {
    const store = open({ bytesMax: 400 * 1024 });
    store.commit({ loops: [root] });
    const large = artifact(1, "x".repeat(600 * 1024));
    const change = { loops: [{ ...root, version: 2 }], artifacts: [large], events: [created(root.id)] };
    expect(codeOf(() => store.commit(change))).toBe("store_full");
    expect(store.loop(root.id)).toEqual(root);
    expect(store.artifact(root.id)).toBeNull();
    expect(store.lastSeq()).toBe(0);
    store.commit({ loops: [{ ...root, version: 2 }], events: [created(root.id)] });
    expect(store.lastSeq()).toBe(1);
  });

  test("a closed store says so, and closing twice is one close", () => {
    const store = open();
    store.close();
    store.close();
    expect(codeOf(() => store.loops())).toBe("store_failed");
    expect(codeOf(() => store.commit({ loops: [root] }))).toBe("store_failed");
  });
});
