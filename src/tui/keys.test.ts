import { describe, expect, test } from "bun:test";
import { aLoop, after, idOf, sampleLoops, startMs, stateWith } from "../../test/support/tui.ts";
import { emptyField, fieldOf } from "./field.ts";
import { interpret, type Command, type Key } from "./keys.ts";
import type { State } from "./state.ts";
import { decodeKeys } from "./terminal.ts";

const run = idOf("a1b2");
const plan = idOf("b7f2");
const failed = idOf("c0ff");

const text = (typed: string): Key => ({ kind: "text", text: typed });
const key = (name: string): Key => ({ kind: "key", name });
const at = (cursor: string): State => ({ ...stateWith(sampleLoops()), cursor });
const pressed = (state: State, typed: string): Command[] =>
  interpret(state, typed.length === 1 ? text(typed) : key(typed));

describe("what terminals send", () => {
  test.each<[string, Key[]]>([
    ["j", [text("j")]],
    ["G", [text("G")]],
    ["?", [text("?")]],
    [" ", [text(" ")]],
    ["é", [text("é")]],
    ["日", [text("日")]],
    ["👨‍👩‍👧", [text("👨‍👩‍👧")]],
    ["\r", [key("enter")]],
    ["\t", [key("tab")]],
    ["\x1b[Z", [key("shift+tab")]],
    ["\x1b", [key("escape")]],
    ["\x7f", [key("backspace")]],
    ["\x03", [key("ctrl+c")]],
    ["\x04", [key("ctrl+d")]],
    ["\x1b[A", [key("up")]],
    ["\x1bOA", [key("up")]],
    ["\x1b[5~", [key("pageUp")]],
    ["\x1b[H", [key("home")]],
    ["\x1bOP", [key("f1")]],
    ["\x1b\r", [key("alt+enter")]],
    // kitty's protocol: press, release, shifted letter, Cyrillic layout.
    ["\x1b[99;5u", [key("ctrl+c")]],
    ["\x1b[99;5:3u", []],
    ["\x1b[103:71;2u", [text("G")]],
    ["\x1b[47:63;2u", [text("?")]],
    ["\x1b[13;2u", [key("shift+enter")]],
    ["\x1b[27u", [key("escape")]],
    ["\x1b[1077::116u", [text("е")]],
    // xterm's modifyOtherKeys.
    ["\x1b[27;2;71~", [text("G")]],
    ["\x1b[27;5;99~", [key("ctrl+c")]],
    // Pasted text is one piece, whatever is in it.
    ["\x1b[200~ax\ny\x1b[201~", [{ kind: "paste", text: "ax\ny" }]],
    // Focus, mouse, replies of the terminal.
    ["\x1b[I", []],
    ["\x1b[<0;1;1M", []],
    ["\x1b[?62;4c", []],
  ])("%p", (data, keys) => {
    expect(decodeKeys(data)).toEqual(keys);
  });
});

describe("in the tree", () => {
  test.each<[string, string, Command[]]>([
    [run, "j", [{ type: "move", by: 1 }]],
    [run, "up", [{ type: "move", by: -1 }]],
    [run, "g", [{ type: "move", by: -Infinity }]],
    [run, "G", [{ type: "move", by: Infinity }]],
    [run, "h", [{ type: "fold", folded: true }]],
    [run, "right", [{ type: "fold", folded: false }]],
    [run, "a", [{ type: "scope" }]],
    [run, "enter", [{ type: "open", view: { name: "detail", id: run, pane: "overview", scroll: 0 } }]],
    [run, "o", [{ type: "open", view: { name: "detail", id: run, pane: "output", scroll: null } }]],
    [run, "d", [{ type: "open", view: { name: "detail", id: run, pane: "diff", scroll: 0 } }]],
    [run, "p", [{ type: "open", view: { name: "approval", id: plan, scroll: 0 } }]],
    [plan, "enter", [{ type: "open", view: { name: "approval", id: plan, scroll: 0 } }]],
    [run, "s", [{ effect: "act", act: "pause", id: run, text: "" }]],
    [failed, "s", [{ effect: "act", act: "resume", id: failed, text: "" }]],
    [`${run}-001`, "s", [{ type: "told", text: "Nothing to pause: it is complete." }]],
    [run, "x", [{ type: "ask", prompt: { kind: "cancel", id: run, loops: 2 } }]],
    [`${run}-001`, "x", [{ type: "told", text: "Nothing to cancel: it is complete." }]],
    [run, "f1", [{ type: "open", view: { name: "help", scroll: 0 } }]],
    [run, "?", [{ type: "open", view: { name: "help", scroll: 0 } }]],
    [run, "q", []],
    [run, "escape", []],
    [run, "ctrl+z", [{ effect: "suspend" }]],
  ])("%s: %s", (cursor, typed, commands) => {
    expect(pressed(at(cursor), typed)).toEqual(commands);
  });

  test("pasted text never acts", () => {
    expect(interpret(at(run), { kind: "paste", text: "xysy" })).toEqual([]);
  });

  test("with no loops nothing can be opened or acted on", () => {
    for (const typed of ["enter", "s", "x", "d", "o"]) expect(pressed(stateWith([]), typed)).toEqual([]);
  });
});

describe("at the gate", () => {
  const open = after(stateWith(sampleLoops()), {
    type: "open",
    view: { name: "approval", id: plan, scroll: 0 },
  });
  const shown = after(
    open,
    { type: "load_started", resource: "plan", id: plan },
    {
      type: "loaded",
      resource: "plan",
      id: plan,
      value: { content: "# P", specs: [], version: 3, edited: true },
    },
  );

  test("a plan that is not on the screen cannot be approved", () => {
    expect(pressed(open, "a")).toEqual([{ type: "told", text: "The plan is not on the screen yet." }]);
    expect(pressed(shown, "a")).toEqual([{ effect: "act", act: "approve", id: plan, text: "", version: 3 }]);
    expect(pressed(shown, "e")).toEqual([{ effect: "edit", id: plan }]);
  });

  test("reject and iterate ask first; Esc decides later", () => {
    expect(pressed(shown, "r")).toEqual([
      { type: "ask", prompt: { kind: "reject", id: plan, field: emptyField } },
    ]);
    expect(pressed(shown, "i")).toEqual([
      { type: "ask", prompt: { kind: "iterate", id: plan, field: emptyField } },
    ]);
    expect(pressed(shown, "escape")).toEqual([{ type: "back" }]);
  });

  const typing = (kind: "reject" | "iterate", typed: string) =>
    after(shown, { type: "ask", prompt: { kind, id: plan, field: fieldOf(typed) } });

  test("while typing, letters are letters", () => {
    for (const typed of ["a", "q", "?", "x", " "]) {
      expect(interpret(typing("iterate", ""), text(typed))).toEqual([
        { type: "edit", edit: { edit: "insert", text: typed } },
      ]);
    }
    expect(interpret(typing("iterate", ""), { kind: "paste", text: "a\nb" })).toEqual([
      { type: "edit", edit: { edit: "insert", text: "a\nb" } },
    ]);
    expect(pressed(typing("iterate", "x"), "alt+enter")).toEqual([
      { type: "edit", edit: { edit: "insert", text: "\n" } },
    ]);
  });

  test("Enter sends; feedback must say something, a reason need not", () => {
    expect(pressed(typing("iterate", "simpler "), "enter")).toEqual([
      { type: "close_prompt", keep: true },
      { effect: "act", act: "iterate", id: plan, text: "simpler" },
    ]);
    expect(pressed(typing("iterate", "  "), "enter")).toEqual([
      { type: "told", text: "Say what should be different, or press Esc." },
    ]);
    expect(pressed(typing("reject", ""), "enter")).toEqual([
      { type: "close_prompt", keep: true },
      { effect: "act", act: "reject", id: plan, text: "" },
    ]);
  });
});

test("cancelling asks, and only y is yes", () => {
  const asked = after(at(run), { type: "ask", prompt: { kind: "cancel", id: run, loops: 2 } });
  const close: Command = { type: "close_prompt", keep: false };
  expect(pressed(asked, "y")).toEqual([close, { effect: "act", act: "cancel", id: run, text: "" }]);
  expect(pressed(asked, "n")).toEqual([close]);
  expect(pressed(asked, "escape")).toEqual([close]);
  expect(pressed(asked, "enter")).toEqual([]);
  expect(interpret(asked, { kind: "paste", text: "y" })).toEqual([]);
});

describe("quitting", () => {
  const quit: Command[] = [{ effect: "quit" }];
  const hint: Command[] = [{ type: "quit_hint" }];
  const tried = after(at(run), { type: "quit_hint" });
  const later = (ms: number) => after(tried, { type: "ticked", now: startMs + 120_000 + ms });

  test("twice within 500 ms, either key, from everywhere", () => {
    expect(pressed(at(run), "ctrl+c")).toEqual(hint);
    expect(pressed(later(500), "ctrl+c")).toEqual(quit);
    expect(pressed(later(100), "ctrl+d")).toEqual(quit);
    expect(pressed(later(501), "ctrl+c")).toEqual(hint);
    const typing = after(tried, { type: "ask", prompt: { kind: "filter", field: fieldOf("x"), before: "" } });
    expect(pressed(typing, "ctrl+c")).toEqual(quit);
  });
});

test("when the daemon is gone for good, Enter connects again", () => {
  const closed = after(at(run), { type: "connection", connection: "closed", otherVersion: null });
  expect(pressed(closed, "enter")).toEqual([{ effect: "connect" }]);
  expect(pressed(closed, "j")).toEqual([{ type: "move", by: 1 }]);
});

test("Enter on a loop that is no plan at the gate opens it, whatever its run waits for", () => {
  const waiting = aLoop({ id: run, status: "complete", run_state: "awaiting_approval" });
  expect(pressed({ ...stateWith([waiting]), cursor: run }, "enter")).toEqual([
    { type: "open", view: { name: "detail", id: run, pane: "overview", scroll: 0 } },
  ]);
});
