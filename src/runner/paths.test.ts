import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { createServer } from "node:net";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { makeToolBench, type ToolBench } from "../../test/support/tools.ts";
import { locate } from "./paths.ts";

let bench: ToolBench;
beforeEach(() => {
  bench = makeToolBench();
  bench.write("src/a.txt", "inside");
  writeFileSync(join(bench.outside, "secret"), "SECRET");
});
afterEach(() => bench.remove());

/** Each is a way out of the worktree: none may be read, written, edited, listed or searched. */
const waysOut: Record<string, (bench: ToolBench) => string> = {
  "the parent": () => "..",
  "a file by the parent": () => "../outside/secret",
  "the parent further in": () => "src/../../outside/secret",
  "an absolute path": () => "/etc/passwd",
  "an absolute path beside": ({ outside }) => join(outside, "secret"),
  "an absolute path that starts like the worktree's": ({ worktree }) => `${worktree}-2/secret`,
  "an absolute path with a parent in it": ({ worktree }) => `${worktree}/../outside/secret`,
  "a link to a file": ({ worktree, outside }) => {
    symlinkSync(join(outside, "secret"), join(worktree, "link"));
    return "link";
  },
  "a relative link": ({ worktree }) => {
    symlinkSync("../outside/secret", join(worktree, "link"));
    return "link";
  },
  "a link to a directory": ({ worktree, outside }) => {
    symlinkSync(outside, join(worktree, "link"));
    return "link/secret";
  },
  "a link to a link": ({ worktree, outside }) => {
    symlinkSync(outside, join(worktree, "one"));
    symlinkSync("one/secret", join(worktree, "two"));
    return "two";
  },
  "a link, then back": ({ worktree, outside }) => {
    mkdirSync(join(outside, "deep"));
    symlinkSync(join(outside, "deep"), join(worktree, "link"));
    return "link/../secret";
  },
  "a link to the root": ({ worktree }) => {
    symlinkSync("/", join(worktree, "root"));
    return "root/etc/passwd";
  },
  "a link to something that is not there": ({ worktree, outside }) => {
    symlinkSync(join(outside, "new"), join(worktree, "link"));
    return "link";
  },
  "a link to itself": ({ worktree }) => {
    symlinkSync("loop", join(worktree, "loop"));
    return "loop";
  },
  "a NUL": () => "src/a.txt\0/../..",
};

describe.each(Object.keys(waysOut))("%s", (way) => {
  test("is refused by every tool, and nothing is touched", async () => {
    const path = waysOut[way]?.(bench) ?? "";
    const before = readdirSync(bench.outside);
    const calls = [
      ["read_file", { path }],
      ["write_file", { path, content: "x" }],
      ["edit_file", { path, old_string: "S", new_string: "x" }],
      ["list_directory", { path }],
      ["glob", { pattern: "*", path }],
      ["grep", { pattern: "SECRET", path }],
    ] as const;
    for (const [tool, input] of calls) {
      const message = await bench.refusal(tool, input);
      expect(`${tool}: ${message}`).not.toContain("NOT REFUSED");
      expect(message).toMatch(/leads out of the worktree|levels of symbolic links|NUL/);
      expect(message).not.toContain("SECRET");
    }
    expect(readdirSync(bench.outside)).toEqual(before);
    expect(readFileSync(join(bench.outside, "secret"), "utf8")).toBe("SECRET");
  });
});

test.each([
  ["src/a.txt", "src/a.txt"],
  ["./src//a.txt", "src/a.txt"],
  ["src/../src/a.txt", "src/a.txt"],
  ["src/", "src"],
  [".", "."],
  ["", "."],
  ["src/..", "."],
  ["new/deep/file", "new/deep/file"],
])("%j is %s", (asked, shown) => {
  expect(locate(bench.worktree, asked).shown).toBe(shown);
});

test("absolute paths and links inside of the worktree are fine", () => {
  symlinkSync(join(bench.worktree, "src"), join(bench.worktree, "absolute"));
  symlinkSync("src/a.txt", join(bench.worktree, "relative"));
  expect(locate(bench.worktree, `${bench.worktree}/src/a.txt`).shown).toBe("src/a.txt");
  expect(locate(bench.worktree, bench.worktree).shown).toBe(".");
  expect(locate(bench.worktree, "absolute/a.txt").shown).toBe("src/a.txt");
  expect(locate(bench.worktree, "relative").shown).toBe("src/a.txt");
});

test("a file is no directory, and what is not there has no parent", async () => {
  expect(await bench.refusal("read_file", { path: "src/a.txt/b" })).toContain("src/a.txt is not a directory");
  expect(await bench.refusal("read_file", { path: "none/../src/a.txt" })).toContain("no such directory");
  expect(await bench.refusal("read_file", { path: "none" })).toContain("does not exist");
  expect(await bench.refusal("read_file", { path: "x".repeat(300) })).toContain("ENAMETOOLONG");
});

test("FIFOs, sockets and devices are refused without waiting for them", async () => {
  execFileSync("mkfifo", [join(bench.worktree, "fifo"), join(bench.worktree, "src", ".gitignore")]);
  const server = createServer().listen(join(bench.worktree, "socket"));
  for (const [path, kind] of [
    ["fifo", "a FIFO"],
    ["socket", "a socket"],
  ]) {
    expect(await bench.refusal("read_file", { path })).toContain(`not a regular file, but ${kind}`);
    expect(await bench.refusal("write_file", { path, content: "x" })).toContain(`but ${kind}`);
    expect(await bench.refusal("edit_file", { path, old_string: "a", new_string: "b" })).toContain(
      `but ${kind}`,
    );
    expect(await bench.refusal("grep", { pattern: "x", path })).toContain(`but ${kind}`);
  }
  expect(await bench.call("grep", { pattern: "inside" })).toBe("src/a.txt:1:inside");
  expect(await bench.call("list_directory", { path: "." })).toContain("fifo (a FIFO)");
  server.close();
});

test.each([".git", ".git/config", ".GIT/config", "sub/.git/hooks/x", "git~1/x", "src/../.git"])(
  "%s is not written",
  async (path) => {
    bench.write(".git/config", "[core]");
    expect(await bench.refusal("write_file", { path, content: "x" })).toContain(".git belongs to Loopr");
    expect(await bench.refusal("edit_file", { path, old_string: "core", new_string: "x" })).toContain(
      ".git belongs",
    );
    expect(readFileSync(join(bench.worktree, ".git/config"), "utf8")).toBe("[core]");
    expect(existsSync(join(bench.worktree, "sub"))).toBe(false);
  },
);

test("by a link neither", async () => {
  bench.write(".git/config", "[core]");
  symlinkSync(".git", join(bench.worktree, "harmless"));
  expect(await bench.refusal("write_file", { path: "harmless/config", content: "x" })).toContain(
    ".git belongs",
  );
});

test("a worktree that was replaced by a link, or is gone, is nobody's", async () => {
  renameSync(bench.worktree, `${bench.worktree} moved`);
  expect(bench.call("read_file", { path: "src/a.txt" })).rejects.toThrow("is gone");
  symlinkSync(bench.outside, bench.worktree);
  for (const tool of ["read_file", "list_directory"] as const) {
    expect(bench.call(tool, { path: "secret" })).rejects.toThrow("replaced by a link");
  }
  expect(bench.call("write_file", { path: "x", content: "x" })).rejects.toThrow("replaced by a link");
  expect(readdirSync(bench.outside)).toEqual(["secret"]);
});
