import { describe, expect, test } from "bun:test";
import { aLoop, after, idOf, sampleLoops, startMs, stateWith } from "../../test/support/tui.ts";
import { emptyField } from "./field.ts";
import { currentView, type Action, type State, type View } from "./state.ts";
import { nextTickIn } from "./ticking.ts";
import { treeRows } from "./tree.ts";

const run = idOf("a1b2");
const plan = idOf("b7f2");
const failed = idOf("c0ff");
const sample = () => stateWith(sampleLoops());

const event = (name: string, data: unknown): Action => ({ type: "event", event: { event: name, data } });
const open = (view: View): Action => ({ type: "open", view });
const ids = (state: State) => treeRows(state).map((row) => row.loop.id);

describe("moving", () => {
  test("folding hides, on the folded goes to the parent, unfolding goes in", () => {
    const folded = after({ ...sample(), cursor: run }, { type: "fold", folded: true });
    expect(ids(folded)).toEqual([plan, run, failed]);
    const child = after({ ...sample(), cursor: `${run}-002` }, { type: "fold", folded: true });
    expect(child.cursor).toBe(run);
    expect(after({ ...sample(), cursor: run }, { type: "fold", folded: false }).cursor).toBe(`${run}-001`);
  });

  test("the cursor stays within the tree, and the tree is scrolled with it", () => {
    const many = Array.from({ length: 50 }, (_, index) => aLoop({ id: idOf(`f${index + 10}`) }));
    const state = stateWith(many, { rows: 12 });
    const last = after(state, { type: "move", by: Infinity });
    expect(last.cursor).toBe(ids(state).at(-1) ?? "");
    expect(last.top).toBe(50 - 8);
    expect(after(last, { type: "move", by: 1 }).cursor).toBe(last.cursor);
    const up = after(last, { type: "move", by: -3 });
    expect(up.top).toBe(last.top);
    expect(after(last, { type: "move", by: -Infinity })).toMatchObject({ top: 0, cursor: ids(state)[0] });
    const taller = after(last, { type: "resized", columns: 80, rows: 40 });
    expect(taller.top).toBe(50 - 36);
  });

  test("the cursor stays on its loop when others come and go", () => {
    const state = { ...sample(), cursor: failed };
    const more = after(state, event("loop.created", aLoop({ id: idOf("ff"), created_at: startMs + 90_000 })));
    expect(more.cursor).toBe(failed);
  });

  test("scrolling stops at both ends", () => {
    const help = after(sample(), open({ name: "help", scroll: 0 }));
    const down = after(help, { type: "scroll", by: Infinity });
    const view = currentView(down);
    expect(view.name === "help" && view.scroll !== null && view.scroll > 0).toBe(true);
    expect(after(down, { type: "scroll", by: 10 })).toEqual(down);
    expect(currentView(after(down, { type: "scroll", by: -Infinity }))).toEqual({ name: "help", scroll: 0 });
  });
});

describe("the filter", () => {
  const typed = (text: string) =>
    after(
      sample(),
      { type: "ask", prompt: { kind: "filter", field: emptyField, before: "" } },
      { type: "edit", edit: { edit: "insert", text } },
    );

  test("keeps the way to what it finds", () => {
    expect(ids(typed("SESSIONS"))).toEqual([run, `${run}-003`]);
    expect(ids(typed("failed"))).toEqual([failed]);
    expect(ids(typed("zzz"))).toEqual([]);
  });

  test("stays with Enter, goes with Esc", () => {
    expect(after(typed("sess"), { type: "close_prompt", keep: true }).filter).toBe("sess");
    expect(after(typed("sess"), { type: "close_prompt", keep: false }).filter).toBe("");
  });
});

describe("the order of runs", () => {
  const renewed = aLoop({
    id: failed,
    version: 2,
    created_at: startMs - 60_000,
    updated_at: startMs + 90_000,
  });

  test("an event does not make one jump, the next snapshot puts what changed last first", () => {
    const told = after(sample(), event("loop.updated", renewed));
    expect(ids(told)).toEqual(ids(sample()));
    const again = after(
      told,
      { type: "snapshot_started" },
      { type: "snapshot", loops: [...told.loops.values()], projects: null },
    );
    expect(ids(again)[0]).toBe(failed);
  });

  test("a new run comes first", () => {
    const created = aLoop({ id: idOf("ff"), created_at: startMs + 99_000 });
    expect(ids(after(sample(), event("loop.created", created)))[0]).toBe(idOf("ff"));
  });
});

describe("a daemon that does not answer", () => {
  const since = startMs + 100_000;
  const silent = () => after(sample(), { type: "silence", since });

  test("stays so until it answers or the connection changes", () => {
    expect(silent().silentSince).toBe(since);
    expect(after(silent(), { type: "silence", since: null }).silentSince).toBeNull();
    const reconnecting = { type: "connection", connection: "reconnecting", otherVersion: null } as const;
    expect(after(silent(), reconnecting).silentSince).toBeNull();
  });
});

describe("what is told", () => {
  const told = () => after(sample(), { type: "told", text: "Paused." });
  const failure = () => after(sample(), { type: "failed", error: { message: "no", hint: "" } });
  const help = open({ name: "help", scroll: 0 });

  test("goes when the person does the next thing; a failure stays to be read until something is asked for", () => {
    expect(after(told(), help).notice).toBeNull();
    expect(after(failure(), help).notice?.text).toBe("no");
    expect(after(told(), { type: "acting" }).notice).toBeNull();
    expect(after(failure(), { type: "acting" }).notice).toBeNull();
  });
});

describe("time", () => {
  test("nothing ticks where nothing reads differently", () => {
    expect(nextTickIn(stateWith([]))).toBeNull();
  });

  test("an age of seconds ticks each second, one of hours each hour", () => {
    const at = (age: number) =>
      nextTickIn(stateWith([aLoop({ id: run, created_at: startMs + 120_000 - age })]));
    expect(at(5_400)).toBe(600);
    expect(at(60_000)).toBe(60_000);
    expect(at(3_600_000)).toBe(3_600_000);
  });

  test("notices go by themselves", () => {
    const told = after(stateWith([]), { type: "told", text: "Paused." });
    const wait = nextTickIn(told) ?? 0;
    expect(wait).toBeGreaterThan(0);
    expect(after(told, { type: "ticked", now: told.now + wait }).notice).toBeNull();
  });
});
