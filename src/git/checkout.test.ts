import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { gitFixture, type GitFixture } from "../../test/support/git-fixture.ts";
import type { Repository } from "../engine/ports.ts";
import { createGit } from "./git.ts";

const author = "Ada Person <ada@example.com>";
const files = {
  "a.txt": "one\n",
  "src/b.txt": "two\n",
  "src/deep/c.sh": "#!/bin/sh\n",
  ".gitignore": "cache/\n*.log\n",
};

let fixture: GitFixture;
let root: string;
let worktree: string;
let repository: Repository;
let head: string;
beforeEach(async () => {
  fixture = gitFixture();
  root = fixture.repository("Größe & Co", files);
  worktree = join(fixture.root, "home ü", "wt", "work");
  ({ repository, head } = await createGit(fixture.env).open(root));
  await repository.ensureWorktree(worktree, head);
});
afterEach(() => fixture.remove());

const gitDir = () => join(root, ".git", "worktrees", "work");
const content = (name: string) => readFileSync(join(worktree, name), "utf8");
const status = () => fixture.git(worktree, "status", "--porcelain", "--ignored");

describe("checkoutClean", () => {
  const exact = async (treeish = head) => {
    await repository.checkoutClean(worktree, treeish);
    expect(fixture.git(worktree, "status", "--porcelain", "--ignored", "--untracked-files=all")).toBe("");
    expect(
      fixture
        .git(worktree, "ls-files", "-v")
        .split("\n")
        .every((entry) => entry.startsWith("H ")),
    ).toBe(true);
    for (const [name, text] of Object.entries(files)) expect(content(name)).toBe(text);
  };

  test("removes changes, new files, ignored files and nested repositories", async () => {
    fixture.write(worktree, {
      "a.txt": "x",
      "n/m/new": "",
      "cache/deep/x": "",
      "src/y.log": "",
      "nest/f": "",
    });
    fixture.git(join(worktree, "nest"), "init", "--quiet");
    rmSync(join(worktree, "src", "deep"), { recursive: true });
    await exact();
    expect(readdirSync(worktree).sort()).toEqual([".git", ".gitignore", "a.txt", "src"]);
  });

  test("believes no bit of the index, and no old one", async () => {
    fixture.git(worktree, "update-index", "--assume-unchanged", "a.txt");
    fixture.git(worktree, "update-index", "--skip-worktree", "src/b.txt");
    fixture.write(worktree, { "a.txt": "evil", "src/b.txt": "evil", "staged.txt": "staged" });
    fixture.git(worktree, "add", "-f", "staged.txt");
    await exact();
    writeFileSync(join(gitDir(), "index"), "garbage");
    await exact();
  });

  test("is not misled by a restored time and size", async () => {
    const times = lstatSync(join(worktree, "a.txt"));
    fixture.write(worktree, { "a.txt": "eno\n" });
    const stamp = times.mtime.toISOString();
    spawnSync("touch", ["-d", stamp, join(worktree, "a.txt")]);
    await exact();
  });

  test("undoes what stands where files and directories belong", async () => {
    rmSync(join(worktree, "a.txt"));
    fixture.write(worktree, { "a.txt/inside": "x" });
    rmSync(join(worktree, "src"), { recursive: true });
    const outside = join(fixture.root, "outside");
    fixture.write(outside, { "b.txt": "outside", "deep/c.sh": "outside" });
    symlinkSync(outside, join(worktree, "src"));
    await exact();
    expect(readFileSync(join(outside, "b.txt"), "utf8")).toBe("outside");
    rmSync(join(worktree, "src", "b.txt"));
    symlinkSync(join(outside, "b.txt"), join(worktree, "src", "b.txt"));
    await exact();
    expect(lstatSync(join(worktree, "src", "b.txt")).isFile()).toBe(true);
    expect(readFileSync(join(outside, "b.txt"), "utf8")).toBe("outside");
  });

  test("removes sockets, FIFOs and names that are not UTF-8", async () => {
    spawnSync("mkfifo", [join(worktree, "src", "fifo")]);
    rmSync(join(worktree, "a.txt"));
    spawnSync("mkfifo", [join(worktree, "a.txt")]);
    const server = createServer().listen(join(worktree, "src", "s"));
    await new Promise((resolve) => server.once("listening", resolve));
    writeFileSync(Buffer.concat([Buffer.from(`${worktree}/src/`), Buffer.from([0xff, 0x0a])]), "x");
    mkdirSync(Buffer.concat([Buffer.from(`${worktree}/`), Buffer.from([0xfe])]));
    await exact();
    expect(readdirSync(join(worktree, "src")).sort()).toEqual(["b.txt", "deep"]);
    await new Promise((resolve) => server.close(resolve));
  });

  test("restores modes and links", async () => {
    symlinkSync("a.txt", join(worktree, "link"));
    fixture.write(worktree, { "run.sh": "#!/bin/sh\n" });
    spawnSync("chmod", ["+x", join(worktree, "run.sh")]);
    const options = { parent: head, ref: "refs/loopr/loops/1", message: "x", author };
    const { commit } = await repository.commitAll(worktree, options);
    spawnSync("chmod", ["-x", join(worktree, "run.sh")]);
    spawnSync("chmod", ["+x", join(worktree, "a.txt")]);
    rmSync(join(worktree, "link"));
    fixture.write(worktree, { link: "one\n" });
    await exact(commit);
    expect(lstatSync(join(worktree, "link")).isSymbolicLink()).toBe(true);
    expect(lstatSync(join(worktree, "run.sh")).mode & 0o100).toBe(0o100);
  });

  test("puts the checkout at a tree without a commit, and HEAD at a commit", async () => {
    const tree = await repository.treeOf(head);
    await exact(tree);
    const options = { parent: head, ref: "refs/loopr/loops/1", message: "x", author };
    fixture.write(worktree, { "n.txt": "n" });
    const { commit } = await repository.commitAll(worktree, options);
    await exact(head);
    expect(await repository.headOf(worktree)).toBe(head);
    await exact(commit);
    expect(await repository.headOf(worktree)).toBe(commit);
  });

  test("leaves a branch that something checked out there where it is", async () => {
    fixture.git(worktree, "checkout", "--quiet", "-b", "job");
    fixture.git(worktree, "commit", "--quiet", "--allow-empty", "-m", "job");
    const branch = fixture.git(root, "rev-parse", "job");
    await exact();
    await repository.resetWorktree(worktree, head);
    expect(fixture.git(root, "rev-parse", "job")).toBe(branch);
    expect(fixture.git(worktree, "rev-parse", "--abbrev-ref", "HEAD")).toBe("HEAD");
  });

  test("empties directories of submodules", async () => {
    const inner = fixture.repository("inner");
    fixture.git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "mod");
    fixture.git(root, "commit", "--quiet", "-m", "submodule");
    const commit = fixture.git(root, "rev-parse", "HEAD");
    await repository.checkoutClean(worktree, commit);
    fixture.write(worktree, { "mod/planted.txt": "x" });
    await repository.checkoutClean(worktree, commit);
    expect(existsSync(join(worktree, "mod", "planted.txt"))).toBe(false);
    expect(await repository.isDirty(worktree)).toBe(false);
  });

  test.skipIf(process.getuid?.() !== 0)(
    "gets through directories without permissions, as an ordinary user",
    () => {
      fixture.write(worktree, { "cache/locked/x": "x", "src/deep/new/y": "y" });
      for (const name of ["cache/locked", "src/deep/new", "src/deep", "src"])
        spawnSync("chmod", ["0555", join(worktree, name)]);
      spawnSync("chmod", ["0000", join(worktree, "cache/locked")]);
      spawnSync("chown", ["-R", "65534:65534", fixture.root]);
      const script = `
      import { createGit } from ${JSON.stringify(join(import.meta.dir, "git.ts"))};
      const { repository, head } = await createGit().open(${JSON.stringify(root)});
      await repository.checkoutClean(${JSON.stringify(worktree)}, head);
      console.log(await repository.isDirty(${JSON.stringify(worktree)}));
      await repository.removeWorktree(${JSON.stringify(worktree)});`;
      const options = {
        uid: 65534,
        gid: 65534,
        env: fixture.env,
        cwd: fixture.root,
        encoding: "utf8",
      } as const;
      const result = spawnSync(process.execPath, ["-e", script], options);
      expect([result.stderr, result.stdout]).toEqual(["", "false\n"]);
      expect(existsSync(worktree)).toBe(false);
    },
  );
});

describe("resetWorktree", () => {
  test("drops changes and new files, keeps ignored ones", async () => {
    fixture.write(worktree, { "a.txt": "x", "n/new": "", "cache/kept": "", "src/nest/f": "" });
    fixture.git(join(worktree, "src", "nest"), "init", "--quiet");
    fixture.git(worktree, "update-index", "--assume-unchanged", "a.txt");
    await repository.resetWorktree(worktree, head);
    expect(content("a.txt")).toBe("one\n");
    expect(readdirSync(worktree).sort()).toEqual([".git", ".gitignore", "a.txt", "cache", "src"]);
    expect(await repository.isDirty(worktree)).toBe(false);
  });

  test("goes through an interrupted merge", async () => {
    fixture.git(worktree, "checkout", "--quiet", "--detach");
    fixture.write(worktree, { "a.txt": "left\n" });
    fixture.git(worktree, "commit", "--quiet", "-am", "left");
    const left = fixture.git(worktree, "rev-parse", "HEAD");
    fixture.git(worktree, "reset", "--quiet", "--hard", head);
    fixture.write(worktree, { "a.txt": "right\n" });
    fixture.git(worktree, "commit", "--quiet", "-am", "right");
    spawnSync("git", ["merge", left], { cwd: worktree, env: fixture.env });
    expect(status()).toContain("UU a.txt");
    await repository.resetWorktree(worktree, head);
    expect(status()).toBe("");
  });

  test("waits for a lock that another git holds, and removes one that nobody does", async () => {
    const lock = join(gitDir(), "index.lock");
    writeFileSync(lock, "");
    const holder = spawn("sh", ["-c", 'sleep 0.3; rm "$0"', lock]);
    const ended = new Promise((resolve) => holder.once("exit", resolve));
    await repository.resetWorktree(worktree, head);
    await ended;
    writeFileSync(lock, "");
    await repository.resetWorktree(worktree, head);
    expect(existsSync(lock)).toBe(false);
  });
});

test("untrackedPaths: ignored and new, whole directories with a slash", async () => {
  fixture.write(worktree, { "cache/x/y": "", "src/deep/z.log": "", "new.txt": "" });
  expect((await repository.untrackedPaths(worktree)).sort()).toEqual(["cache/", "new.txt", "src/deep/z.log"]);
});
