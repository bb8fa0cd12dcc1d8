import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gitFixture, type GitFixture } from "../../test/support/git-fixture.ts";
import type { Repository } from "../engine/git-port.ts";
import { createGit } from "./git.ts";
import { quote } from "../lib/shell.ts";

/** `expect.stringContaining` without its `any`. */
const containing = (text: string): unknown => expect.stringContaining(text);

let fixture: GitFixture;
let root: string;
let repository: Repository;
let head: string;
/** A commit on top of main: a.txt changed, new/file.txt and .env added. */
let work: string;
beforeEach(async () => {
  fixture = gitFixture();
  root = fixture.repository("It's Größe", {
    "a.txt": "one\n",
    "b.txt": "two\n",
    ".gitignore": "*.log\n.env\n",
  });
  ({ repository, head } = await createGit(fixture.env).open(root));
  work = commitWith({ "a.txt": "merged\n", "new/file.txt": "new\n" });
});
afterEach(() => fixture.remove());

/** A commit on main's tip that is on no branch. */
function commitWith(files: Record<string, string>): string {
  const scratch = join(fixture.root, "scratch");
  fixture.git(root, "worktree", "add", "--quiet", "--detach", scratch, "main");
  fixture.write(scratch, files);
  fixture.git(scratch, "add", "--all", "--force");
  fixture.git(scratch, "commit", "--quiet", "-m", "work");
  const commit = fixture.git(scratch, "rev-parse", "HEAD");
  fixture.git(root, "worktree", "remove", "--force", scratch);
  return commit;
}

const main = () => fixture.git(root, "rev-parse", "main");
const inRoot = (name: string) => readFileSync(join(root, name), "utf8");
const blocked = (reason: string, message: string) => ({
  kind: "blocked",
  reason,
  message: containing(message),
});

/** Runs a shown command in a shell, as a person would paste it. */
function paste(command: string) {
  return spawnSync("sh", ["-c", command], { cwd: "/", env: fixture.env, encoding: "utf8" });
}

test("names the files that are not committed, up to five", async () => {
  const names = ["ä b.txt", "c", "d", "e", "f", "g", "h"];
  for (const name of names) fixture.write(root, { [name]: "x" });
  fixture.git(root, "add", "--all");
  fixture.git(root, "commit", "--quiet", "-m", "more");
  fixture.write(root, { "ä b.txt": "y" });
  rmSync(join(root, "c"));
  fixture.write(root, { d: "y", "new.txt": "n" });
  fixture.git(root, "add", "d");
  const message = `${root} has changes that are not committed: c, d, ä b.txt`;
  expect(await repository.targetBlocked("main")).toMatchObject({ reason: "dirty", message });
  for (const name of names) fixture.write(root, { [name]: "y" });
  const many = `${root} has changes that are not committed: c, d, e, f, g and 2 more`;
  expect(await repository.targetBlocked("main")).toMatchObject({ reason: "dirty", message: many });
});

describe("fastForward", () => {
  test("in a clean checkout; again: done; an older commit: done", async () => {
    fixture.write(root, { "untracked.txt": "u", "x.log": "ignored" });
    expect(await repository.targetBlocked("main")).toBeNull();
    expect(await repository.fastForward("main", work)).toEqual({ kind: "done" });
    expect([main(), inRoot("a.txt"), inRoot("untracked.txt"), inRoot("x.log")]).toEqual([
      work,
      "merged\n",
      "u",
      "ignored",
    ]);
    expect(await repository.fastForward("main", work)).toEqual({ kind: "done" });
    expect(await repository.fastForward("main", head)).toEqual({ kind: "done" });
    expect(main()).toBe(work);
    expect(fixture.git(root, "reflog", "-1", "--format=%gs", "main")).toContain("loopr");
  });

  test("whatever the person has configured for merges", async () => {
    fixture.git(root, "config", "branch.main.mergeOptions", "--no-ff --squash --no-commit --edit");
    fixture.git(root, "config", "merge.ff", "false");
    fixture.git(root, "config", "merge.autoStash", "true");
    fixture.git(root, "config", "pull.rebase", "true");
    expect(await repository.fastForward("main", work)).toEqual({ kind: "done" });
    expect(main()).toBe(work);
  });

  test("dirty: modified, staged, deleted; untouched, and the command shown works once it is clean", async () => {
    const states: (() => void)[] = [
      () => fixture.write(root, { "b.txt": "person's\n" }),
      () => fixture.git(root, "add", "b.txt"),
      () => rmSync(join(root, "b.txt")),
    ];
    for (const state of states) {
      state();
      const before = fixture.git(root, "status", "--porcelain");
      const warned = await repository.targetBlocked("main");
      expect(warned).toMatchObject(blocked("dirty", root));
      expect(paste(warned?.command ?? "").status).toBe(0);
      const outcome = await repository.fastForward("main", work);
      expect(outcome).toMatchObject(blocked("dirty", root));
      expect([fixture.git(root, "status", "--porcelain"), main()]).toEqual([before, head]);
    }
    const outcome = await repository.fastForward("main", work);
    fixture.git(root, "reset", "--quiet", "--hard");
    if (outcome.kind !== "blocked") throw new Error("not blocked");
    expect(paste(outcome.command).status).toBe(0);
    expect([main(), inRoot("a.txt")]).toEqual([work, "merged\n"]);
  });

  test("a file that was only touched is not dirty, and the person's index is not written for it", async () => {
    spawnSync("touch", ["-d", "2001-01-01", join(root, "b.txt")]);
    const index = readFileSync(join(root, ".git", "index"));
    expect(await repository.targetBlocked("main")).toBeNull();
    expect(readFileSync(join(root, ".git", "index"))).toEqual(index);
    expect(await repository.fastForward("main", work)).toEqual({ kind: "done" });
  });

  test("untracked and ignored files in the way are kept", async () => {
    fixture.write(root, { new: "a file where a directory is needed" });
    expect(await repository.fastForward("main", work)).toMatchObject(blocked("untracked", "new"));
    expect([inRoot("new"), main()]).toEqual(["a file where a directory is needed", head]);
    rmSync(join(root, "new"));
    fixture.write(root, { "new/file.txt": "mine" });
    expect(await repository.fastForward("main", work)).toMatchObject(blocked("untracked", "new/file.txt"));
    expect([inRoot("new/file.txt"), inRoot("a.txt"), main()]).toEqual(["mine", "one\n", head]);
    rmSync(join(root, "new"), { recursive: true });

    const secret = commitWith({ ".env": "from the commit" });
    fixture.write(root, { ".env": "KEY=1" });
    const outcome = await repository.fastForward("main", secret);
    expect(outcome).toMatchObject(blocked("untracked", ".env"));
    expect([inRoot(".env"), main()]).toEqual(["KEY=1", head]);
    // The command that is shown must not overwrite it either.
    if (outcome.kind === "blocked") expect(paste(outcome.command).status).not.toBe(0);
    expect(inRoot(".env")).toBe("KEY=1");
  });

  test("the target has moved on, or is gone", async () => {
    fixture.write(root, { "c.txt": "c" });
    fixture.git(root, "add", "c.txt");
    fixture.git(root, "commit", "--quiet", "-m", "person's");
    const moved = main();
    const outcome = await repository.fastForward("main", work);
    expect(outcome).toMatchObject(blocked("moved", "main"));
    if (outcome.kind === "blocked") expect(paste(outcome.command).stdout).toContain("person's");
    expect(main()).toBe(moved);
    expect(await repository.fastForward("gone", work)).toMatchObject(blocked("moved", "gone"));
  });

  test("checked out nowhere: the ref alone moves", async () => {
    fixture.git(root, "checkout", "--quiet", "-b", "other");
    fixture.write(root, { "a.txt": "dirty here\n" });
    expect(await repository.targetBlocked("main")).toBeNull();
    expect(await repository.fastForward("main", work)).toEqual({ kind: "done" });
    expect([main(), inRoot("a.txt"), fixture.git(root, "rev-parse", "other")]).toEqual([
      work,
      "dirty here\n",
      head,
    ]);
  });

  test("checked out in a linked worktree: merged there", async () => {
    const linked = join(fixture.root, "linked ü");
    fixture.git(root, "checkout", "--quiet", "-b", "other");
    fixture.git(root, "worktree", "add", "--quiet", linked, "main");
    fixture.write(root, { "a.txt": "dirty here\n" });
    fixture.write(linked, { "b.txt": "dirty\n" });
    expect(await repository.targetBlocked("main")).toMatchObject(blocked("dirty", linked));
    fixture.git(linked, "checkout", "--quiet", "b.txt");
    expect(await repository.fastForward("main", work)).toEqual({ kind: "done" });
    expect(readFileSync(join(linked, "a.txt"), "utf8")).toBe("merged\n");
    expect([fixture.git(linked, "status", "--porcelain"), inRoot("a.txt")]).toEqual(["", "dirty here\n"]);
  });

  test("a linked worktree whose directory is gone does not hold its branch", async () => {
    const linked = join(fixture.root, "linked");
    fixture.git(root, "checkout", "--quiet", "-b", "other");
    fixture.git(root, "worktree", "add", "--quiet", linked, "main");
    rmSync(linked, { recursive: true });
    expect(await repository.fastForward("main", work)).toEqual({ kind: "done" });
  });

  test("a sparse checkout stays sparse", async () => {
    fixture.git(root, "sparse-checkout", "set", "--no-cone", "/b.txt");
    expect(await repository.fastForward("main", work)).toEqual({ kind: "done" });
    expect([existsSync(join(root, "a.txt")), existsSync(join(root, "new"))]).toEqual([false, false]);
    expect(fixture.git(root, "status", "--porcelain")).toBe("");
  });

  test("another git's lock is respected and left", async () => {
    const lock = join(root, ".git", "index.lock");
    writeFileSync(lock, "");
    expect(await repository.fastForward("main", work)).toMatchObject(blocked("in_progress", "index.lock"));
    expect([existsSync(lock), main()]).toEqual([true, head]);
  });
});

describe("an operation in progress", () => {
  const conflicting = () => {
    fixture.git(root, "checkout", "--quiet", "-b", "side");
    fixture.write(root, { "a.txt": "side\n" });
    fixture.git(root, "commit", "--quiet", "-am", "side");
    fixture.git(root, "checkout", "--quiet", "main");
    fixture.write(root, { "a.txt": "main\n" });
    fixture.git(root, "commit", "--quiet", "-am", "main");
  };
  const operations: [string, string[]][] = [
    ["merge", ["merge", "side"]],
    ["rebase", ["rebase", "side"]],
    ["cherry-pick", ["cherry-pick", "side"]],
    ["revert", ["revert", "--no-edit", "HEAD~1"]],
    ["bisect", ["bisect", "start", "HEAD", "HEAD~1"]],
  ];
  test.each(operations)("%s", async (name, args) => {
    conflicting();
    if (name === "revert") {
      fixture.write(root, { "a.txt": "later\n" });
      fixture.git(root, "commit", "--quiet", "-am", "later");
    }
    spawnSync("git", args, { cwd: root, env: fixture.env });
    const next = spawnSync("git", ["commit-tree", "-p", "main", "-m", "x", "main^{tree}"], {
      cwd: root,
      env: fixture.env,
      encoding: "utf8",
    }).stdout.trim();
    const before = [main(), fixture.git(root, "status", "--porcelain")];
    expect(await repository.targetBlocked("main")).toMatchObject(blocked("in_progress", name));
    expect(await repository.fastForward("main", next)).toMatchObject(blocked("in_progress", name));
    expect([main(), fixture.git(root, "status", "--porcelain")]).toEqual(before);
  });
});

test("words of shown commands are quoted for a shell", () => {
  for (const word of ["plain/path", "with space", "it's", "$(touch x)", "-dash", "ü", "", "a\nb"])
    expect(spawnSync("sh", ["-c", `printf %s ${quote(word)}`], { encoding: "utf8" }).stdout).toBe(word);
});
