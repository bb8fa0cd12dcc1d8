import { afterEach, beforeEach, expect, test } from "bun:test";
import fc from "fast-check";
import { execFileSync } from "node:child_process";
import { rmSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { makeToolBench, type ToolBench } from "../../test/support/tools.ts";
import { walk } from "./walk.ts";

let bench: ToolBench;
beforeEach(() => {
  bench = makeToolBench();
});
afterEach(() => bench.remove());

async function walked(start = ""): Promise<string[]> {
  const paths = [];
  for await (const { path } of walk(bench.worktree, start, new AbortController().signal)) paths.push(path);
  return paths;
}

function git(...args: string[]): string {
  const env = { PATH: process.env["PATH"], HOME: bench.outside, GIT_CONFIG_NOSYSTEM: "1" };
  return execFileSync("git", args, { cwd: bench.worktree, env, encoding: "utf8" });
}

/** What git would add. */
function gitFiles(): string[] {
  return git("ls-files", "-z", "--others", "--exclude-standard").split("\0").filter(Boolean);
}

const names = ["a", "b", "build", "x.log", ".env", "ä b"];
const patterns = fc.constantFrom(
  "build",
  "build/",
  "/build",
  "*.log",
  "!x.log",
  "!build/",
  "a/b",
  "**/b",
  "a/**",
  "/a/*",
  "!/a/b",
  ".*",
  "!.env",
  "# comment",
  "",
  "ä*",
  "[ab]",
  "x.log ",
  "\\!x",
  "BUILD",
);
const path = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 });

test("lists what git would add, whatever the .gitignore files say", async () => {
  git("init", "-q");
  await fc.assert(
    fc.asyncProperty(
      fc.array(path, { minLength: 1, maxLength: 12 }),
      fc.array(fc.tuple(fc.array(fc.constantFrom("a", "b", "build"), { maxLength: 2 }), fc.array(patterns)), {
        maxLength: 3,
      }),
      async (files, ignoreFiles) => {
        for (const name of readdirSync(bench.worktree)) {
          if (name !== ".git") rmSync(join(bench.worktree, name), { recursive: true });
        }
        for (const parts of files) write(parts.join("/"), "x");
        for (const [directory, lines] of ignoreFiles)
          write([...directory, ".gitignore"].join("/"), lines.join("\n"));
        expect((await walked()).sort()).toEqual(gitFiles().sort());
      },
    ),
    { numRuns: 150 },
  );
}, 60_000);

/** A path whose parent is a file already is left out. */
function write(file: string, content: string): void {
  try {
    bench.write(file, content);
  } catch {
    // ENOTDIR, EISDIR: this combination is not one.
  }
}

test("ordered by name within each directory, hidden files included, .git and links' targets not", async () => {
  for (const file of ["b/x", "a.ts", "b.ts", "a/z", ".h", ".git/config", "B"]) bench.write(file, "");
  symlinkSync("/etc", join(bench.worktree, "etc"));
  expect(await walked()).toEqual([".h", "B", "a/z", "a.ts", "b/x", "b.ts", "etc"]);
});

test("an ignored directory is looked into when it is asked for, by its own rules", async () => {
  bench.write(".gitignore", "build/\n*.log\n");
  bench.write("build/a", "");
  bench.write("build/sub/b", "");
  bench.write("build/sub/.gitignore", "c\n");
  bench.write("build/sub/c", "");
  bench.write("src/x.log", "");
  bench.write("src/y", "");
  expect(await walked()).toEqual([".gitignore", "src/y"]);
  expect(await walked("build")).toEqual(["build/a", "build/sub/.gitignore", "build/sub/b"]);
  expect(await walked("build/sub")).toEqual(["build/sub/.gitignore", "build/sub/b"]);
  expect(await walked("src")).toEqual(["src/y"]);
});

test("a repository in the repository answers to its own rules", async () => {
  bench.write(".gitignore", "*.log\n");
  bench.write("vendor/lib/.git", "gitdir: elsewhere");
  bench.write("vendor/lib/a.log", "");
  bench.write("vendor/b.log", "");
  expect(await walked()).toEqual([".gitignore", "vendor/lib/a.log"]);
});

test("ends when it is told to", async () => {
  bench.write("a", "");
  const found = [];
  for await (const entry of walk(bench.worktree, "", AbortSignal.abort())) found.push(entry);
  expect(found.length).toBeLessThanOrEqual(1);
});
