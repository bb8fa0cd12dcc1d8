import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gitFixture, type GitFixture } from "../../test/support/git-fixture.ts";
import type { Repository } from "../engine/git-port.ts";
import { createGit } from "./git.ts";

const author = "Ada Person <ada@example.com>";

let fixture: GitFixture;
let root: string;
let repository: Repository;
let head: string;
beforeEach(async () => {
  fixture = gitFixture();
  root = fixture.repository("repo");
  ({ repository, head } = await createGit(fixture.env).open(root));
});
afterEach(() => fixture.remove());

function commit(files: Record<string, string | Buffer>): string {
  fixture.write(root, files);
  fixture.git(root, "add", "--all");
  fixture.git(root, "commit", "--quiet", "-m", "next");
  return fixture.git(root, "rev-parse", "HEAD");
}

test("a change goes from a worktree by way of a squash to the target", async () => {
  const runBranch = await repository.createRunBranch("add-thing", "a1b2", head);
  const worktree = join(fixture.root, "wt", "work");
  await repository.ensureWorktree(worktree, head);
  fixture.write(worktree, { "new.txt": "new\n", "a.txt": "changed\n" });
  const ref = "refs/loopr/loops/1";
  const made = await repository.commitAll(worktree, { parent: head, ref, message: "loopr: x", author });
  expect(await repository.diffstat(head, made.commit)).toBe(
    "2 files changed, 2 insertions(+), 1 deletion(-)",
  );
  const squash = await repository.squashOnto({
    tip: head,
    base: head,
    work: ref,
    message: "m",
    author,
    date: 1e12,
  });
  if (squash.kind !== "commit") throw new Error("conflict");
  expect(await repository.updateRef(`refs/heads/${runBranch}`, squash.commit, head)).toBe(true);
  expect(await repository.fastForward("main", squash.commit)).toEqual({ kind: "done" });
  expect(readFileSync(join(root, "new.txt"), "utf8")).toBe("new\n");
  expect(fixture.git(root, "status", "--porcelain")).toBe("");
  await repository.removeWorktree(worktree);
  expect(existsSync(worktree)).toBe(false);
  expect(fixture.git(root, "worktree", "list").split("\n")).toHaveLength(1);
});

describe("revisions", () => {
  test("resolve: null for what is not there, whatever it looks like", async () => {
    expect(await repository.resolve("refs/heads/main")).toBe(head);
    for (const revision of ["nope", "", "-x", "--all", "HEAD:a.txt", "a b", "HEAD~9", "\0", "1".repeat(40)])
      expect(await repository.resolve(revision)).toBeNull();
    const missing = await repository.treeOf("nope").catch((error: unknown) => error);
    expect(missing).toMatchObject({ code: "git_failed" });
  });

  test("isAncestor and log", async () => {
    const next = commit({ "c.txt": "c" });
    expect(await repository.isAncestor(head, next)).toBe(true);
    expect(await repository.isAncestor(next, head)).toBe(false);
    expect(await repository.log(head, next)).toEqual([{ commit: next, message: "next" }]);
    expect(await repository.log(next, next)).toEqual([]);
  });

  test("identity: the person's, else Loopr's", async () => {
    expect(await repository.identity()).toBe("Ada Person <ada@example.com>");
    fixture.git(root, "config", "user.email", "ada@work.example");
    expect(await repository.identity()).toBe("Ada Person <ada@work.example>");
    fixture.git(root, "config", "author.name", "Ada L. <x>");
    expect(await repository.identity()).toBe("Ada L. x <ada@work.example>");
    writeFileSync(join(fixture.env["HOME"] ?? "", ".gitconfig"), "[user]\n\tname = Only Name\n");
    fixture.git(root, "config", "--unset", "user.email");
    expect(await repository.identity()).toBe("Loopr <loopr@localhost>");
  });
});

describe("refs", () => {
  test("the run's branch: slugged, idempotent, and beside a branch called loopr", async () => {
    expect(await repository.createRunBranch("Füge OAuth-Login hinzu!", "a1b2", head)).toBe(
      "loopr/fu-ge-oauth-login-hinzu-a1b2",
    );
    const next = commit({ "c.txt": "c" });
    expect(await repository.createRunBranch("Füge OAuth-Login hinzu!", "a1b2", next)).toBe(
      "loopr/fu-ge-oauth-login-hinzu-a1b2",
    );
    expect(await repository.resolve("refs/heads/loopr/fu-ge-oauth-login-hinzu-a1b2")).toBe(head);
    expect(await repository.createRunBranch("../..//", "ffff", head)).toBe("loopr/run-ffff");
  });

  test("a branch called loopr", async () => {
    fixture.git(root, "branch", "loopr");
    const name = await repository.createRunBranch("x", "a1b2", head);
    expect(name).toBe("loopr-x-a1b2");
    fixture.git(root, "branch", "-D", "loopr");
    expect(await repository.createRunBranch("x", "a1b2", head)).toBe(name);
  });

  test("updateRef compares and swaps; deleteRef may find nothing", async () => {
    const next = commit({ "c.txt": "c" });
    const ref = "refs/loopr/loops/1";
    expect(await repository.updateRef(ref, head, null)).toBe(true);
    expect(await repository.updateRef(ref, next, null)).toBe(false);
    expect(await repository.updateRef(ref, next, next)).toBe(false);
    expect(await repository.updateRef(ref, next, head)).toBe(true);
    await repository.deleteRef(ref);
    await repository.deleteRef(ref);
    expect(await repository.resolve(ref)).toBeNull();
    for (const bad of ["HEAD", "main", "refs/../HEAD", "refs/x y", "refs/x\nrefs/y", "-d"]) {
      const error = await repository.updateRef(bad, head, null).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "git_failed" });
    }
  });

  test("a lock that a git left behind when the machine died is removed, only below refs/loopr", async () => {
    const lock = join(root, ".git", "refs", "loopr", "loops", "1.lock");
    mkdirSync(dirname(lock), { recursive: true });
    writeFileSync(lock, "");
    utimesSync(lock, 1, 1);
    expect(await repository.updateRef("refs/loopr/loops/1", head, null)).toBe(true);
    // Left just now, by a daemon that was killed: it was there before this process.
    writeFileSync(lock, "");
    const before = new Date(Date.now() - process.uptime() * 1_000 - 100);
    utimesSync(lock, before, before);
    expect(
      await repository.updateRef(
        "refs/loopr/loops/1",
        (await repository.resolve("main")) ?? "",
        await repository.resolve("refs/loopr/loops/1"),
      ),
    ).toBe(true);
    expect(existsSync(lock)).toBe(false);
    const persons = join(root, ".git", "refs", "heads", "x.lock");
    writeFileSync(persons, "");
    utimesSync(persons, 1, 1);
    const error = await repository.updateRef("refs/heads/x", head, head).catch((thrown: unknown) => thrown);
    expect(error).toBe(false);
    expect(existsSync(persons)).toBe(true);
  });

  test("notes: added, not twice, by many at once, without an identity", async () => {
    writeFileSync(join(fixture.env["HOME"] ?? "", ".gitconfig"), "[user]\n\tuseConfigOnly = true\n");
    await repository.addNote(head, "first: ü");
    await repository.addNote(head, "first: ü");
    await repository.addNote(head, "second");
    expect(
      fixture.git(root, "-c", "i18n.logOutputEncoding=UTF-8", "notes", "--ref=loopr", "show", head),
    ).toBe("first: ü\n\nsecond");
    const tree = fixture.git(root, "rev-parse", "HEAD^{tree}");
    const commits = Array.from({ length: 4 }, (_, index) =>
      fixture.git(root, "-c", "user.name=a", "-c", "user.email=b", "commit-tree", "-m", String(index), tree),
    );
    await Promise.all(commits.map((each) => repository.addNote(each, "at once")));
    for (const each of commits)
      expect(fixture.git(root, "notes", "--ref=loopr", "show", each)).toBe("at once");
  });
});

describe("content", () => {
  test("changes, files and read with names of every kind", async () => {
    const names = ["-n", "dir/ü.txt", 'q"uote\nbreak', ":(glob)*", "HEAD"];
    const next = commit(Object.fromEntries(names.map((name) => [name, `<${name}>`])));
    expect((await repository.changes(head, next)).map((change) => change.path)).toEqual(names.toSorted());
    expect((await repository.files(next)).toSorted()).toEqual(["a.txt", "src/b.txt", ...names].toSorted());
    for (const name of names) expect(await repository.read(next, name)).toBe(`<${name}>`);
    for (const name of ["none", "dir", "", "../a.txt", "a.txt/x", "a\0b"])
      expect(await repository.read(next, name)).toBeNull();
  });

  test("a rename is a deletion and an addition, a change of type a modification", async () => {
    renameSync(join(root, "a.txt"), join(root, "z.txt"));
    const next = commit({});
    expect(await repository.changes(head, next)).toEqual([
      { status: "deleted", path: "a.txt" },
      { status: "added", path: "z.txt" },
    ]);
  });

  test("diff: plain, in spite of what is configured, and cut at the end of a line", async () => {
    for (const [key, value] of [
      ["diff.noprefix", "true"],
      ["diff.mnemonicPrefix", "true"],
      ["color.ui", "always"],
      ["diff.context", "0"],
    ] as const)
      fixture.git(root, "config", key, value);
    const next = commit({ "a.txt": "changed\n", "binary.bin": Buffer.from([0, 1, 2, 255]) });
    const whole = await repository.diff(head, next, 1_000_000);
    expect(whole.truncated).toBe(false);
    expect(whole.diff).toContain("--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+changed\n");
    expect(whole.diff).toContain("Binary files /dev/null and b/binary.bin differ");
    const cut = await repository.diff(head, next, 100);
    expect([cut.truncated, whole.diff.startsWith(cut.diff), cut.diff.endsWith("\n")]).toEqual([
      true,
      true,
      true,
    ]);
    expect(cut.diff.length).toBeLessThanOrEqual(100);
    const huge = commit({ "huge.txt": "0123456789\n".repeat(500_000) });
    expect((await repository.diff(next, huge, 10_000)).truncated).toBe(true);
    expect(await repository.diffstat(head, next)).toBe("2 files changed, 1 insertion(+), 1 deletion(-)");
  });

  test("treeWithPathsFrom: changed, removed and added paths as they were", async () => {
    const before = commit({ "tests/t.sh": "t1", "tests/gone.sh": "g", dir: "a file" });
    renameSync(join(root, "tests", "gone.sh"), join(root, "gone-elsewhere"));
    renameSync(join(root, "dir"), join(root, "moved"));
    const after = commit({
      "tests/t.sh": "t2",
      "tests/conftest.py": "evil",
      "dir/inside": "x",
      "src/b.txt": "work",
    });
    const paths = ["tests/t.sh", "tests/gone.sh", "tests/conftest.py", "dir", "dir/inside", "never/there"];
    const tree = await repository.treeWithPathsFrom(after, before, paths);
    expect((await repository.files(tree)).toSorted()).toEqual(
      ["a.txt", "dir", "gone-elsewhere", "moved", "src/b.txt", "tests/gone.sh", "tests/t.sh"].toSorted(),
    );
    expect(await repository.read(tree, "tests/t.sh")).toBe("t1");
    expect(await repository.read(tree, "src/b.txt")).toBe("work");
    expect(await repository.treeWithPathsFrom(after, before, [])).toBe(await repository.treeOf(after));
    fixture.git(root, "update-index", "--chmod=+x", "src/b.txt");
    const executable = fixture.git(root, "write-tree");
    const texts = new Map([["src/b.txt", "both\n"]]);
    const mixed = await repository.treeWithPathsFrom(executable, before, ["tests/t.sh"], texts);
    expect(await repository.read(mixed, "src/b.txt")).toBe("both\n");
    expect(await repository.read(mixed, "tests/t.sh")).toBe("t1");
    expect(fixture.git(root, "ls-tree", mixed, "src/b.txt")).toStartWith("100755");
    fixture.git(root, "reset", "--quiet");
    expect(fixture.git(root, "status", "--porcelain")).toBe("");
  });
});

test("readPaths: the common directory and every store that it borrows from", async () => {
  const borrower = join(fixture.root, "borrower");
  fixture.git(fixture.root, "clone", "--quiet", "--shared", root, borrower);
  const second = join(fixture.root, "second");
  fixture.git(fixture.root, "clone", "--quiet", "--shared", borrower, second);
  const opened = await createGit(fixture.env).open(second);
  expect((await opened.repository.readPaths()).toSorted()).toEqual(
    [join(second, ".git"), join(borrower, ".git", "objects"), join(root, ".git", "objects")].toSorted(),
  );
  const moved = join(fixture.root, "objects");
  renameSync(join(root, ".git", "objects"), moved);
  symlinkSync(moved, join(root, ".git", "objects"));
  expect((await repository.readPaths()).toSorted()).toEqual(
    [join(root, ".git"), realpathSync(moved)].toSorted(),
  );
});
