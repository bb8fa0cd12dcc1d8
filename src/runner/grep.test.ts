// grep on real files, each call by our own search and by ripgrep.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { same } from "../../test/support/grep.ts";
import { makeToolBench, type ToolBench } from "../../test/support/tools.ts";

let bench: ToolBench;
beforeEach(() => {
  bench = makeToolBench();
});
afterEach(() => bench.remove());

const found = async (input: object): Promise<string> => {
  const answer = await same(bench, input);
  if ("failed" in answer) throw new Error(answer.failed);
  return answer.text;
};

describe("files", () => {
  test("ignored, hidden, binary, linked, empty, without a final line break", async () => {
    bench.write(".gitignore", "*.log\nnode_modules/\n");
    bench.write("a.log", "needle");
    bench.write("node_modules/m/index.js", "needle");
    bench.write(".github/w.yml", "needle");
    bench.write(".git/config", "needle");
    bench.write("binary", "needle\nmore\0");
    bench.write("late-binary", `needle\n${"x".repeat(200_000)}\n\0`);
    bench.write("empty", "");
    bench.write("plain", "one\nneedle");
    writeFileSync(join(bench.outside, "x"), "needle");
    symlinkSync(join(bench.outside, "x"), join(bench.worktree, "link"));
    symlinkSync("plain", join(bench.worktree, "inner"));
    expect(await found({ pattern: "needle" })).toBe(".github/w.yml:1:needle\nplain:2:needle");
    expect(await found({ pattern: "needle", path: "node_modules" })).toBe("node_modules/m/index.js:1:needle");
    expect(await found({ pattern: "needle", path: "a.log" })).toBe("a.log:1:needle");
    expect(await found({ pattern: "needle", path: "binary" })).toContain("No match");
    expect(await found({ pattern: "needle", path: "inner" })).toBe("plain:2:needle");
  });

  test("hostile names", async () => {
    const names = ["-e", "--pre=sh", "new\nline", "sp ace", "ümläut", "a:1:b", "$(x)", 'quo"te', "-"];
    for (const name of names) bench.write(name, "needle\n");
    const text = await found({ pattern: "needle" });
    expect(text.split("\n")).toHaveLength(names.length);
    expect(text).toContain('"new\\nline":1:needle');
    for (const name of names) expect(await found({ pattern: "needle", path: name })).toContain(":1:needle");
    expect(await found({ pattern: "--files" })).toContain("No match");
  });

  test("encodings: UTF-8 with a mark, UTF-16, stray bytes, CRLF", async () => {
    bench.write("bom", "\ufeffneedle\n");
    bench.write("le", Buffer.from("\ufeffneedle ü\r\nx\n", "utf16le"));
    bench.write("be", Buffer.from("\ufeffneedle\n", "utf16le").swap16());
    bench.write("latin1", Buffer.from("n\xfc needle\n\xff\xfe\n", "latin1"));
    bench.write("crlf", "needle\r\nx\r\n");
    expect(await found({ pattern: "^needle" })).toContain("bom:1:needle");
    await found({ pattern: "n.edle" });
    await found({ pattern: "n. needle" });
    await found({ pattern: "[^x]" });
    await found({ pattern: "^.*$" });
    await found({ pattern: "needle$" });
    await found({ pattern: "needle\\s*$" });
  });

  test("globs: by name anywhere, by path from where the search starts or from the worktree", async () => {
    for (const path of ["a.ts", "src/b.ts", "src/deep/c.ts", "src/d.js"]) bench.write(path, "needle\n");
    const files = async (input: object) =>
      (await found({ pattern: "needle", ...input })).split("\n").map((line) => line.split(":")[0]);
    expect(await files({ glob: "*.ts" })).toEqual(["a.ts", "src/b.ts", "src/deep/c.ts"]);
    expect(await files({ glob: "src/*.ts" })).toEqual(["src/b.ts"]);
    expect(await files({ glob: "src/*.ts", path: "src" })).toEqual(["src/b.ts"]);
    expect(await files({ glob: "deep/*", path: "src" })).toEqual(["src/deep/c.ts"]);
    expect(await files({ glob: "!*.ts" })).toEqual(["src/d.js"]);
    expect(await files({ glob: "*.{js,py}" })).toEqual(["src/d.js"]);
    expect(await bench.refusal("grep", { pattern: "x", glob: "../*" })).toContain("leads out");
  });
});

describe("what is shown", () => {
  test("context, joined where it touches, parted where it does not", async () => {
    bench.write(
      "a",
      Array.from({ length: 30 }, (_, n) => (n % 10 === 3 ? "needle" : `line ${n + 1}`)).join("\n"),
    );
    bench.write("b", "x\nneedle\nneedle\ny\n");
    expect(await found({ pattern: "needle", path: "b", context: 1 })).toBe(
      "b-1-x\nb:2:needle\nb:3:needle\nb-4-y",
    );
    const text = await found({ pattern: "needle", context: 1 });
    expect(text.split("\n").filter((line) => line === "--")).toHaveLength(3);
    for (const context of [0, 2, 4, 5, 20]) await found({ pattern: "needle", context });
  });

  test("long lines are cut, many matches too, and it is said", async () => {
    bench.write("long", `needle ${"😀".repeat(2000)}\n`);
    const long = await found({ pattern: "needle" });
    expect(long.length).toBeLessThan(600);
    expect(long).toEndWith("[… the line goes on]");
    expect(long.isWellFormed()).toBe(true);
    bench.write("many", "needle\n".repeat(20_000));
    bench.write("zzz", "needle\n");
    const many = await found({ pattern: "needle" });
    expect(Buffer.byteLength(many)).toBeLessThanOrEqual(64 * 1024);
    expect(many).toEndWith("[… there is more: use a narrower pattern, a path or a glob]");
  });

  test("more files than fit on one command line", async () => {
    for (let n = 0; n < 4000; n++)
      bench.write(`${"deep directory name/".repeat(8)}file-${n}`, n % 500 ? "x" : "needle");
    expect((await found({ pattern: "needle" })).split("\n")).toHaveLength(8);
  }, 30_000);

  test("nothing found says how much was searched", async () => {
    bench.write("a", "x");
    expect(await found({ pattern: "needle" })).toBe("No match in 1 files");
    expect(await same(bench, { pattern: "(", path: "." })).toHaveProperty("failed");
    expect(await same(bench, { pattern: "(", glob: "*.none" })).toHaveProperty("failed");
  });
});
