import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeToolBench, type ToolBench } from "../../test/support/tools.ts";

let bench: ToolBench;
beforeEach(() => {
  bench = makeToolBench();
});
afterEach(() => bench.remove());
const contentOf = (path: string) => readFileSync(join(bench.worktree, path), "utf8");

describe("edit_file", () => {
  const edit = (old_string: string, new_string: string, more = {}) => ({
    path: "a",
    old_string,
    new_string,
    ...more,
  });

  test("replaces one passage; what is in the replacement has no meaning of its own", async () => {
    bench.write("a", "one\ntwo\nthree\n");
    await bench.call("read_file", { path: "a" });
    expect(await bench.call("edit_file", edit("two", "$& $1 \\n"))).toBe("Replaced 1 passage in a (line 2)");
    expect(contentOf("a")).toBe("one\n$& $1 \\n\nthree\n");
    await bench.call("edit_file", edit("one\n", ""));
    expect(contentOf("a")).toBe("$& $1 \\n\nthree\n");
  });

  test("needs a read in the same iteration of the same loop", async () => {
    bench.write("a", "one");
    expect(await bench.refusal("edit_file", edit("one", "two"))).toContain("Use read_file on it first");
    await bench.call("read_file", { path: "a" });
    bench.iteration(2);
    expect(await bench.refusal("edit_file", edit("one", "two"))).toContain("not been read in this iteration");
    await bench.call("read_file", { path: "./a" });
    bench.loop("other");
    expect(await bench.refusal("edit_file", edit("one", "two"))).toContain("not been read in this iteration");
    bench.loop("l");
    expect(await bench.call("edit_file", edit("one", "two"))).toContain("Replaced");
    expect(await bench.call("edit_file", edit("two", "three"))).toContain("Replaced");
    await bench.call("write_file", { path: "new", content: "x" });
    expect(await bench.call("edit_file", { ...edit("x", "y"), path: "new" })).toContain("Replaced");
  });

  test("refuses a file that has changed since", async () => {
    bench.write("a", "one");
    await bench.call("read_file", { path: "a" });
    writeFileSync(join(bench.worktree, "a"), "one and more");
    expect(await bench.refusal("edit_file", edit("one", "two"))).toContain("has changed since it was read");
    expect(contentOf("a")).toBe("one and more");
  });

  test("an ambiguous passage is refused with its lines, or replaced everywhere", async () => {
    bench.write("a", "x = 1\ny = 1\nx = 1\n");
    await bench.call("read_file", { path: "a" });
    const message = await bench.refusal("edit_file", edit("x = 1", "x = 2"));
    expect(message).toContain("occurs 2 times (lines 1, 3)");
    expect(message).toContain("replace_all");
    await bench.call("edit_file", edit("x = 1", "x = 2", { replace_all: true }));
    expect(contentOf("a")).toBe("x = 2\ny = 1\nx = 2\n");
  });

  test.each([
    ["     2\ttwo words", "line numbers"],
    ["two  words", "Line 2 differs from it only in white space"],
    ["\ttwo words\n three", "Line 2 differs from it only in white space"],
    ["two words\nfour", "first line is at line 2"],
    ["nothing like it", "Use read_file again"],
  ])("a passage that does not occur (%j): says what to do", async (old, advice) => {
    bench.write("a", "one\ntwo words\nthree\n");
    await bench.call("read_file", { path: "a" });
    const message = await bench.refusal("edit_file", edit(old, "x"));
    expect(message).toContain("a: old_string does not occur");
    expect(message).toContain(advice);
  });

  test("CRLF stays CRLF, a byte order mark stays, the mode stays", async () => {
    bench.write("a", "\ufeffone\r\ntwo\r\nthree\r\n");
    chmodSync(join(bench.worktree, "a"), 0o755);
    await bench.call("read_file", { path: "a" });
    await bench.call("edit_file", edit("one\ntwo", "1\n2"));
    expect(contentOf("a")).toBe("\ufeff1\r\n2\r\nthree\r\n");
    expect(statSync(join(bench.worktree, "a")).mode & 0o777).toBe(0o755);
  });

  test("no edit that would damage a file, and none that changes nothing", async () => {
    bench.write("a", Buffer.from("gr\xfcn one", "latin1"));
    await bench.call("read_file", { path: "a" });
    expect(await bench.refusal("edit_file", edit("one", "two"))).toContain("not valid UTF-8");
    expect(await bench.refusal("edit_file", edit("one", "one"))).toContain("the same");
    expect(await bench.refusal("edit_file", edit("", "x"))).toContain("old_string");
  });
});
