// Frames as a terminal shows them: one loop, and the gate of a plan.
import { afterEach, describe, expect, test } from "bun:test";
import { closeScreens, show, textOf } from "../../test/support/frames.ts";
import {
  after,
  anIteration,
  idOf,
  sampleLoops,
  someEvidence,
  stateWith,
  utf8,
} from "../../test/support/tui.ts";
import { emptyField } from "./field.ts";
import { textLines } from "./output.ts";
import type { Action, Pane, State, View } from "./state.ts";
import { createTheme } from "./theme.ts";

const run = idOf("a1b2");
const plan = idOf("b7f2");
afterEach(closeScreens);

const open = (view: View): Action => ({ type: "open", view });
const detail = (id: string, pane: Pane): Action =>
  open({ name: "detail", id, pane, scroll: pane === "output" ? null : 0 });

function loaded(state: State): State {
  const id = `${run}-002`;
  const feedback = "make test failed:\nexpected 302";
  return after(
    state,
    { type: "load_started", resource: "history", id },
    {
      type: "loaded",
      resource: "history",
      id,
      value: {
        iterations: [
          anIteration({
            iteration: 1,
            ended_at: 1_700_000_030_000,
            outcome: "failed",
            layer: "check",
            feedback,
          }),
          anIteration({ iteration: 2, turns: 1 }),
        ],
        evidence: [someEvidence({ exitCode: 2 })],
      },
    },
    { type: "load_started", resource: "output", id },
    { type: "loaded", resource: "output", id, value: textLines("reading\n\x1b[2J\x1b[31mred\x1b[0m\n") },
  );
}

describe("one loop", () => {
  const base = loaded(after(stateWith(sampleLoops()), detail(`${run}-002`, "overview")));

  test("its iterations with verdicts, feedback, evidence and live output", async () => {
    const text = await textOf(base);
    for (const part of [
      "● running  code  Login page",
      "iteration 3/30",
      "Feedback after iteration 1 (check)",
      "expected 302",
      "1 ✗ failed by check",
      "2 ● running",
      "✗ not verified  iteration 1",
      "exit 2  2.3 s  tree 0123456789  sandboxed",
      "red",
    ]) {
      expect(text).toContain(part);
    }
  });

  test("why it failed, and what to do", async () => {
    const text = await textOf(after(stateWith(sampleLoops()), detail(idOf("c0ff"), "overview")));
    expect(text).toContain("30 iterations used up");
    expect(text).toContain("hint: loopr resume c0ff");
  });

  test("evidence with the output of its checks", async () => {
    const text = await textOf(loaded(after(stateWith(sampleLoops()), detail(`${run}-002`, "evidence"))));
    expect(text).toContain("FAIL login");
  });

  test("output follows its end until one scrolls up", async () => {
    const id = `${run}-002`;
    const value = textLines(Array.from({ length: 100 }, (_, index) => `line ${index}`).join("\n") + "\n");
    const following = after(
      stateWith(sampleLoops()),
      detail(id, "output"),
      { type: "load_started", resource: "output", id },
      { type: "loaded", resource: "output", id, value },
    );
    const more: Action = {
      type: "event",
      event: { event: "loop.output", data: { id, stream: "model", text: "fresh\n" } },
    };
    expect(await textOf(after(following, more))).toContain("fresh");
    const up = after(following, { type: "scroll", by: -5 }, more);
    expect(await textOf(up)).not.toContain("fresh");
    expect(await textOf(after(up, { type: "scroll", by: Infinity }))).toContain("fresh");
  });

  test("the diff in colours, with what a terminal would obey written out", async () => {
    const id = `${run}-002`;
    const value = { lines: textLines("@@ -1 +1 @@\n-old\n+new\x1b[2J\n"), truncated: true };
    const state = after(
      stateWith(sampleLoops()),
      detail(id, "diff"),
      { type: "load_started", resource: "diff", id },
      { type: "loaded", resource: "diff", id, value },
    );
    const terminal = show(state, createTheme(utf8, true));
    const lines = await terminal.screen();
    const row = lines.indexOf("+new^[[2J");
    expect(row).toBeGreaterThan(0);
    expect(terminal.xterm.buffer.active.getLine(row)?.getCell(0)?.getFgColor()).toBe(2);
    expect(lines.join("\n")).toContain("All of it: loopr diff a1b2.002");
  });

  test("a failure to read it is said in its place", async () => {
    const failed: Action = {
      type: "load_failed",
      resource: "diff",
      id: run,
      error: { message: "git_failed: no such commit", hint: "" },
    };
    const state = after(
      stateWith(sampleLoops()),
      detail(run, "diff"),
      { type: "load_started", resource: "diff", id: run },
      failed,
    );
    expect(await textOf(state)).toContain("git_failed: no such commit");
  });
});

describe("the gate", () => {
  const spec = { description: "d", acceptance: [], changes_tests: [] };
  const state = after(
    stateWith(sampleLoops()),
    open({ name: "approval", id: plan, scroll: 0 }),
    { type: "load_started", resource: "plan", id: plan },
    {
      type: "loaded",
      resource: "plan",
      id: plan,
      value: {
        version: 2,
        edited: true,
        content:
          "# Faster parser\n\n- one item that is long enough to be wrapped at eighty columns, I hope so\n\x1b[2J",
        specs: [
          { ...spec, name: "Lexer", depends_on: [], level: "code" },
          {
            ...spec,
            name: "Parser",
            depends_on: ["Lexer"],
            level: "spec",
            changes_tests: ["test/parser.ts"],
          },
        ],
      },
    },
  );

  test("shows the plan, its order, what it cost and the keys", async () => {
    const text = await textOf(state);
    for (const part of [
      "Plan to approve  Faster parser",
      "b7f2  2 specs  version 2, edited by a person  $0.12 so far",
      "#1  Lexer  → straight to code",
      "#2  Parser  → spec, phases, then code  after #1",
      "may change existing tests: test/parser.ts",
      "• one item",
      "a approve   e edit   r reject   i iterate with feedback   Esc later",
    ]) {
      expect(text).toContain(part);
    }
  });

  test("typing shows the text, the cursor at its place and the keys of typing", async () => {
    const typing = after(
      state,
      { type: "ask", prompt: { kind: "iterate", id: plan, field: emptyField } },
      { type: "edit", edit: { edit: "insert", text: "schöner\n日本" } },
      { type: "edit", edit: { edit: "left" } },
    );
    const terminal = show(typing);
    const lines = await terminal.screen();
    expect(lines.slice(-4)).toEqual([
      "What should be different in the plan?",
      "schöner",
      "日本",
      "Enter send   Alt+Enter new line   Esc back, keeps the text",
    ]);
    expect(terminal.xterm.buffer.active.cursorY).toBe(22);
    expect(terminal.xterm.buffer.active.cursorX).toBe(2);
  });

  test("a long text is shown around its cursor", async () => {
    const long = Array.from({ length: 30 }, (_, index) => `row ${index}`).join("\n");
    const typing = after(
      state,
      { type: "ask", prompt: { kind: "iterate", id: plan, field: emptyField } },
      { type: "edit", edit: { edit: "insert", text: long } },
    );
    const text = await textOf(typing);
    expect(text).toContain("row 29");
    expect(text).not.toContain("row 20");
  });
});
