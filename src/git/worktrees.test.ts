import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  readdirSync,
  renameSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gitFixture, type GitFixture } from "../../test/support/git-fixture.ts";
import type { Repository } from "../engine/ports.ts";
import { gitAt } from "./exec.ts";
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

describe("ensureWorktree", () => {
  test("makes a detached, locked worktree that git itself understands", async () => {
    expect(fixture.git(worktree, "rev-parse", "HEAD")).toBe(head);
    expect(fixture.git(worktree, "rev-parse", "--abbrev-ref", "HEAD")).toBe("HEAD");
    expect(fixture.git(worktree, "status", "--porcelain", "--ignored")).toBe("");
    expect(readFileSync(join(gitDir(), "locked"), "utf8")).toContain("loopr");
  });

  test("keeps a whole one as it is, uncommitted work included", async () => {
    fixture.write(worktree, { "a.txt": "changed\n", "new.txt": "new\n" });
    await repository.ensureWorktree(worktree, head);
    expect([content("a.txt"), content("new.txt")]).toEqual(["changed\n", "new\n"]);
    expect(await repository.isWorktree(worktree)).toBe(true);
  });

  test("rebuilds one whose directory is gone, and one that is a link or a file", async () => {
    rmSync(worktree, { recursive: true });
    expect(await repository.isWorktree(worktree)).toBe(false);
    await repository.ensureWorktree(worktree, head);
    expect(content("src/b.txt")).toBe("two\n");
    rmSync(worktree, { recursive: true });
    symlinkSync(root, worktree);
    await repository.ensureWorktree(worktree, head);
    expect(lstatSync(worktree).isDirectory()).toBe(true);
    rmSync(worktree, { recursive: true });
    writeFileSync(worktree, "file");
    await repository.ensureWorktree(worktree, head);
    expect(await repository.isDirty(worktree)).toBe(false);
    expect(readFileSync(join(root, "a.txt"), "utf8")).toBe("one\n");
  });

  test("keeps the files of one that has lost its registration, as changes", async () => {
    fixture.write(worktree, { "a.txt": "changed\n" });
    rmSync(gitDir(), { recursive: true });
    expect(await repository.isWorktree(worktree)).toBe(false);
    await repository.ensureWorktree(worktree, head);
    expect(content("a.txt")).toBe("changed\n");
    expect(fixture.git(worktree, "diff", "--name-only")).toBe("a.txt");
    expect(readdirSync(join(worktree, ".."))).toEqual(["work"]);
    expect(fixture.git(root, "worktree", "list").split("\n")).toHaveLength(2);
  });

  test("mends a registration without HEAD or index, as a crash leaves them", async () => {
    rmSync(join(gitDir(), "index"));
    writeFileSync(join(gitDir(), "index.lock"), "");
    await repository.ensureWorktree(worktree, head);
    expect(status()).toBe("");
    writeFileSync(join(gitDir(), "HEAD"), "");
    await repository.ensureWorktree(worktree, head);
    expect(await repository.headOf(worktree)).toBe(head);
    expect(status()).toBe("");
  });

  test("is the same when many are made at once", async () => {
    const paths = Array.from({ length: 8 }, (_, index) => join(fixture.root, "many", String(index), "work"));
    await Promise.all(paths.map((path) => repository.ensureWorktree(path, head)));
    for (const path of paths) expect(await repository.headOf(path)).toBe(head);
  });

  test("is whole where the person's own checkout is sparse", async () => {
    fixture.git(root, "sparse-checkout", "set", "--cone", "src/deep");
    expect(existsSync(join(root, "src", "b.txt"))).toBe(true);
    fixture.git(root, "sparse-checkout", "set", "--no-cone", "/a.txt");
    const other = join(fixture.root, "wt", "sparse");
    await repository.ensureWorktree(other, head);
    expect(readFileSync(join(other, "src", "deep", "c.sh"), "utf8")).toBe("#!/bin/sh\n");
    expect(await repository.isDirty(other)).toBe(false);
    await repository.checkoutClean(other, head);
    expect(existsSync(join(other, "src", "deep", "c.sh"))).toBe(true);
    expect(existsSync(join(root, "src", "deep", "c.sh"))).toBe(false);
  });
});

describe("a replaced .git", () => {
  const replacements: [string, () => void][] = [
    [
      "by a file that names another repository",
      () => writeFileSync(join(worktree, ".git"), `gitdir: ${fixture.root}/other/.git\n`),
    ],
    ["by a repository of its own", () => fixture.git(worktree, "init", "--quiet")],
    ["by a link", () => symlinkSync(join(fixture.root, "other", ".git"), join(worktree, ".git"))],
    ["by nothing", () => undefined],
  ];
  test.each(replacements)("%s changes nothing and is put right", async (_, replace) => {
    const other = fixture.repository("other");
    const before = fixture.git(other, "rev-parse", "HEAD");
    rmSync(join(worktree, ".git"));
    replace();
    fixture.write(worktree, { "a.txt": "changed\n" });
    const options = { parent: head, ref: "refs/loopr/loops/1", message: "x", author };
    const { commit } = await repository.commitAll(worktree, options);
    expect(fixture.git(root, "rev-parse", "refs/loopr/loops/1")).toBe(commit);
    expect(readFileSync(join(worktree, ".git"), "utf8")).toBe(`gitdir: ${gitDir()}\n`);
    expect(fixture.git(other, "rev-parse", "HEAD")).toBe(before);
    expect(readdirSync(join(other, ".git"))).toContain("HEAD");
  });
});

describe("removeWorktree", () => {
  test("removes directory and registration, twice, and nobody else's", async () => {
    const persons = join(fixture.root, "persons");
    fixture.git(root, "worktree", "add", "--quiet", persons);
    rmSync(persons, { recursive: true });
    await repository.removeWorktree(worktree);
    await repository.removeWorktree(worktree);
    expect([existsSync(worktree), existsSync(gitDir())]).toEqual([false, false]);
    expect(readdirSync(join(root, ".git", "worktrees"))).toEqual(["persons"]);
  });

  test("does not follow links out of it", async () => {
    symlinkSync(root, join(worktree, "link"));
    await repository.removeWorktree(worktree);
    expect(readFileSync(join(root, "a.txt"), "utf8")).toBe("one\n");
  });
});

describe("a repository that is moved away", () => {
  test("is named by every call, and all goes on when it is back", async () => {
    await repository.ensureWorktree(worktree, head);
    fixture.write(worktree, { "new.txt": "n" });
    const away = `${root} away`;
    renameSync(root, away);
    const options = { parent: head, ref: "refs/loopr/loops/1", message: "x", author: "A <a@b>" };
    const calls: Record<string, () => Promise<unknown>> = {
      resolve: () => repository.resolve("HEAD"),
      diff: () => repository.diff(head, head, 100),
      ensureWorktree: () => repository.ensureWorktree(worktree, head),
      isWorktree: () => repository.isWorktree(worktree),
      isDirty: () => repository.isDirty(worktree),
      commitAll: () => repository.commitAll(worktree, options),
      saveInterrupted: () => repository.saveInterrupted(worktree, options.ref, options.author),
      resetWorktree: () => repository.resetWorktree(worktree, head),
      checkoutClean: () => repository.checkoutClean(worktree, head),
      fastForward: () => repository.fastForward("main", head),
      targetBlocked: () => repository.targetBlocked("main"),
      reopen: () => createGit(fixture.env).reopen(repository.project),
    };
    for (const [name, call] of Object.entries(calls)) {
      const error = await call().catch((thrown: unknown) => thrown);
      const message = `the repository ${join(root, ".git")} is not there any more`;
      expect({ name, error }).toMatchObject({ name, error: { code: "repository_gone", message } });
    }
    expect(existsSync(join(worktree, "new.txt"))).toBe(true);
    renameSync(away, root);
    await repository.ensureWorktree(worktree, head);
    expect((await repository.commitAll(worktree, options)).changed).toBe(true);
  });

  test("its worktrees can be removed", async () => {
    await repository.ensureWorktree(worktree, head);
    rmSync(root, { recursive: true });
    await repository.removeWorktree(worktree);
    expect(existsSync(worktree)).toBe(false);
  });
});

test("git at work in a worktree when the repository goes says so, not what git says", async () => {
  await repository.ensureWorktree(worktree, head);
  const gitDir = join(root, ".git", "worktrees", "work");
  const git = gitAt(fixture.env, { kind: "worktree", gitDir, workTree: worktree, ours: true });
  rmSync(gitDir, { recursive: true });
  expect(await git(["status"]).catch((error: unknown) => error)).toMatchObject({ code: "worktree_gone" });
  rmSync(root, { recursive: true });
  expect(await git(["status"]).catch((error: unknown) => error)).toMatchObject({ code: "repository_gone" });
  const none = gitAt({ PATH: "/nowhere" }, { kind: "discover", directory: "/" });
  expect(await none(["status"]).catch((error: unknown) => error)).toMatchObject({ code: "git_unusable" });
});

test("a path that is no worktree is an error with a code", async () => {
  const error = await repository.headOf(root).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "worktree_gone" });
});
