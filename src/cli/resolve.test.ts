import { describe, expect, test } from "bun:test";
import { failing } from "../../test/support/cli.ts";
import { FakeDaemon, makeLoop, rootId } from "../../test/support/fake-daemon.ts";
import { exitCodeOf } from "./context.ts";
import { resolveLoop, withShortIds } from "./resolve.ts";

const child = `${rootId}-001`;
const other = "1700000000001-a1b2ffffffffffff";
const style = { colour: false, unicode: true, columns: null };

describe("abbreviated ids", () => {
  const daemon = () =>
    new FakeDaemon(makeLoop(), makeLoop({ id: child }), makeLoop({ id: other, title: "Another\x07" }));

  for (const [typed, id] of [
    ["a1b2c", rootId],
    ["A1B2C.001", child],
    [rootId, rootId],
    [child, child],
    ["a1b2f", other],
  ] as const) {
    test(typed, async () =>
      expect((await resolveLoop(daemon(), typed, style, { cwd: "/repo" })).loop.id).toBe(id),
    );
  }

  test("an ambiguous one lists what it could be", async () => {
    const error = await failing(resolveLoop(daemon(), "a1b2", style, { cwd: "/repo" }));
    expect(error.message).toBe("'a1b2' could be any of 2 loops");
    expect(error.hint).toContain("a1b2c  ● Add a flag");
    expect(error.hint).toContain("a1b2f  ● Another");
    expect(exitCodeOf(error)).toBe(2);
  });

  test("of several projects: listed with them; the only one of this project is meant without a question", async () => {
    const one = makeLoop({ project: "/repo" });
    const elsewhere = makeLoop({ id: other, title: "Another", project: "/else\x1b[31mwhere" });
    const both = new FakeDaemon(one, elsewhere);
    both.answers["loop.list"] = ({ project }) => ({
      loops: [one, elsewhere].filter((loop) => project == null || loop.project === project),
    });
    expect((await resolveLoop(both, "a1b2", style, { cwd: "/repo" })).loop.id).toBe(rootId);
    const error = await failing(resolveLoop(both, "a1b2", style, { cwd: "/third" }));
    expect(error.hint).toContain("a1b2c  ● Add a flag  in /repo");
    expect(error.hint).toEndWith("a1b2f  ● Another  in /elsewhere");
    expect(exitCodeOf(error)).toBe(2);
  });

  for (const typed of ["ffff", "", "a1b2c.009", "nonsense", "a1b2c3d4e5f607180"]) {
    test(`unknown: ${JSON.stringify(typed)}`, async () => {
      const error = await failing(resolveLoop(daemon(), typed, style, { cwd: "/repo" }));
      expect(error.message).toBe(`Loop not found: ${typed}`);
      expect(exitCodeOf(error)).toBe(1);
    });
  }
});

describe("full ids in a text", () => {
  const short = (id: string) => (id === rootId ? "a1b2" : "a1b2.001");
  for (const [text, shown] of [
    [`loopr resume ${rootId}`, "loopr resume a1b2"],
    [`run ${rootId} is paused: ${child} is failed.`, "run a1b2 is paused: a1b2.001 is failed."],
    [`gone from refs/loopr/${rootId}/tip`, `gone from refs/loopr/${rootId}/tip`],
    [`/home/.loopr/projects/${child}`, `/home/.loopr/projects/${child}`],
    ["1700000000000 and a1b2c3d4e5f60718", "1700000000000 and a1b2c3d4e5f60718"],
  ] as const) {
    test(text, () => expect(withShortIds(text, short)).toBe(shown));
  }
});
