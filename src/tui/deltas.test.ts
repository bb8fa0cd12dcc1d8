import { describe, expect, test } from "bun:test";
import type { Loop } from "../domain/loop.ts";
import {
  aLoop,
  after,
  anIteration,
  idOf,
  projectRoot,
  sampleLoops,
  stateWith,
} from "../../test/support/tui.ts";
import { emptyField, fieldOf } from "./field.ts";
import { outputLinesMax } from "./output.ts";
import { currentView, type Action, type State, type View } from "./state.ts";
import { treeRows } from "./tree.ts";

const run = idOf("a1b2");
const plan = idOf("b7f2");
const failed = idOf("c0ff");
const sample = () => stateWith(sampleLoops());

const updated = (loop: Loop): Action => ({
  type: "event",
  event: { event: "loop.updated", data: loop, seq: 1 },
});
const event = (name: string, data: unknown): Action => ({ type: "event", event: { event: name, data } });
const open = (view: View): Action => ({ type: "open", view });
const detail = (id: string): View => ({ name: "detail", id, pane: "overview", scroll: 0 });
const ids = (state: State) => treeRows(state).map((row) => row.loop.id);

describe("the snapshot", () => {
  test("shows roots newest first, children in their order, of this project", () => {
    const other = aLoop({ id: idOf("dd"), project: "/elsewhere" });
    const state = stateWith([other, ...sampleLoops().reverse()]);
    expect(ids(state)).toEqual([plan, run, `${run}-001`, `${run}-002`, `${run}-003`, failed]);
    expect(ids(after(state, { type: "scope" }))).toContain(other.id);
  });

  test("an event that came while it was under way is newer than it", () => {
    const old = aLoop({ id: run, version: 3, title: "old" });
    const created = aLoop({ id: plan, version: 1 });
    const gone = aLoop({ id: failed });
    const state = after(
      stateWith([]),
      { type: "snapshot_started" },
      updated(aLoop({ id: run, version: 4, title: "new" })),
      event("loop.created", created),
      event("loop.deleted", gone),
      { type: "snapshot", loops: [old, gone], projects: new Set([projectRoot]) },
    );
    expect(state.loops.get(run)?.title).toBe("new");
    expect([...state.loops.keys()].sort()).toEqual([run, plan].sort());
  });

  test("what it does not hold any more is gone", () => {
    const state = after(
      sample(),
      { type: "snapshot_started" },
      {
        type: "snapshot",
        loops: [aLoop({ id: plan })],
        projects: new Set([projectRoot]),
      },
    );
    expect(ids(state)).toEqual([plan]);
  });

  test("outside of a repository all projects are shown", () => {
    const state = after(
      stateWith([]),
      { type: "snapshot_started" },
      {
        type: "snapshot",
        loops: [aLoop({ id: run, project: "/elsewhere" })],
        projects: null,
      },
    );
    expect(ids(state)).toEqual([run]);
  });

  test("a connection that came back wants another one, and the open view too", () => {
    const before = after(
      sample(),
      open(detail(run)),
      { type: "load_started", resource: "history", id: run },
      { type: "connection", connection: "reconnecting", otherVersion: null },
    );
    expect(before.loops.size).toBe(6);
    const state = after(before, { type: "connection", connection: "connected", otherVersion: null });
    expect(state.snapshot.phase).toBe("stale");
    expect(state.loads.history?.phase).toBe("stale");
    // The answer of the old connection fails at last: that changes nothing.
    const late = after(state, {
      type: "load_failed",
      resource: "history",
      id: run,
      error: { message: "lost", hint: "" },
    });
    expect(late.loads.history?.phase).toBe("stale");
  });

  test("a gap in the events wants another one", () => {
    expect(after(sample(), event("stream.gap", { dropped: 3 })).snapshot.phase).toBe("stale");
  });
});

describe("events", () => {
  test("a version that is known already changes nothing", () => {
    const state = sample();
    expect(after(state, updated(aLoop({ id: run, version: 1, title: "again" })))).toBe(state);
  });

  test.each([
    ["an event of a later version", event("loop.sung", { id: run })],
    ["data of another shape", event("loop.updated", { id: 7 })],
    ["no data at all", event("loop.updated", undefined)],
    ["a name of Object's own", event("constructor", {})],
  ])("%s is ignored", (_name, action) => {
    const state = sample();
    expect(after(state, action)).toBe(state);
  });

  test("deleting the open loop closes its view and moves the cursor to what took its place", () => {
    const state = after({ ...sample(), cursor: `${run}-002` }, open(detail(`${run}-002`)));
    const next = after(state, event("loop.deleted", aLoop({ id: `${run}-002` })));
    expect(currentView(next).name).toBe("loops");
    expect(next.cursor).toBe(`${run}-003`);
    expect(after(next, updated(aLoop({ id: `${run}-002`, version: 9 }))).loops.has(`${run}-002`)).toBe(false);
  });

  test("a plan that no longer waits closes its gate, and what was typed stays for the next time", () => {
    const gate = after(
      sample(),
      open({ name: "approval", id: plan, scroll: 0 }),
      { type: "ask", prompt: { kind: "iterate", id: plan, field: emptyField } },
      { type: "edit", edit: { edit: "insert", text: "simpler" } },
    );
    const state = after(gate, updated(aLoop({ id: plan, loop_type: "plan", status: "running", version: 2 })));
    expect(currentView(state).name).toBe("loops");
    expect(state.prompt).toBeNull();
    expect([...state.drafts.values()]).toEqual(["simpler"]);
    expect(after(state, { type: "sent", kind: "iterate", id: plan }).drafts.size).toBe(0);
  });

  test("losing the connection loses nothing that is typed", () => {
    const typing = after(
      sample(),
      open({ name: "approval", id: plan, scroll: 0 }),
      { type: "ask", prompt: { kind: "iterate", id: plan, field: emptyField } },
      { type: "edit", edit: { edit: "insert", text: "simpler" } },
    );
    const back = after(
      typing,
      { type: "connection", connection: "reconnecting", otherVersion: null },
      { type: "connection", connection: "connected", otherVersion: null },
      { type: "snapshot_started" },
      { type: "snapshot", loops: sampleLoops(), projects: new Set([projectRoot]) },
    );
    expect(back.prompt).toEqual({ kind: "iterate", id: plan, field: fieldOf("simpler") });
    expect(currentView(back).name).toBe("approval");
  });

  test("a new root of a checkout never seen asks the daemon whose it is", () => {
    const elsewhere = aLoop({ id: idOf("ee"), project: "/worktree" });
    const state = after(sample(), event("loop.created", elsewhere));
    expect(state.snapshot.phase).toBe("stale");
    const known = after(
      state,
      { type: "snapshot_started" },
      {
        type: "snapshot",
        loops: [...sampleLoops(), elsewhere],
        projects: new Set([projectRoot, "/worktree"]),
      },
    );
    expect(ids(known)).toContain(elsewhere.id);
  });

  test("a daemon that was told to stop is gone until the person, or another client, starts it", () => {
    const gone = after(sample(), event("daemon.stopping", {}), {
      type: "connection",
      connection: "reconnecting",
      otherVersion: null,
    });
    expect(gone.connection).toBe("closed");
    const back = after(gone, { type: "connection", connection: "connected", otherVersion: null });
    expect(back).toMatchObject({ connection: "connected", stopping: false });
  });

  test("merges are told", () => {
    const done = after(
      sample(),
      event("merge.completed", { id: run, commit: "c".repeat(40), branch: "main" }),
    );
    expect(done.notice?.text).toBe("Merged onto main as cccccccccc: Add OAuth login");
    const conflict = after(
      sample(),
      event("merge.conflict", { id: run, message: "dirty", hint: "commit it" }),
    );
    expect(conflict.notice).toMatchObject({ kind: "error", text: "dirty", hint: "commit it" });
  });
});

describe("contents of the open view", () => {
  const opened = after(sample(), open(detail(`${run}-002`)));

  test("are asked for when it opens, and forgotten when it closes", () => {
    expect(opened.loads.history).toMatchObject({ id: `${run}-002`, phase: "stale" });
    expect(opened.loads.diff).toBeNull();
    const diff = after(opened, { type: "pane", by: -1 });
    expect(diff.loads.diff).toMatchObject({ id: `${run}-002`, phase: "stale" });
    expect(after(opened, { type: "back" }).loads.history).toBeNull();
  });

  test("an answer for a view that is closed is dropped", () => {
    const value = { iterations: [anIteration({})], evidence: [] };
    const late: Action = { type: "loaded", resource: "history", id: `${run}-002`, value };
    const closed = after(opened, { type: "back" });
    expect(after(closed, late)).toBe(closed);
  });

  test("a turn of the loop asks again, also while an answer is under way", () => {
    const loading = after(opened, { type: "load_started", resource: "history", id: `${run}-002` });
    const turned = after(loading, event("loop.iteration", { id: `${run}-002`, iteration: 3, passed: false }));
    expect(turned.loads.history?.phase).toBe("loading_stale");
    const value = { iterations: [], evidence: [] };
    const answered = after(turned, { type: "loaded", resource: "history", id: `${run}-002`, value });
    expect(answered.loads.history).toMatchObject({ phase: "stale", value });
  });

  test("output is continued where it stopped, within a bound", () => {
    const output = (text: string) => event("loop.output", { id: `${run}-002`, stream: "model", text });
    const loaded = after(
      opened,
      { type: "load_started", resource: "output", id: `${run}-002` },
      output("in the answer already"),
      { type: "loaded", resource: "output", id: `${run}-002`, value: [{ text: "one" }, { text: "tw" }] },
    );
    const more = after(loaded, output("o\nthr"), output("ee\n"));
    expect(more.loads.output?.value?.map((each) => each.text)).toEqual(["one", "two", "three", ""]);
    const flooded = after(more, output("x\n".repeat(outputLinesMax + 5)));
    expect(flooded.loads.output?.value?.length).toBe(outputLinesMax);
  });

  test("where the next iteration begins is seen in the output", () => {
    const loaded = after(
      opened,
      { type: "load_started", resource: "output", id: `${run}-002` },
      { type: "loaded", resource: "output", id: `${run}-002`, value: [{ text: "one" }] },
      updated(aLoop({ id: `${run}-002`, iteration: 4, version: 2 })),
    );
    expect(loaded.loads.output?.value?.map((each) => each.text)).toEqual(["one", "── iteration 4 ──", ""]);
  });
});
