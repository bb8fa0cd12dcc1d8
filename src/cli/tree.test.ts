import { describe, expect, test } from "bun:test";
import { makeLoop, rootId } from "../../test/support/fake-daemon.ts";
import type { Loop } from "../domain/loop.ts";
import { shortener } from "./resolve.ts";
import { costWithDescendants, treeLines } from "./tree.ts";
import type { Style } from "./format.ts";

const style: Style = { colour: false, unicode: true, columns: null };
const nowMs = 1_700_000_180_000;
const lines = (loops: Loop[], patch: Partial<Style> = {}, isContext?: (loop: Loop) => boolean) =>
  treeLines(loops, {
    style: { ...style, ...patch },
    short: shortener(loops),
    nowMs,
    isContext,
    costOf: (loop) => costWithDescendants(loop, loops),
  });

const family = [
  makeLoop({ id: `${rootId}-002`, status: "pending", title: "Second", iteration: 0 }),
  makeLoop({ run_state: "executing", status: "complete", title: "Root", progress: "" }),
  makeLoop({ id: `${rootId}-001-001`, status: "running", title: "Deep", progress: "runs the check" }),
  makeLoop({ id: `${rootId}-001`, loop_type: "spec", status: "complete", title: "First", cost_usd: 12 }),
];

describe("the tree", () => {
  test("shows children below their parents, in their order, in columns", () => {
    expect(lines(family)).toEqual([
      "● a1b2                plan   executing  1/10    3m  $12.75  Root",
      "✓ ├─ a1b2.001         spec   complete   1/10    3m  $12.25  First",
      "● │  └─ a1b2.001.001  code   running    1/10    3m   $0.25  Deep  runs the check",
      "○ └─ a1b2.002         code   pending    0/10    3m   $0.25  Second",
    ]);
  });

  test("in ASCII where the locale is", () => {
    for (const line of lines(family, { unicode: false })) expect(line).toMatch(/^[\x20-\x7e]+$/);
  });

  test("the newest run comes first, whichever of its loops changed", () => {
    const other = "1700000000009-0123456789abcdef";
    const loops = [
      makeLoop({ updated_at: 1 }),
      makeLoop({ id: other, title: "Other", updated_at: 5 }),
      makeLoop({ id: `${rootId}-001`, updated_at: 9 }),
    ];
    expect(lines(loops).map((line) => line.split(/ +/)[1])).toEqual(["a1b2", "└─", "0123"]);
  });

  test("says why it stands still, in one harmless line", () => {
    const failure = { code: "x", message: "the check\nhangs\x1b[2J", hint: "" };
    const [line] = lines([makeLoop({ run_state: "failed", status: "failed", failure, title: "a\tb\x07" })]);
    expect(line).toEndWith("a b  the check hangs");
  });

  test("says what it waits for", () => {
    const [line] = lines([makeLoop({ run_state: "paused", waiting_for: "credentials" })]);
    expect(line).toContain("waiting for credentials");
  });

  test("what its state says is not said again", () => {
    const waiting = { run_state: "awaiting_approval", waiting_for: "approval" } as const;
    const [line] = lines([makeLoop({ ...waiting, progress: "plan with 2 specs" })]);
    expect(line).toContain("awaiting approval");
    expect(line).not.toContain("waiting for approval");
    expect(line).toEndWith("plan with 2 specs");
  });

  test("is cut at the terminal's edge", () => {
    const [line = ""] = lines([makeLoop({ title: "t".repeat(200), progress: "p" })], { columns: 80 });
    expect([...line].length).toBeLessThanOrEqual(80);
    expect(line).toEndWith("…");
  });

  test("loops that only lead to what was asked for are dimmed", () => {
    const loops = [makeLoop(), makeLoop({ id: `${rootId}-001` })];
    const [root = "", child = ""] = lines(loops, { colour: true }, (loop) => loop.parent_id === null);
    expect(root).toStartWith("\x1b[2m");
    expect(child).not.toStartWith("\x1b[2m");
  });

  test("a child without its parent stands alone", () => {
    expect(lines([makeLoop({ id: `${rootId}-001` })])).toHaveLength(1);
  });
});
