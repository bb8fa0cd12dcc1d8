import { describe, expect, test } from "bun:test";
import { makeLoop, rootId } from "../../test/support/fake-daemon.ts";
import type { Loop } from "../domain/loop.ts";
import { parseEvent } from "./known-event.ts";
import { Narrator, type NarratorOptions } from "./narrate.ts";

const child = `${rootId}-001`;

function narrator(patch: Partial<NarratorOptions> = {}) {
  const teller = new Narrator({
    style: { colour: false, unicode: true, columns: null },
    short: (id) => id.slice(-3),
    now: () => 0,
    output: true,
    progress: true,
    ...patch,
  });
  /** What is told of an event, without times and the column of ids. */
  return (event: string, data: unknown): string[] => {
    const known = parseEvent({ event, data });
    return (known ? teller.tell(known) : ["unknown"]).map((line) =>
      line.replace(/^[\d:]{8} +(\S+ {5} +)?/, "").trim(),
    );
  };
}
const loop = (patch: Partial<Loop>) => makeLoop({ id: child, ...patch });

describe("events in words", () => {
  test("a loop's life", () => {
    const tell = narrator();
    expect(tell("loop.created", loop({ title: "Parse \x1b[1mit" }))).toEqual(["code loop: Parse it"]);
    expect(tell("loop.updated", loop({ version: 2, progress: "turn 1" }))).toEqual(["turn 1"]);
    expect(tell("loop.updated", loop({ version: 3, progress: "turn 1", cost_usd: 2 }))).toEqual([]);
    expect(
      tell("loop.iteration", { id: child, iteration: 1, passed: false, layer: "check", feedback: "a\nb" }),
    ).toEqual(["✗ iteration 1 did not pass (check)", "a", "b"]);
    expect(tell("loop.iteration", { id: child, iteration: 2, passed: true })).toEqual([
      "✓ iteration 2 passed",
    ]);
    expect(tell("loop.updated", loop({ version: 4, status: "complete" }))).toEqual(["✓ complete"]);
    expect(tell("loop.deleted", loop({ version: 4 }))).toEqual(["deleted"]);
  });

  test("why a loop stands still, and what to do", () => {
    const failure = { code: "model_auth", message: "the key is refused (401)", hint: "set another" };
    expect(
      narrator()("loop.updated", loop({ status: "paused", waiting_for: "credentials", failure })),
    ).toEqual(["‖ paused: waiting for credentials", "the key is refused (401)", "hint: set another"]);
  });

  test("a root speaks of its run", () => {
    expect(narrator()("loop.updated", makeLoop({ run_state: "merged", status: "complete" }))).toEqual([
      "✓ merged",
    ]);
  });

  const rest: [string, unknown, string[]][] = [
    ["plan.approved", { id: rootId, specs_spawned: 1 }, ["approved: 1 loop"]],
    ["plan.rejected", { id: rootId, reason: "" }, ["rejected"]],
    ["plan.rejected", { id: rootId, reason: "too big" }, ["rejected: too big"]],
    ["merge.started", { id: rootId }, ["merging"]],
    [
      "merge.completed",
      { id: rootId, commit: "0123456789ab", branch: "main" },
      ["merged onto main as 0123456789"],
    ],
    ["merge.conflict", { id: rootId, message: "in a.txt", hint: "" }, ["not merged: in a.txt"]],
    ["loop.artifact", { id: rootId, path: "plan.md" }, ["wrote plan.md"]],
    [
      "loop.recovered",
      { id: rootId, from_status: "running", to_status: "pending" },
      ["interrupted by the daemon's end; goes on where it was"],
    ],
    ["stream.gap", { dropped: 3 }, ["3 events could not be shown"]],
    ["daemon.stopping", {}, ["the daemon is stopping; the loops go on when it starts again"]],
    ["error", { message: "no\x07", code: "x", context: null }, ["error: no"]],
    ["stream.heartbeat", { seq: 1 }, []],
    ["brand.new", {}, ["unknown"]],
    ["loop.updated", { id: rootId }, ["unknown"]],
  ];
  for (const [event, data, expected] of rest) {
    test(`${event} ${JSON.stringify(data)}`, () => {
      const said = narrator()(event, data);
      expect(said.map((line) => line.replace(/^718 +/, ""))).toEqual(expected);
    });
  }

  test("an older record that comes late changes nothing", () => {
    const tell = narrator();
    tell("loop.updated", loop({ version: 5, status: "complete" }));
    expect(tell("loop.updated", loop({ version: 4, status: "running" }))).toEqual([]);
  });
});

describe("output", () => {
  const say = (text: string, stream = "model") => ({ id: child, stream, text });

  test("comes by whole lines, each stream on its own, escape sequences split or not", () => {
    const tell = narrator();
    expect(tell("loop.output", say("hel"))).toEqual([]);
    expect(tell("loop.output", say("tool\n", "tool"))).toEqual(["│ tool"]);
    expect(tell("loop.output", say("lo\nwor\x1b"))).toEqual(["│ hello"]);
    expect(tell("loop.output", say("[31mld\n"))).toEqual(["│ world"]);
  });

  test("the open end of it is told before the verdict", () => {
    const tell = narrator();
    tell("loop.output", say("no line end"));
    expect(tell("loop.iteration", { id: child, iteration: 1, passed: true })).toEqual([
      "│ no line end",
      "✓ iteration 1 passed",
    ]);
  });

  test("a line without end does not grow without bound", () => {
    expect(narrator()("loop.output", say("x".repeat(5000)))).toHaveLength(1);
  });

  test("is left out where it is not wanted", () => {
    expect(narrator({ output: false })("loop.output", say("a\n"))).toEqual([]);
  });
});
