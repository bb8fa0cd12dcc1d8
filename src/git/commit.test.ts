import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gitFixture, type GitFixture } from "../../test/support/git-fixture.ts";
import type { Repository } from "../engine/ports.ts";
import { createGit } from "./git.ts";

/** `expect.stringContaining` without its `any`. */
const containing = (text: string): unknown => expect.stringContaining(text);

const author = "Ada Person <ada@example.com>";
const ref = "refs/loopr/loops/1-abc";

let fixture: GitFixture;
let root: string;
let worktree: string;
let repository: Repository;
let head: string;
beforeEach(async () => {
  fixture = gitFixture();
  root = fixture.repository("repo", {
    "a.txt": "one\n",
    "src/b.txt": "two\n",
    ".gitignore": "*.log\n",
    "Case.txt": "c\n",
  });
  worktree = join(fixture.root, "wt", "work");
  ({ repository, head } = await createGit(fixture.env).open(root));
  await repository.ensureWorktree(worktree, head);
});
afterEach(() => fixture.remove());

const commit = (parent = head, message = "loopr: x") =>
  repository.commitAll(worktree, { parent, ref, message, author });
const refusal = async (promise: Promise<unknown>) =>
  promise.then(
    () => "not refused",
    (error: unknown) => error,
  );
const refused = (text: string) => ({ code: "work_refused", message: containing(text) });
const paths = async (to: string) =>
  (await repository.changes(head, to)).map(({ status, path }) => `${status} ${path}`);

describe("commitAll", () => {
  test("everything but what is ignored: deletions, modes, links, renames by case, odd names", async () => {
    rmSync(join(worktree, "src", "b.txt"));
    chmodSync(join(worktree, "a.txt"), 0o755);
    symlinkSync("dir/../a.txt", join(worktree, "link"));
    renameSync(join(worktree, "Case.txt"), join(worktree, "case.txt"));
    fixture.write(worktree, {
      "x.log": "ignored",
      "-dash": "d",
      ":(top)magic": "m",
      'ü\n"q"\'*': "q",
      "dir/sub/f": "f",
    });
    const bytes = Buffer.concat([Buffer.from(`${worktree}/`), Buffer.from([0xff, 0xfe])]);
    writeFileSync(bytes, "bytes");
    const made = await commit();
    expect(await paths(made.commit)).toEqual([
      "added -dash",
      "added :(top)magic",
      "deleted Case.txt",
      "modified a.txt",
      "added case.txt",
      "added dir/sub/f",
      "added link",
      "deleted src/b.txt",
      'added ü\n"q"\'*',
      "added \udcff\udcfe",
    ]);
    expect(made.changed).toBe(true);
    expect(made.tree).toBe(fixture.git(root, "rev-parse", `${ref}^{tree}`));
    expect(await repository.read(made.commit, "\udcff\udcfe")).toBe("bytes");
    expect(await repository.read(made.commit, "link")).toBe("dir/../a.txt");
    expect(fixture.git(root, "ls-tree", made.commit, "a.txt")).toStartWith("100755");
    expect(await repository.isDirty(worktree)).toBe(false);
  });

  test("author and committer are as given, whatever is configured; hooks and signing have no say", async () => {
    fixture.git(root, "config", "--global", "--unset-all", "user.name");
    fixture.git(root, "config", "--global", "--unset-all", "user.email");
    fixture.git(root, "config", "user.useConfigOnly", "true");
    fixture.git(root, "config", "commit.gpgSign", "true");
    fixture.git(root, "config", "i18n.commitEncoding", "ISO-8859-1");
    fixture.write(worktree, { "a.txt": "x\n" });
    const message = "loopr: süß (iteration 1)\n\nLoopr-Loop: 1-abc\nLoopr-Iteration: 1";
    const made = await repository.commitAll(worktree, {
      parent: head,
      ref,
      message,
      author: "Zoë Ü <zoe@x.org>",
    });
    const format = "%an <%ae>|%cn <%ce>|%e|%G?|%(trailers:key=Loopr-Loop,valueonly)";
    const shown = fixture.git(
      root,
      "-c",
      "i18n.logOutputEncoding=UTF-8",
      "log",
      "-1",
      `--format=${format}`,
      made.commit,
    );
    expect(shown.trim()).toBe("Zoë Ü <zoe@x.org>|Zoë Ü <zoe@x.org>||N|1-abc");
    expect((await repository.log(head, made.commit)).map((entry) => entry.message)).toEqual([message]);
    expect(await repository.identity()).toBe("Loopr <loopr@localhost>");
  });

  test("nothing changed: the parent", async () => {
    expect(await commit()).toEqual({
      commit: head,
      tree: await repository.treeOf(head),
      changed: false,
      diffstat: "0 files changed",
      ignored: [],
    });
    expect(await repository.resolve(ref)).toBe(head);
  });

  test("nothing changed but what is ignored: it is named, up to 20 paths, directories as one", async () => {
    fixture.write(worktree, { "x.log": "x", "logs/a.log": "a", "logs/b.log": "b" });
    expect(await commit()).toMatchObject({ changed: false, ignored: ["logs/", "x.log"] });
    for (let index = 0; index < 30; index++) fixture.write(worktree, { [`${index}.log`]: "" });
    expect((await commit()).ignored).toHaveLength(20);
    fixture.write(worktree, { "a.txt": "x" });
    expect((await commit()).ignored).toBeUndefined();
  });

  test("a link in the place of a directory: its files are gone, whatever is found behind it", async () => {
    fixture.write(worktree, { "src/b.txt": "b\n" });
    const before = await commit();
    renameSync(join(worktree, "src"), join(worktree, "real"));
    symlinkSync("real", join(worktree, "src"));
    const made = await repository.commitAll(worktree, { parent: before.commit, ref, message: "m", author });
    expect(await repository.files(made.commit)).toContain("real/b.txt");
    expect(await repository.files(made.commit)).toContain("src");
    expect(await repository.files(made.commit)).not.toContain("src/b.txt");
  });

  test("the parent is the one that is named, whatever a job did with HEAD, index and branches", async () => {
    fixture.git(worktree, "checkout", "--quiet", "-b", "job");
    fixture.write(worktree, {
      "committed.txt": "c",
      "staged.txt": "s",
      "staged-gone.txt": "s",
      "hidden.txt": "h",
    });
    fixture.git(worktree, "add", "committed.txt", "hidden.txt");
    fixture.git(worktree, "commit", "--quiet", "-m", "job's own");
    const job = fixture.git(root, "rev-parse", "job");
    fixture.git(worktree, "add", "staged.txt", "staged-gone.txt");
    rmSync(join(worktree, "staged-gone.txt"));
    fixture.git(worktree, "update-index", "--assume-unchanged", "hidden.txt", "a.txt");
    fixture.write(worktree, { "hidden.txt": "seen", "a.txt": "seen\n" });
    const made = await commit();
    expect(await paths(made.commit)).toEqual([
      "modified a.txt",
      "added committed.txt",
      "added hidden.txt",
      "added staged.txt",
    ]);
    expect(await repository.read(made.commit, "hidden.txt")).toBe("seen");
    expect(fixture.git(root, "rev-parse", `${made.commit}^`)).toBe(head);
    expect(fixture.git(root, "rev-parse", "job")).toBe(job);
    expect(await repository.headOf(worktree)).toBe(made.commit);
  });

  test("a file in place of a directory, and the other way round", async () => {
    rmSync(join(worktree, "src"), { recursive: true });
    rmSync(join(worktree, "a.txt"));
    fixture.write(worktree, { src: "file", "a.txt/inside": "x" });
    expect(await paths((await commit()).commit)).toEqual([
      "deleted a.txt",
      "added a.txt/inside",
      "added src",
      "deleted src/b.txt",
    ]);
  });

  test("a merge that a job left half done is committed as it stands in the files", async () => {
    fixture.write(worktree, { "a.txt": "left\n" });
    fixture.git(worktree, "commit", "--quiet", "-am", "left");
    const left = fixture.git(worktree, "rev-parse", "HEAD");
    fixture.git(worktree, "reset", "--quiet", "--hard", head);
    fixture.write(worktree, { "a.txt": "right\n" });
    fixture.git(worktree, "commit", "--quiet", "-am", "right");
    spawnSync("git", ["merge", left], { cwd: worktree, env: fixture.env });
    expect(await refusal(commit())).toMatchObject(refused("a.txt"));
    fixture.write(worktree, { "a.txt": "both\n" });
    expect(await paths((await commit()).commit)).toEqual(["modified a.txt"]);
  });

  test("refused: nested repositories, files over 10 MB, more than 1,000 new files, FIFOs", async () => {
    fixture.git(fixture.root, "init", "--quiet", join(worktree, "vendored"));
    expect(await refusal(commit())).toMatchObject(refused("vendored"));
    rmSync(join(worktree, "vendored"), { recursive: true });
    mkdirSync(join(worktree, "src", ".git"));
    expect(await refusal(commit())).toMatchObject(refused("src"));
    rmSync(join(worktree, "src", ".git"), { recursive: true });

    writeFileSync(join(worktree, "big.bin"), Buffer.alloc(10 * 1024 * 1024 + 1));
    expect(await refusal(commit())).toMatchObject(refused("big.bin (10.0 MB)"));
    rmSync(join(worktree, "big.bin"));

    for (let index = 0; index <= 1_000; index++) fixture.write(worktree, { [`many/${index}`]: "" });
    expect(await refusal(commit())).toMatchObject(refused("1001 files"));
    rmSync(join(worktree, "many"), { recursive: true });

    rmSync(join(worktree, "a.txt"));
    spawnSync("mkfifo", [join(worktree, "a.txt")]);
    expect(await refusal(commit())).toMatchObject(refused("a.txt"));
    rmSync(join(worktree, "a.txt"));
    fixture.write(worktree, { "a.txt": "one\n" });
    expect((await commit()).changed).toBe(false);
    expect(fixture.git(root, "count-objects")).not.toContain("1000 objects");
  });

  test("refused: what a job staged by itself, past the look at the files", async () => {
    const nested = join(fixture.root, "nested");
    fixture.repository("nested");
    const id = fixture.git(nested, "rev-parse", "HEAD");
    fixture.git(worktree, "update-index", "--add", "--cacheinfo", `160000,${id},smuggled`);
    mkdirSync(join(worktree, "smuggled"));
    expect(await refusal(commit())).toMatchObject(refused("smuggled"));
  });

  test("refused: conflict markers that were not there before", async () => {
    const markers = "x\n<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\ny\n";
    fixture.write(worktree, { "src/b.txt": markers });
    expect(await refusal(commit())).toMatchObject(refused("src/b.txt"));
    fixture.write(worktree, { "src/b.txt": "a heading\n=======\n<<<<<<< not a set\n" });
    const made = await commit();
    expect(made.changed).toBe(true);
    fixture.write(root, { "doc.md": markers });
    fixture.git(root, "add", "doc.md");
    fixture.git(root, "commit", "--quiet", "-m", "a document about markers");
    const parent = fixture.git(root, "rev-parse", "HEAD");
    await repository.resetWorktree(worktree, parent);
    appendFileSync(join(worktree, "doc.md"), "more\n");
    expect((await commit(parent)).changed).toBe(true);
  });

  test("a bad identity and a bad ref are errors, not commits", async () => {
    fixture.write(worktree, { "a.txt": "x\n" });
    const options = { parent: head, ref, message: "m", author: "nobody" };
    expect(await refusal(repository.commitAll(worktree, options))).toMatchObject({ code: "bad_author" });
    const injected = { ...options, author: "A <a@b>\nparent 0", ref: "refs/x" };
    expect(await refusal(repository.commitAll(worktree, injected))).toMatchObject({ code: "bad_author" });
    const bad = { ...options, author, ref: "refs/loopr/a b\ndelete HEAD" };
    expect(await refusal(repository.commitAll(worktree, bad))).toMatchObject({ code: "git_failed" });
    expect(await repository.headOf(worktree)).toBe(head);
  });

  test("the person's checkout, index and branches stay as they were", async () => {
    fixture.write(root, { "a.txt": "person's\n", "staged.txt": "s" });
    fixture.git(root, "add", "staged.txt");
    const before = [
      fixture.git(root, "status", "--porcelain"),
      fixture.git(root, "rev-parse", "HEAD", "main"),
    ];
    fixture.write(worktree, { "a.txt": "loop's\n" });
    await commit();
    expect([
      fixture.git(root, "status", "--porcelain"),
      fixture.git(root, "rev-parse", "HEAD", "main"),
    ]).toEqual(before);
  });
});
