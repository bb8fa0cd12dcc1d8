import { describe, expect, test } from "bun:test";
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
import { author, ref, useWorktree } from "../../test/support/git-worktree.ts";

/** `expect.stringContaining` without its `any`. */
const containing = (text: string): unknown => expect.stringContaining(text);

const at = useWorktree();

const refusal = async (promise: Promise<unknown>) =>
  promise.then(
    () => "not refused",
    (error: unknown) => error,
  );
const refused = (text: string) => ({ code: "work_refused", message: containing(text) });

describe("commitAll", () => {
  test("everything but what is ignored: deletions, modes, links, renames by case, odd names", async () => {
    rmSync(join(at.worktree, "src", "b.txt"));
    chmodSync(join(at.worktree, "a.txt"), 0o755);
    symlinkSync("dir/../a.txt", join(at.worktree, "link"));
    renameSync(join(at.worktree, "Case.txt"), join(at.worktree, "case.txt"));
    at.fixture.write(at.worktree, {
      "x.log": "ignored",
      "-dash": "d",
      ":(top)magic": "m",
      'ü\n"q"\'*': "q",
      "dir/sub/f": "f",
    });
    const bytes = Buffer.concat([Buffer.from(`${at.worktree}/`), Buffer.from([0xff, 0xfe])]);
    writeFileSync(bytes, "bytes");
    const made = await at.commit();
    expect(await at.paths(made.commit)).toEqual([
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
    expect(made.tree).toBe(at.fixture.git(at.root, "rev-parse", `${ref}^{tree}`));
    expect(await at.repository.read(made.commit, "\udcff\udcfe")).toBe("bytes");
    expect(await at.repository.read(made.commit, "link")).toBe("dir/../a.txt");
    expect(at.fixture.git(at.root, "ls-tree", made.commit, "a.txt")).toStartWith("100755");
    expect(await at.repository.isDirty(at.worktree)).toBe(false);
  });

  test("author and committer are as given, whatever is configured; hooks and signing have no say", async () => {
    at.fixture.git(at.root, "config", "--global", "--unset-all", "user.name");
    at.fixture.git(at.root, "config", "--global", "--unset-all", "user.email");
    at.fixture.git(at.root, "config", "user.useConfigOnly", "true");
    at.fixture.git(at.root, "config", "commit.gpgSign", "true");
    at.fixture.git(at.root, "config", "i18n.commitEncoding", "ISO-8859-1");
    at.fixture.write(at.worktree, { "a.txt": "x\n" });
    const message = "loopr: süß (iteration 1)\n\nLoopr-Loop: 1-abc\nLoopr-Iteration: 1";
    const made = await at.repository.commitAll(at.worktree, {
      parent: at.head,
      ref,
      message,
      author: "Zoë Ü <zoe@x.org>",
    });
    const format = "%an <%ae>|%cn <%ce>|%e|%G?|%(trailers:key=Loopr-Loop,valueonly)";
    const shown = at.fixture.git(
      at.root,
      "-c",
      "i18n.logOutputEncoding=UTF-8",
      "log",
      "-1",
      `--format=${format}`,
      made.commit,
    );
    expect(shown.trim()).toBe("Zoë Ü <zoe@x.org>|Zoë Ü <zoe@x.org>||N|1-abc");
    expect((await at.repository.log(at.head, made.commit)).map((entry) => entry.message)).toEqual([message]);
    expect(await at.repository.identity()).toBe("Loopr <loopr@localhost>");
  });

  test("nothing changed: the parent", async () => {
    expect(await at.commit()).toEqual({
      commit: at.head,
      tree: await at.repository.treeOf(at.head),
      changed: false,
      ignored: [],
    });
    expect(await at.repository.resolve(ref)).toBe(at.head);
  });

  test("nothing changed but what is ignored: it is named, up to 20 paths, directories as one", async () => {
    at.fixture.write(at.worktree, { "x.log": "x", "logs/a.log": "a", "logs/b.log": "b" });
    expect(await at.commit()).toMatchObject({ changed: false, ignored: ["logs/", "x.log"] });
    for (let index = 0; index < 30; index++) at.fixture.write(at.worktree, { [`${index}.log`]: "" });
    expect((await at.commit()).ignored).toHaveLength(20);
    at.fixture.write(at.worktree, { "a.txt": "x" });
    expect((await at.commit()).ignored).toBeUndefined();
  });

  test("a link in the place of a directory: its files are gone, whatever is found behind it", async () => {
    at.fixture.write(at.worktree, { "src/b.txt": "b\n" });
    const before = await at.commit();
    renameSync(join(at.worktree, "src"), join(at.worktree, "real"));
    symlinkSync("real", join(at.worktree, "src"));
    const made = await at.repository.commitAll(at.worktree, {
      parent: before.commit,
      ref,
      message: "m",
      author,
    });
    expect(await at.repository.files(made.commit)).toContain("real/b.txt");
    expect(await at.repository.files(made.commit)).toContain("src");
    expect(await at.repository.files(made.commit)).not.toContain("src/b.txt");
  });

  test("the parent is the one that is named, whatever a job did with HEAD, index and branches", async () => {
    at.fixture.git(at.worktree, "checkout", "--quiet", "-b", "job");
    at.fixture.write(at.worktree, {
      "committed.txt": "c",
      "staged.txt": "s",
      "staged-gone.txt": "s",
      "hidden.txt": "h",
    });
    at.fixture.git(at.worktree, "add", "committed.txt", "hidden.txt");
    at.fixture.git(at.worktree, "commit", "--quiet", "-m", "job's own");
    const job = at.fixture.git(at.root, "rev-parse", "job");
    at.fixture.git(at.worktree, "add", "staged.txt", "staged-gone.txt");
    rmSync(join(at.worktree, "staged-gone.txt"));
    at.fixture.git(at.worktree, "update-index", "--assume-unchanged", "hidden.txt", "a.txt");
    at.fixture.write(at.worktree, { "hidden.txt": "seen", "a.txt": "seen\n" });
    const made = await at.commit();
    expect(await at.paths(made.commit)).toEqual([
      "modified a.txt",
      "added committed.txt",
      "added hidden.txt",
      "added staged.txt",
    ]);
    expect(await at.repository.read(made.commit, "hidden.txt")).toBe("seen");
    expect(at.fixture.git(at.root, "rev-parse", `${made.commit}^`)).toBe(at.head);
    expect(at.fixture.git(at.root, "rev-parse", "job")).toBe(job);
    expect(await at.repository.headOf(at.worktree)).toBe(made.commit);
  });

  test("a file in place of a directory, and the other way round", async () => {
    rmSync(join(at.worktree, "src"), { recursive: true });
    rmSync(join(at.worktree, "a.txt"));
    at.fixture.write(at.worktree, { src: "file", "a.txt/inside": "x" });
    expect(await at.paths((await at.commit()).commit)).toEqual([
      "deleted a.txt",
      "added a.txt/inside",
      "added src",
      "deleted src/b.txt",
    ]);
  });

  test("a merge that a job left half done is committed as it stands in the files", async () => {
    at.fixture.write(at.worktree, { "a.txt": "left\n" });
    at.fixture.git(at.worktree, "commit", "--quiet", "-am", "left");
    const left = at.fixture.git(at.worktree, "rev-parse", "HEAD");
    at.fixture.git(at.worktree, "reset", "--quiet", "--hard", at.head);
    at.fixture.write(at.worktree, { "a.txt": "right\n" });
    at.fixture.git(at.worktree, "commit", "--quiet", "-am", "right");
    spawnSync("git", ["merge", left], { cwd: at.worktree, env: at.fixture.env });
    expect(await refusal(at.commit())).toMatchObject(refused("a.txt"));
    at.fixture.write(at.worktree, { "a.txt": "both\n" });
    expect(await at.paths((await at.commit()).commit)).toEqual(["modified a.txt"]);
  });

  test("refused: nested repositories, files over 10 MB, more than 1,000 new files, FIFOs", async () => {
    at.fixture.git(at.fixture.root, "init", "--quiet", join(at.worktree, "vendored"));
    expect(await refusal(at.commit())).toMatchObject(refused("vendored"));
    rmSync(join(at.worktree, "vendored"), { recursive: true });
    mkdirSync(join(at.worktree, "src", ".git"));
    expect(await refusal(at.commit())).toMatchObject(refused("src"));
    rmSync(join(at.worktree, "src", ".git"), { recursive: true });

    writeFileSync(join(at.worktree, "big.bin"), Buffer.alloc(10 * 1024 * 1024 + 1));
    expect(await refusal(at.commit())).toMatchObject(refused("big.bin (10.0 MB)"));
    rmSync(join(at.worktree, "big.bin"));

    for (let index = 0; index <= 1_000; index++) at.fixture.write(at.worktree, { [`many/${index}`]: "" });
    expect(await refusal(at.commit())).toMatchObject(refused("1001 files"));
    rmSync(join(at.worktree, "many"), { recursive: true });

    rmSync(join(at.worktree, "a.txt"));
    spawnSync("mkfifo", [join(at.worktree, "a.txt")]);
    expect(await refusal(at.commit())).toMatchObject(refused("a.txt"));
    rmSync(join(at.worktree, "a.txt"));
    at.fixture.write(at.worktree, { "a.txt": "one\n" });
    expect((await at.commit()).changed).toBe(false);
    expect(at.fixture.git(at.root, "count-objects")).not.toContain("1000 objects");
  });

  test("refused: what a job staged by itself, past the look at the files", async () => {
    const nested = join(at.fixture.root, "nested");
    at.fixture.repository("nested");
    const id = at.fixture.git(nested, "rev-parse", "HEAD");
    at.fixture.git(at.worktree, "update-index", "--add", "--cacheinfo", `160000,${id},smuggled`);
    mkdirSync(join(at.worktree, "smuggled"));
    expect(await refusal(at.commit())).toMatchObject(refused("smuggled"));
  });

  test("refused: conflict markers that were not there before", async () => {
    const markers = "x\n<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\ny\n";
    at.fixture.write(at.worktree, { "src/b.txt": markers });
    expect(await refusal(at.commit())).toMatchObject(refused("src/b.txt"));
    at.fixture.write(at.worktree, { "src/b.txt": "a heading\n=======\n<<<<<<< not a set\n" });
    const made = await at.commit();
    expect(made.changed).toBe(true);
    at.fixture.write(at.root, { "doc.md": markers });
    at.fixture.git(at.root, "add", "doc.md");
    at.fixture.git(at.root, "commit", "--quiet", "-m", "a document about markers");
    const parent = at.fixture.git(at.root, "rev-parse", "HEAD");
    await at.repository.resetWorktree(at.worktree, parent);
    appendFileSync(join(at.worktree, "doc.md"), "more\n");
    expect((await at.commit(parent)).changed).toBe(true);
  });

  test("a bad identity and a bad ref are errors, not commits", async () => {
    at.fixture.write(at.worktree, { "a.txt": "x\n" });
    const options = { parent: at.head, ref, message: "m", author: "nobody" };
    expect(await refusal(at.repository.commitAll(at.worktree, options))).toMatchObject({
      code: "bad_author",
    });
    const injected = { ...options, author: "A <a@b>\nparent 0", ref: "refs/x" };
    expect(await refusal(at.repository.commitAll(at.worktree, injected))).toMatchObject({
      code: "bad_author",
    });
    const bad = { ...options, author, ref: "refs/loopr/a b\ndelete HEAD" };
    expect(await refusal(at.repository.commitAll(at.worktree, bad))).toMatchObject({ code: "git_failed" });
    expect(await at.repository.headOf(at.worktree)).toBe(at.head);
  });

  test("the person's checkout, index and branches stay as they were", async () => {
    at.fixture.write(at.root, { "a.txt": "person's\n", "staged.txt": "s" });
    at.fixture.git(at.root, "add", "staged.txt");
    const before = [
      at.fixture.git(at.root, "status", "--porcelain"),
      at.fixture.git(at.root, "rev-parse", "HEAD", "main"),
    ];
    at.fixture.write(at.worktree, { "a.txt": "loop's\n" });
    await at.commit();
    expect([
      at.fixture.git(at.root, "status", "--porcelain"),
      at.fixture.git(at.root, "rev-parse", "HEAD", "main"),
    ]).toEqual(before);
  });
});
