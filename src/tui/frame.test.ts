// Frames as a terminal shows them: the tree, its columns, sizes, colours.
import { afterEach, describe, expect, test } from "bun:test";
import { closeScreens, plainTheme, show, textOf } from "../../test/support/frames.ts";
import { aLoop, after, idOf, sampleLoops, startMs, stateWith, utf8 } from "../../test/support/tui.ts";
import type { State } from "./state.ts";
import { createTheme, type Theme } from "./theme.ts";
import { frame } from "./views/frame.ts";

const run = idOf("a1b2");
const plan = idOf("b7f2");
afterEach(closeScreens);

const screenOf = (state: State, theme?: Theme) => show(state, theme).screen();

describe("the tree", () => {
  test("at 80×24", async () => {
    const lines = await screenOf({ ...stateWith(sampleLoops()), cursor: plan });
    expect(lines.slice(0, 8)).toEqual([
      "● Loopr  ●2 ○1 ◐1 ✓1 ✗1                                     ↑72.0k ↓20.4k  $0.60",
      "LOOPS  project                            ITER  AGE   COST  NOW",
      "  ◐ plan  Faster parser                   1/10   1m  $0.12  needs your approval",
      "▾ ● plan  Add OAuth login                 1/10   2m  $0.12  1 of 3 done",
      "    ✓ code  Providers                     1/30   2m  $0.12  integrated",
      "    ● code  Login page                    3/30   2m  $0.12  runs make test",
      "    ○ code  Sessions                             2m  $0.00  waits for others",
      "  ✗ code  Flaky test                      1/30   3m  $0.12  30 iterations used …",
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

describe("a daemon that does not answer", () => {
  const silent = (state: State) => after(state, { type: "silence", since: startMs + 100_000 });

  test("is told in the header and below, in yellow", async () => {
    const lines = await screenOf(silent(stateWith(sampleLoops())));
    expect(lines[0]).toMatch(/^● Loopr not responding since \d\d:\d\d:\d\d /);
    expect(lines.join("\n")).toContain("loopr daemon restart");
    const coloured = frame(silent(stateWith([])), createTheme(utf8, true));
    expect(coloured[0]).toMatch(/^\x1b\[33m●/);
  });

  test("leaves nobody waiting for what it was asked for", async () => {
    const opened = after(silent(stateWith(sampleLoops())), {
      type: "open",
      view: { name: "detail", id: run, pane: "diff", scroll: 0 },
    });
    const text = (await screenOf(opened)).join("\n");
    expect(text).toContain("Not here yet: the daemon does not answer.");
    expect(text).not.toContain("Loading");
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
      expect(frame(stateWith(loops, { columns, rows }), plainTheme).length).toBe(rows);
    }
  });

  test("a terminal too small says what is needed", async () => {
    expect((await screenOf(stateWith(loops, { columns: 29, rows: 6 })))[0]).toBe("Too small: 30x6 is needed");
  });
});

describe("the renderer", () => {
  test("NO_COLOR: not one colour", async () => {
    const terminal = show(stateWith(sampleLoops()), plainTheme);
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
