import { beforeEach, describe, expect, test } from "bun:test";
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
import { author, useWorktree } from "../../test/support/git-worktree.ts";

const files = {
  "a.txt": "one\n",
  "src/b.txt": "two\n",
  "src/deep/c.sh": "#!/bin/sh\n",
  ".gitignore": "cache/\n*.log\n",
};

const at = useWorktree({ files, name: "Größe & Co", worktree: "home ü/wt/work" });

const gitDir = () => join(at.root, ".git", "worktrees", "work");
const content = (name: string) => readFileSync(join(at.worktree, name), "utf8");
const status = () => at.fixture.git(at.worktree, "status", "--porcelain", "--ignored");

describe.each([
  { name: "from nothing", again: false },
  { name: "from what git left the time before", again: true },
])("checkoutClean $name", ({ again }) => {
  beforeEach(async () => {
    if (again) await at.repository.checkoutClean(at.worktree, at.head);
  });
  const exact = async (treeish = at.head) => {
    await at.repository.checkoutClean(at.worktree, treeish);
    expect(at.fixture.git(at.worktree, "status", "--porcelain", "--ignored", "--untracked-files=all")).toBe(
      "",
    );
    expect(
      at.fixture
        .git(at.worktree, "ls-files", "-v")
        .split("\n")
        .every((entry) => entry.startsWith("H ")),
    ).toBe(true);
    for (const [name, text] of Object.entries(files)) expect(content(name)).toBe(text);
  };

  test("removes changes, new files, ignored files and nested repositories", async () => {
    at.fixture.write(at.worktree, {
      "a.txt": "x",
      "n/m/new": "",
      "cache/deep/x": "",
      "src/y.log": "",
      "nest/f": "",
    });
    at.fixture.git(join(at.worktree, "nest"), "init", "--quiet");
    rmSync(join(at.worktree, "src", "deep"), { recursive: true });
    await exact();
    expect(readdirSync(at.worktree).sort()).toEqual([".git", ".gitignore", "a.txt", "src"]);
  });

  test("believes no bit of the index, and no old one", async () => {
    at.fixture.git(at.worktree, "update-index", "--assume-unchanged", "a.txt");
    at.fixture.git(at.worktree, "update-index", "--skip-worktree", "src/b.txt");
    at.fixture.write(at.worktree, { "a.txt": "evil", "src/b.txt": "evil", "staged.txt": "staged" });
    at.fixture.git(at.worktree, "add", "-f", "staged.txt");
    await exact();
    writeFileSync(join(gitDir(), "index"), "garbage");
    await exact();
  });

  test("is not misled by a restored time and size", async () => {
    const times = lstatSync(join(at.worktree, "a.txt"));
    at.fixture.write(at.worktree, { "a.txt": "eno\n" });
    const stamp = times.mtime.toISOString();
    spawnSync("touch", ["-d", stamp, join(at.worktree, "a.txt")]);
    await exact();
  });

  test("undoes what stands where files and directories belong", async () => {
    rmSync(join(at.worktree, "a.txt"));
    at.fixture.write(at.worktree, { "a.txt/inside": "x" });
    rmSync(join(at.worktree, "src"), { recursive: true });
    const outside = join(at.fixture.root, "outside");
    at.fixture.write(outside, { "b.txt": "outside", "deep/c.sh": "outside" });
    symlinkSync(outside, join(at.worktree, "src"));
    await exact();
    expect(readFileSync(join(outside, "b.txt"), "utf8")).toBe("outside");
    rmSync(join(at.worktree, "src", "b.txt"));
    symlinkSync(join(outside, "b.txt"), join(at.worktree, "src", "b.txt"));
    await exact();
    expect(lstatSync(join(at.worktree, "src", "b.txt")).isFile()).toBe(true);
    expect(readFileSync(join(outside, "b.txt"), "utf8")).toBe("outside");
  });

  test("removes sockets, FIFOs and names that are not UTF-8", async () => {
    spawnSync("mkfifo", [join(at.worktree, "src", "fifo")]);
    rmSync(join(at.worktree, "a.txt"));
    spawnSync("mkfifo", [join(at.worktree, "a.txt")]);
    const server = createServer().listen(join(at.worktree, "src", "s"));
    await new Promise((resolve) => server.once("listening", resolve));
    writeFileSync(Buffer.concat([Buffer.from(`${at.worktree}/src/`), Buffer.from([0xff, 0x0a])]), "x");
    mkdirSync(Buffer.concat([Buffer.from(`${at.worktree}/`), Buffer.from([0xfe])]));
    await exact();
    expect(readdirSync(join(at.worktree, "src")).sort()).toEqual(["b.txt", "deep"]);
    await new Promise((resolve) => server.close(resolve));
  });

  test("restores modes and links", async () => {
    symlinkSync("a.txt", join(at.worktree, "link"));
    at.fixture.write(at.worktree, { "run.sh": "#!/bin/sh\n" });
    spawnSync("chmod", ["+x", join(at.worktree, "run.sh")]);
    const options = { parent: at.head, ref: "refs/loopr/loops/1", message: "x", author };
    const { commit } = await at.repository.commitAll(at.worktree, options);
    spawnSync("chmod", ["-x", join(at.worktree, "run.sh")]);
    spawnSync("chmod", ["+x", join(at.worktree, "a.txt")]);
    rmSync(join(at.worktree, "link"));
    at.fixture.write(at.worktree, { link: "one\n" });
    await exact(commit);
    expect(lstatSync(join(at.worktree, "link")).isSymbolicLink()).toBe(true);
    expect(lstatSync(join(at.worktree, "run.sh")).mode & 0o100).toBe(0o100);
  });

  test("puts the checkout at a tree without a commit, and HEAD at a commit", async () => {
    const tree = await at.repository.treeOf(at.head);
    await exact(tree);
    const options = { parent: at.head, ref: "refs/loopr/loops/1", message: "x", author };
    at.fixture.write(at.worktree, { "n.txt": "n" });
    const { commit } = await at.repository.commitAll(at.worktree, options);
    await exact(at.head);
    expect(await at.repository.headOf(at.worktree)).toBe(at.head);
    await exact(commit);
    expect(await at.repository.headOf(at.worktree)).toBe(commit);
  });

  test("leaves a branch that something checked out there where it is", async () => {
    at.fixture.git(at.worktree, "checkout", "--quiet", "-b", "job");
    at.fixture.git(at.worktree, "commit", "--quiet", "--allow-empty", "-m", "job");
    const branch = at.fixture.git(at.root, "rev-parse", "job");
    await exact();
    await at.repository.resetWorktree(at.worktree, at.head);
    expect(at.fixture.git(at.root, "rev-parse", "job")).toBe(branch);
    expect(at.fixture.git(at.worktree, "rev-parse", "--abbrev-ref", "HEAD")).toBe("HEAD");
  });

  test("empties directories of submodules", async () => {
    const inner = at.fixture.repository("inner");
    at.fixture.git(at.root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "mod");
    at.fixture.git(at.root, "commit", "--quiet", "-m", "submodule");
    const commit = at.fixture.git(at.root, "rev-parse", "HEAD");
    await at.repository.checkoutClean(at.worktree, commit);
    at.fixture.write(at.worktree, { "mod/planted.txt": "x" });
    await at.repository.checkoutClean(at.worktree, commit);
    expect(existsSync(join(at.worktree, "mod", "planted.txt"))).toBe(false);
    expect(await at.repository.isDirty(at.worktree)).toBe(false);
  });

  test.skipIf(process.getuid?.() !== 0)(
    "gets through directories without permissions, as an ordinary user",
    () => {
      at.fixture.write(at.worktree, { "cache/locked/x": "x", "src/deep/new/y": "y" });
      for (const name of ["cache/locked", "src/deep/new", "src/deep", "src"])
        spawnSync("chmod", ["0555", join(at.worktree, name)]);
      spawnSync("chmod", ["0000", join(at.worktree, "cache/locked")]);
      spawnSync("chown", ["-R", "65534:65534", at.fixture.root]);
      const script = `
      import { createGit } from ${JSON.stringify(join(import.meta.dir, "git.ts"))};
      const { repository, head } = await createGit().open(${JSON.stringify(at.root)});
      await repository.checkoutClean(${JSON.stringify(at.worktree)}, head);
      console.log(await repository.isDirty(${JSON.stringify(at.worktree)}));
      await repository.removeWorktree(${JSON.stringify(at.worktree)});`;
      const options = {
        uid: 65534,
        gid: 65534,
        env: at.fixture.env,
        cwd: at.fixture.root,
        encoding: "utf8",
      } as const;
      const result = spawnSync(process.execPath, ["-e", script], options);
      expect([result.stderr, result.stdout]).toEqual(["", "false\n"]);
      expect(existsSync(at.worktree)).toBe(false);
    },
  );
});

describe("resetWorktree", () => {
  test("drops changes and new files, keeps ignored ones", async () => {
    at.fixture.write(at.worktree, { "a.txt": "x", "n/new": "", "cache/kept": "", "src/nest/f": "" });
    at.fixture.git(join(at.worktree, "src", "nest"), "init", "--quiet");
    at.fixture.git(at.worktree, "update-index", "--assume-unchanged", "a.txt");
    await at.repository.resetWorktree(at.worktree, at.head);
    expect(content("a.txt")).toBe("one\n");
    expect(readdirSync(at.worktree).sort()).toEqual([".git", ".gitignore", "a.txt", "cache", "src"]);
    expect(await at.repository.isDirty(at.worktree)).toBe(false);
  });

  test("goes through an interrupted merge", async () => {
    at.fixture.git(at.worktree, "checkout", "--quiet", "--detach");
    at.fixture.write(at.worktree, { "a.txt": "left\n" });
    at.fixture.git(at.worktree, "commit", "--quiet", "-am", "left");
    const left = at.fixture.git(at.worktree, "rev-parse", "HEAD");
    at.fixture.git(at.worktree, "reset", "--quiet", "--hard", at.head);
    at.fixture.write(at.worktree, { "a.txt": "right\n" });
    at.fixture.git(at.worktree, "commit", "--quiet", "-am", "right");
    spawnSync("git", ["merge", left], { cwd: at.worktree, env: at.fixture.env });
    expect(status()).toContain("UU a.txt");
    await at.repository.resetWorktree(at.worktree, at.head);
    expect(status()).toBe("");
  });

  test("waits for a lock that another git holds, and removes one that nobody does", async () => {
    const lock = join(gitDir(), "index.lock");
    writeFileSync(lock, "");
    const holder = spawn("sh", ["-c", 'sleep 0.3; rm "$0"', lock]);
    const ended = new Promise((resolve) => holder.once("exit", resolve));
    await at.repository.resetWorktree(at.worktree, at.head);
    await ended;
    writeFileSync(lock, "");
    await at.repository.resetWorktree(at.worktree, at.head);
    expect(existsSync(lock)).toBe(false);
  });
});

test("untrackedPaths: ignored and new, whole directories with a slash", async () => {
  at.fixture.write(at.worktree, { "cache/x/y": "", "src/deep/z.log": "", "new.txt": "" });
  expect((await at.repository.untrackedPaths(at.worktree)).sort()).toEqual([
    "cache/",
    "new.txt",
    "src/deep/z.log",
  ]);
});
