import { describe, expect, test } from "bun:test";
import { testContext, testPorts } from "../../test/support/cli.ts";
import { FakeDaemon, makeLoop, rootId } from "../../test/support/fake-daemon.ts";
import { diff, diffLines } from "./diff.ts";

const style = { colour: false, unicode: true, columns: null };

describe("diff", () => {
  const text = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\x1b[31m\n";
  const shown = async (answer: { diff: string; truncated: boolean }, json = false) => {
    const daemon = new FakeDaemon(makeLoop());
    daemon.answers["loop.diff"] = () => answer;
    const context = testContext({ json });
    expect(await diff(context, ["a1b2"], {}, testPorts(daemon))).toBe(0);
    return context;
  };

  test("piped it is exactly the diff, and says elsewhere that it was cut", async () => {
    const context = await shown({ diff: text, truncated: true });
    expect(context.out.join("\n") + "\n").toBe(text);
    expect(context.notes.join()).toContain("was cut");
  });

  test("without changes says so", async () => {
    const context = await shown({ diff: "", truncated: false });
    expect(context.out).toEqual([]);
    expect(context.notes).toEqual(["a1b2 has changed nothing"]);
  });

  test("--json", async () => {
    expect((await shown({ diff: text, truncated: false }, true)).printed).toEqual([
      { id: rootId, iteration: null, diff: text, truncated: false },
    ]);
  });

  test("for a terminal it is coloured, and what a terminal would obey is written out", () => {
    const lines = diffLines({ ...style, colour: true }, text, true);
    expect(lines[3]).toBe("\x1b[36m@@ -1 +1 @@\x1b[0m");
    expect(lines[4]).toBe("\x1b[31m-old\x1b[0m");
    expect(lines[5]).toBe("\x1b[32m+new^[[31m\x1b[0m");
    expect(lines.at(-1)).toContain("was cut here");
    expect(diffLines(style, "", false)).toEqual([]);
  });
});
