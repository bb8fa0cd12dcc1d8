// Frames as a terminal shows them, through the real renderer.
import { afterEach, describe, expect, test } from "bun:test";
import {
  aLoop,
  after,
  anIteration,
  idOf,
  sampleLoops,
  someEvidence,
  stateWith,
  utf8,
  virtualTerminal,
  type VirtualTerminal,
} from "../../test/support/tui.ts";
import { emptyField } from "./field.ts";
import { textLines } from "./output.ts";
import type { Action, Pane, State, View } from "./state.ts";
import { createScreen, type Screen } from "./terminal.ts";
import { createTheme, type Theme } from "./theme.ts";
import { frame } from "./views/frame.ts";

const run = idOf("a1b2");
const plan = idOf("b7f2");
const opened: Screen[] = [];
afterEach(() => {
  for (const screen of opened.splice(0)) screen.stop();
});

const plain = createTheme(utf8, false);

function show(state: State, theme: Theme = plain): VirtualTerminal {
  const terminal = virtualTerminal(state.columns, state.rows);
  const screen = createScreen(terminal);
  opened.push(screen);
  screen.start({
    render: (columns, rows) => frame(after(state, { type: "resized", columns, rows }), theme),
    onKey: () => {},
  });
  return terminal;
}

const screenOf = (state: State, theme?: Theme) => show(state, theme).screen();
const textOf = async (state: State) => (await screenOf(state)).join("\n");
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

describe("the tree", () => {
  test("at 80×24", async () => {
    const lines = await screenOf({ ...stateWith(sampleLoops()), cursor: plan });
    expect(lines.slice(0, 8)).toEqual([
      "● Loopr  ●2 ○1 ◐1 ✓1 ✗1                                     ↑72.0k ↓20.4k  $0.60",
      "LOOPS  project                        ITER   AGE    COST  NOW",
      "  ◐ plan  Faster parser               1/10    1m   $0.12  waits for your approv…",
      "▾ ● plan  Add OAuth login             1/10    2m   $0.12  executing",
      "    ✓ code  Providers                 1/30    2m   $0.12  integrated",
      "    ● code  Login page                3/30    2m   $0.12  runs make test",
      "    ○ code  Sessions                          2m   $0.00  waits for other loops",
      "  ✗ code  Flaky test                  1/30    3m   $0.12  30 iterations used up",
    ]);
    expect(lines[22]).toBe("◐ A plan waits for your approval (press p): Faster parser");
    expect(lines[23]).toBe("Enter open   p judge the plan   s pause   x cancel   d diff   o output   ? help");
  });

  test("wider terminals show ids, words and more", async () => {
    const lines = await screenOf(stateWith(sampleLoops(), { columns: 250, rows: 80 }));
    expect(lines[0]).toContain("2 running  1 pending  1 awaiting  1 done  1 failed");
    expect(lines[5]).toContain("a1b2.002");
    expect(lines[0]?.length).toBe(250);
  });

  test("in ASCII where the locale is not UTF-8", async () => {
    const theme = createTheme({ LANG: "C" }, false);
    const state = { ...stateWith(sampleLoops()), glyphs: theme.glyphs };
    const text = (await screenOf(state, theme)).join("\n");
    expect(text).toContain("? plan  Faster parser");

    expect(text).toMatch(/^[\x00-\x7f]*$/);
  });

  test.each([
    [
      "still starting",
      (state: State) => ({ ...state, loaded: false, connecting: "starting the daemon" }),
      "starting the daemon",
    ],
    ["no loops", (state: State) => state, "No loops in project yet."],
    [
      "only elsewhere",
      (state: State) =>
        after(state, {
          type: "event",
          event: { event: "loop.created", data: aLoop({ id: run, project: "/x" }) },
        }),
      "(1 in other projects: press a)",
    ],
    ["nothing found", (state: State) => ({ ...state, filter: "zz" }), 'Nothing matches "zz".'],
  ])("%s is said", async (_name, change, text) => {
    expect(await textOf(change(stateWith([])))).toContain(text);
  });

  test("reconnecting, gone and another version are told from each other", async () => {
    const connection = (connection: State["connection"], otherVersion: string | null = null) =>
      textOf(after(stateWith(sampleLoops()), { type: "connection", connection, otherVersion }));
    expect(await connection("reconnecting")).toContain("reconnecting…");
    expect(await connection("closed")).toContain("Enter connects again");
    expect(await connection("connected", "0.1.9")).toContain("daemon 0.1.9");
  });
});

describe("hostile and wide text", () => {
  const titles = [
    "日本語のとても長いタイトルがここにありますよ",
    "👨‍👩‍👧 family 🏳️‍🌈 flag 👍🏽 thumb",
    "שלום עולם 123",
    "\x1b[2J\x1b[H\x1b]0;owned\x07cleared",
    "tab\there\r\nand a second line",
    "e" + "\u0301".repeat(40),
    "x".repeat(500),
  ];
  const loops = titles.map((title, index) =>
    aLoop({ id: idOf(`e${index}`), title, progress: title, created_at: 1_700_000_000_000 - index }),
  );

  test.each([
    [80, 24],
    [40, 12],
    [132, 43],
    [250, 80],
  ])("columns stand in the same place in every row at %d×%d", async (columns, rows) => {
    const terminal = show(stateWith(loops, { columns, rows }));
    const lines = await terminal.screen();
    expect(lines[0]).toContain("Loopr");
    const costEnd = (lines[1] ?? "").indexOf("COST") + 4;
    for (let row = 2; row < 2 + titles.length; row += 1) {
      const cells = terminal.xterm.buffer.active.getLine(row);
      const cost = Array.from({ length: 5 }, (_, at) => cells?.getCell(costEnd - 5 + at)?.getChars()).join(
        "",
      );
      expect(cost).toBe("$0.12");
    }
  });

  test("no line of a frame is wider than the terminal, whatever the size", () => {
    for (const [columns, rows] of [
      [1, 1],
      [29, 5],
      [30, 6],
      [33, 7],
      [80, 24],
      [250, 80],
    ] as const) {
      expect(frame(stateWith(loops, { columns, rows }), plain).length).toBe(rows);
    }
  });

  test("a terminal too small says what is needed", async () => {
    expect((await screenOf(stateWith(loops, { columns: 29, rows: 6 })))[0]).toBe("Too small: 30x6 is needed");
  });
});

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
      "b7f2  2 specs  $0.12 so far",
      "#1  Lexer  → straight to code",
      "#2  Parser  → spec, phases, then code  after #1",
      "may change existing tests: test/parser.ts",
      "• one item",
      "a approve   r reject   i iterate with feedback   Esc later",
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

describe("the renderer", () => {
  test("NO_COLOR: not one colour", async () => {
    const terminal = show(stateWith(sampleLoops()), plain);
    await terminal.screen();

    expect(terminal.written()).not.toMatch(/\x1b\[[\d;]*(3[0-7]|4[0-7]|9[0-7]|38|48)[;m]/);
  });

  test("follows the terminal's size", async () => {
    const terminal = show(stateWith(sampleLoops()));
    await terminal.screen();
    terminal.resize(140, 30);
    await new Promise((resolve) => setImmediate(resolve));
    const deadline = Date.now() + 5_000;
    let lines = await terminal.screen();
    while (lines[29] === "" && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      lines = await terminal.screen();
    }
    expect(lines[29]).toContain("quit");
    expect(lines[1]).toContain("ID");
  });
});
