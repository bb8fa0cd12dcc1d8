import { describe, expect, test } from "bun:test";
import { loopRecord } from "../../test/support/records.ts";
import { parseSelector, renderSelector, selectLoops } from "./selector.ts";

const root = loopRecord({ loop_type: "plan", status: "complete" });
const spec = loopRecord({ id: `${root.id}-001`, parent_id: root.id, loop_type: "spec", status: "complete" });
const code = loopRecord({ id: `${root.id}-002`, parent_id: root.id, status: "running" });
const deep = loopRecord({ id: `${spec.id}-001`, parent_id: spec.id, status: "awaiting_approval" });
const own = loopRecord({
  id: `${root.id}-003`,
  parent_id: root.id,
  type_name: "refactor",
  status: "stalled",
});
const all = [root, spec, code, deep, own];

describe("a selector", () => {
  const cases: [string, (typeof root)[]][] = [
    [root.id, [root]],
    [`descendants:${root.id}`, [spec, code, deep, own]],
    [`children:${root.id}`, [spec, code, own]],
    ["type:code", [code, deep, own]],
    ["type:refactor", [own]],
    ["type:refactor,status:running", []],
    ["status:complete", [root, spec]],
    ["status:awaiting-approval", [deep]],
    [`descendants:${root.id}, type:code`, [code, deep, own]],
    [`children:${root.id},status:running`, [code]],
    ["type:plan,type:code", []],
    [`descendants:${code.id}`, []],
  ];
  for (const [text, expected] of cases) {
    test(text, () => {
      const parsed = parseSelector(text);
      if (parsed.kind !== "selector") throw new Error(parsed.message);
      expect(selectLoops(parsed.terms, all)).toEqual(expected);
      expect(parseSelector(renderSelector(parsed.terms))).toEqual(parsed);
    });
  }

  const malformed: [string, RegExp, RegExp][] = [
    ["", /names nothing/, /an id, descendants:/],
    ["type:", /names nothing/, /type:<type>/],
    ["type:Codes!", /no loop type "Codes!"/, /plan, spec, phase, code/],
    ["status:done", /no status "done"/, /complete/],
    ["parent:x", /"parent:" is no selector/, /children:<id>/],
    ["type:code,", /names nothing/, /joined by commas/],
  ];
  for (const [text, message, hint] of malformed) {
    test(`"${text}" says what is wrong with it`, () => {
      const parsed = parseSelector(text);
      if (parsed.kind === "selector") throw new Error("taken for a selector");
      expect(parsed.message).toMatch(message);
      expect(parsed.hint).toMatch(hint);
    });
  }
});
