// read_file, write_file, list_directory and glob, as a model calls them.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { makeToolBench, type ToolBench } from "../../test/support/tools.ts";

let bench: ToolBench;
beforeEach(() => {
  bench = makeToolBench();
});
afterEach(() => bench.remove());
const contentOf = (path: string) => readFileSync(join(bench.worktree, path), "utf8");

describe("read_file", () => {
  test("numbers lines; a final line break is no line; CR is not shown but said", async () => {
    bench.write("a", "one\ntwo\n");
    expect(await bench.call("read_file", { path: "a" })).toBe("     1\tone\n     2\ttwo");
    bench.write("b", "one\n\ntwo");
    expect(await bench.call("read_file", { path: "b" })).toBe("     1\tone\n     2\t\n     3\ttwo");
    bench.write("c", "one\r\ntwo\r\n");
    expect(await bench.call("read_file", { path: "c" })).toBe(
      "     1\tone\n     2\ttwo\n[lines end with CRLF]",
    );
    bench.write("d", "");
    expect(await bench.call("read_file", { path: "d" })).toBe("(d is empty)");
  });

  test("pages by offset and limit, says what follows, and refuses a page after the end", async () => {
    bench.write("a", Array.from({ length: 5000 }, (_, n) => `line ${n + 1}\n`).join(""));
    const first = await bench.call("read_file", { path: "a" });
    expect(first).toContain("  2000\tline 2000\n[lines 1–2000 of 5000; the next page: offset 2001]");
    const page = await bench.call("read_file", { path: "a", offset: 4999, limit: 10 });
    expect(page).toBe("  4999\tline 4999\n  5000\tline 5000");
    expect(await bench.refusal("read_file", { path: "a", offset: 5001 })).toContain("has 5000 lines");
    for (const wrong of [{ offset: 0 }, { limit: 0 }, { offset: 1.5 }, { ofset: 1 }]) {
      expect(await bench.refusal("read_file", { path: "a", ...wrong })).toContain("parameters of read_file");
    }
  });

  test("a page fits into the output limit, and paging gets to the end", async () => {
    bench.write("a", Array.from({ length: 300 }, (_, n) => `${n + 1} ${"x".repeat(n % 50)}\n`).join(""));
    const seen: string[] = [];
    for (let offset = 1; offset <= 300;) {
      const page = await bench.call("read_file", { path: "a", offset }, { bytesMax: 1500 });
      expect(Buffer.byteLength(page)).toBeLessThanOrEqual(1500);
      const lines = page.split("\n").filter((line) => line.includes("\t"));
      seen.push(...lines.map((line) => line.split("\t")[1]?.split(" ")[0] ?? ""));
      offset += lines.length;
    }
    expect(seen).toEqual(Array.from({ length: 300 }, (_, n) => String(n + 1)));
  });

  test("a very long line is shown cut, lines over the borders of what is read at once are whole", async () => {
    bench.write("a", `${"ä".repeat(300_000)}\n${"short\n".repeat(100_000)}end`);
    const text = await bench.call("read_file", { path: "a", limit: 2 });
    expect(text).toMatch(/^ {5}1\tä+ \[… the line goes on: 600000 bytes in all\]\n {5}2\tshort\n/);
    expect(text).not.toContain("\ufffd");
    expect(await bench.call("read_file", { path: "a", offset: 100_002 })).toBe("100002\tend");
  });

  test("binaries, UTF-16 and directories are refused; stray bytes are shown and said", async () => {
    bench.write("bin", Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1]));
    bench.write("utf16", Buffer.from("\ufeffhello", "utf16le"));
    bench.write("latin1", Buffer.from("gr\xfcn\n", "latin1"));
    expect(await bench.refusal("read_file", { path: "bin" })).toContain("binary file (6 bytes)");
    expect(await bench.refusal("read_file", { path: "utf16" })).toContain("UTF-16");
    expect(await bench.refusal("read_file", { path: "." })).toContain("is a directory. Use list_directory");
    expect(await bench.call("read_file", { path: "latin1" })).toContain("gr\ufffdn\n[not valid UTF-8");
  });
});

describe("write_file", () => {
  test("makes directories, replaces, keeps the mode, leaves nothing beside", async () => {
    expect(await bench.call("write_file", { path: "a/b/c.txt", content: "one\n" })).toBe(
      "Wrote a/b/c.txt (1 lines)",
    );
    chmodSync(join(bench.worktree, "a/b/c.txt"), 0o751);
    expect(await bench.call("write_file", { path: "a/b/c.txt", content: "two" })).toContain(
      "Replaced a/b/c.txt",
    );
    expect(contentOf("a/b/c.txt")).toBe("two");
    expect(statSync(join(bench.worktree, "a/b/c.txt")).mode & 0o777).toBe(0o751);
    expect(readdirSync(join(bench.worktree, "a/b"))).toEqual(["c.txt"]);
  });

  test("is atomic: who has the old file open keeps it whole", async () => {
    bench.write("a", "old");
    const before = statSync(join(bench.worktree, "a")).ino;
    await bench.call("write_file", { path: "a", content: "new" });
    expect(statSync(join(bench.worktree, "a")).ino).not.toBe(before);
  });

  test("a link inside of the worktree stays a link, its target is written", async () => {
    bench.write("target", "old");
    symlinkSync("target", join(bench.worktree, "link"));
    await bench.call("write_file", { path: "link", content: "new" });
    expect(lstatSync(join(bench.worktree, "link")).isSymbolicLink()).toBe(true);
    expect(contentOf("target")).toBe("new");
  });

  test("a directory, a file as a directory, a name too long: refused with the reason", async () => {
    mkdirSync(join(bench.worktree, "dir"));
    bench.write("file", "x");
    expect(await bench.refusal("write_file", { path: "dir", content: "x" })).toContain("is a directory");
    expect(await bench.refusal("write_file", { path: "file/x", content: "x" })).toContain(
      "file is not a directory",
    );
    expect(await bench.refusal("write_file", { path: ".", content: "x" })).toContain("is a directory");
    expect(await bench.refusal("write_file", { path: `new/${"x".repeat(300)}`, content: "x" })).toContain(
      "ENAMETOOLONG",
    );
    expect(readdirSync(bench.worktree).sort()).toEqual(["dir", "file", "new"]);
    expect(readdirSync(join(bench.worktree, "new"))).toEqual([]);
  });

  test("hostile names are names", async () => {
    for (const path of ["new\nline", "-rf", "--help", "ümläut ñ", " lead", "$(touch x)", "a;b", "*"]) {
      await bench.call("write_file", { path, content: path });
      expect(contentOf(path)).toBe(path);
      expect(await bench.call("read_file", { path })).toContain(path.split("\n")[0] ?? "");
    }
    const listed = await bench.call("list_directory", { path: "." });
    expect(listed.split("\n")).toContain('"new\\nline"');
    expect(listed.split("\n")).toHaveLength(8);
  });
});

describe("list_directory", () => {
  test("names in order, with what they are", async () => {
    bench.write("b/x", "");
    bench.write(".hidden", "");
    bench.write("a", "");
    symlinkSync("/etc/passwd", join(bench.worktree, "link"));
    expect(await bench.call("list_directory", { path: "." })).toBe(".hidden\na\nb/\nlink -> /etc/passwd");
    mkdirSync(join(bench.worktree, "empty"));
    expect(await bench.call("list_directory", { path: "empty" })).toBe("(empty is empty)");
    expect(await bench.refusal("list_directory", { path: "a" })).toContain("not a directory. Use read_file");
    expect(await bench.refusal("list_directory", { path: "none" })).toContain("does not exist");
  });

  test("a name that is not valid UTF-8 is shown, and said to be one", async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${bench.worktree}/bad`), Buffer.from([0xff])]), "needle");
    bench.write("good", "needle");
    expect(await bench.call("list_directory", { path: "." })).toContain(
      "bad\ufffd (its name is not valid UTF-8",
    );
    expect(await bench.call("glob", { pattern: "*" })).toBe("good");
    expect(await bench.call("grep", { pattern: "needle" })).toBe("good:1:needle");
  });

  test("a directory with too many names is cut, and says so", async () => {
    for (let n = 0; n < 200; n++) bench.write(`file-${n}`, "");
    const listed = await bench.call("list_directory", { path: "." }, { bytesMax: 1000 });
    expect(Buffer.byteLength(listed)).toBeLessThanOrEqual(1000);
    expect(listed).toMatch(/\[… and \d+ more: use glob\]$/);
  });
});

describe("glob", () => {
  beforeEach(() => {
    for (const path of [
      "a.ts",
      "src/b.ts",
      "src/deep/c.ts",
      "src/d.js",
      ".github/w.yml",
      "build/out.ts",
      "[x].ts",
    ]) {
      bench.write(path, "");
    }
    bench.write(".gitignore", "build/\n");
    bench.write(".git/config", "");
  });

  test.each([
    ["**/*.ts", "[x].ts\na.ts\nsrc/b.ts\nsrc/deep/c.ts"],
    ["src/*", "src/b.ts\nsrc/d.js"],
    ["src/**/*.{ts,js}", "src/b.ts\nsrc/d.js\nsrc/deep/c.ts"],
    ["./src/*.ts", "src/b.ts"],
    [".github/**", ".github/w.yml"],
    ["\\[x\\].ts", "[x].ts"],
    ["?.ts", "a.ts"],
  ])("%s", async (pattern, expected) => {
    expect(await bench.call("glob", { pattern })).toBe(expected);
    expect(await bench.call("glob", { pattern: `${bench.worktree}/${pattern.replace("./", "")}` })).toBe(
      expected,
    );
  });

  test("from a directory; an ignored one only when it is asked for", async () => {
    expect(await bench.call("glob", { pattern: "**/*.ts", path: "src" })).toBe("src/b.ts\nsrc/deep/c.ts");
    expect(await bench.call("glob", { pattern: "build/*" })).toContain("No file matches");
    expect(await bench.call("glob", { pattern: "*", path: "build" })).toBe("build/out.ts");
    expect(await bench.call("glob", { pattern: ".git/*" })).toContain("No file matches");
  });

  test("nothing found says how to look further; a bad pattern is refused", async () => {
    expect(await bench.call("glob", { pattern: "c.ts" })).toContain("**/c.ts looks below it too");
    for (const pattern of ["../*", "/etc/*", "src/../../*"]) {
      expect(await bench.refusal("glob", { pattern })).toContain("leads out");
    }
    expect(await bench.refusal("glob", { pattern: "[" })).toContain("bracket");
    expect(await bench.refusal("glob", { pattern: "x".repeat(2000) })).toContain("2000 characters");
  });

  test("links are listed and not followed", async () => {
    symlinkSync(bench.outside, join(bench.worktree, "src/out"));
    writeFileSync(join(bench.outside, "e.ts"), "");
    expect(await bench.call("glob", { pattern: "src/**" })).not.toContain("e.ts");
    expect(await bench.call("glob", { pattern: "src/o*" })).toBe("src/out");
  });
});
