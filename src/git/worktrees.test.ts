import { describe, expect, test } from "bun:test";
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
import { author, useWorktree } from "../../test/support/git-worktree.ts";
import { gitAt } from "./exec.ts";
import { createGit } from "./git.ts";

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

describe("ensureWorktree", () => {
  test("makes a detached, locked worktree that git itself understands", async () => {
    expect(at.fixture.git(at.worktree, "rev-parse", "HEAD")).toBe(at.head);
    expect(at.fixture.git(at.worktree, "rev-parse", "--abbrev-ref", "HEAD")).toBe("HEAD");
    expect(at.fixture.git(at.worktree, "status", "--porcelain", "--ignored")).toBe("");
    expect(readFileSync(join(gitDir(), "locked"), "utf8")).toContain("loopr");
  });

  test("keeps a whole one as it is, uncommitted work included", async () => {
    at.fixture.write(at.worktree, { "a.txt": "changed\n", "new.txt": "new\n" });
    await at.repository.ensureWorktree(at.worktree, at.head);
    expect([content("a.txt"), content("new.txt")]).toEqual(["changed\n", "new\n"]);
    expect(await at.repository.isWorktree(at.worktree)).toBe(true);
  });

  test("rebuilds one whose directory is gone, and one that is a link or a file", async () => {
    rmSync(at.worktree, { recursive: true });
    expect(await at.repository.isWorktree(at.worktree)).toBe(false);
    await at.repository.ensureWorktree(at.worktree, at.head);
    expect(content("src/b.txt")).toBe("two\n");
    rmSync(at.worktree, { recursive: true });
    symlinkSync(at.root, at.worktree);
    await at.repository.ensureWorktree(at.worktree, at.head);
    expect(lstatSync(at.worktree).isDirectory()).toBe(true);
    rmSync(at.worktree, { recursive: true });
    writeFileSync(at.worktree, "file");
    await at.repository.ensureWorktree(at.worktree, at.head);
    expect(await at.repository.isDirty(at.worktree)).toBe(false);
    expect(readFileSync(join(at.root, "a.txt"), "utf8")).toBe("one\n");
  });

  test("keeps the files of one that has lost its registration, as changes", async () => {
    at.fixture.write(at.worktree, { "a.txt": "changed\n" });
    rmSync(gitDir(), { recursive: true });
    expect(await at.repository.isWorktree(at.worktree)).toBe(false);
    await at.repository.ensureWorktree(at.worktree, at.head);
    expect(content("a.txt")).toBe("changed\n");
    expect(at.fixture.git(at.worktree, "diff", "--name-only")).toBe("a.txt");
    expect(readdirSync(join(at.worktree, ".."))).toEqual(["work"]);
    expect(at.fixture.git(at.root, "worktree", "list").split("\n")).toHaveLength(2);
  });

  test("mends a registration without HEAD or index, as a crash leaves them", async () => {
    rmSync(join(gitDir(), "index"));
    writeFileSync(join(gitDir(), "index.lock"), "");
    await at.repository.ensureWorktree(at.worktree, at.head);
    expect(status()).toBe("");
    writeFileSync(join(gitDir(), "HEAD"), "");
    await at.repository.ensureWorktree(at.worktree, at.head);
    expect(await at.repository.headOf(at.worktree)).toBe(at.head);
    expect(status()).toBe("");
  });

  test("is the same when many are made at once", async () => {
    const paths = Array.from({ length: 8 }, (_, index) =>
      join(at.fixture.root, "many", String(index), "work"),
    );
    await Promise.all(paths.map((path) => at.repository.ensureWorktree(path, at.head)));
    for (const path of paths) expect(await at.repository.headOf(path)).toBe(at.head);
  });

  test("is whole where the person's own checkout is sparse", async () => {
    at.fixture.git(at.root, "sparse-checkout", "set", "--cone", "src/deep");
    expect(existsSync(join(at.root, "src", "b.txt"))).toBe(true);
    at.fixture.git(at.root, "sparse-checkout", "set", "--no-cone", "/a.txt");
    const other = join(at.fixture.root, "wt", "sparse");
    await at.repository.ensureWorktree(other, at.head);
    expect(readFileSync(join(other, "src", "deep", "c.sh"), "utf8")).toBe("#!/bin/sh\n");
    expect(await at.repository.isDirty(other)).toBe(false);
    await at.repository.checkoutClean(other, at.head);
    expect(existsSync(join(other, "src", "deep", "c.sh"))).toBe(true);
    expect(existsSync(join(at.root, "src", "deep", "c.sh"))).toBe(false);
  });
});

describe("a replaced .git", () => {
  const replacements: [string, () => void][] = [
    [
      "by a file that names another repository",
      () => writeFileSync(join(at.worktree, ".git"), `gitdir: ${at.fixture.root}/other/.git\n`),
    ],
    ["by a repository of its own", () => at.fixture.git(at.worktree, "init", "--quiet")],
    ["by a link", () => symlinkSync(join(at.fixture.root, "other", ".git"), join(at.worktree, ".git"))],
    ["by nothing", () => undefined],
  ];
  test.each(replacements)("%s changes nothing and is put right", async (_, replace) => {
    const other = at.fixture.repository("other");
    const before = at.fixture.git(other, "rev-parse", "HEAD");
    rmSync(join(at.worktree, ".git"));
    replace();
    at.fixture.write(at.worktree, { "a.txt": "changed\n" });
    const options = { parent: at.head, ref: "refs/loopr/loops/1", message: "x", author };
    const { commit } = await at.repository.commitAll(at.worktree, options);
    expect(at.fixture.git(at.root, "rev-parse", "refs/loopr/loops/1")).toBe(commit);
    expect(readFileSync(join(at.worktree, ".git"), "utf8")).toBe(`gitdir: ${gitDir()}\n`);
    expect(at.fixture.git(other, "rev-parse", "HEAD")).toBe(before);
    expect(readdirSync(join(other, ".git"))).toContain("HEAD");
  });
});

describe("removeWorktree", () => {
  test("removes directory and registration, twice, and nobody else's", async () => {
    const persons = join(at.fixture.root, "persons");
    at.fixture.git(at.root, "worktree", "add", "--quiet", persons);
    rmSync(persons, { recursive: true });
    await at.repository.removeWorktree(at.worktree);
    await at.repository.removeWorktree(at.worktree);
    expect([existsSync(at.worktree), existsSync(gitDir())]).toEqual([false, false]);
    expect(readdirSync(join(at.root, ".git", "worktrees"))).toEqual(["persons"]);
  });

  test("does not follow links out of it", async () => {
    symlinkSync(at.root, join(at.worktree, "link"));
    await at.repository.removeWorktree(at.worktree);
    expect(readFileSync(join(at.root, "a.txt"), "utf8")).toBe("one\n");
  });
});

describe("a repository that is moved away", () => {
  test("is named by every call, and all goes on when it is back", async () => {
    await at.repository.ensureWorktree(at.worktree, at.head);
    at.fixture.write(at.worktree, { "new.txt": "n" });
    const away = `${at.root} away`;
    renameSync(at.root, away);
    const options = { parent: at.head, ref: "refs/loopr/loops/1", message: "x", author: "A <a@b>" };
    const calls: Record<string, () => Promise<unknown>> = {
      resolve: () => at.repository.resolve("HEAD"),
      diff: () => at.repository.diff(at.head, at.head, 100),
      ensureWorktree: () => at.repository.ensureWorktree(at.worktree, at.head),
      isWorktree: () => at.repository.isWorktree(at.worktree),
      isDirty: () => at.repository.isDirty(at.worktree),
      commitAll: () => at.repository.commitAll(at.worktree, options),
      saveInterrupted: () => at.repository.saveInterrupted(at.worktree, options.ref, options.author),
      resetWorktree: () => at.repository.resetWorktree(at.worktree, at.head),
      checkoutClean: () => at.repository.checkoutClean(at.worktree, at.head),
      fastForward: () => at.repository.fastForward("main", at.head),
      targetBlocked: () => at.repository.targetBlocked("main"),
      reopen: () => createGit(at.fixture.env).reopen(at.repository.project),
    };
    for (const [name, call] of Object.entries(calls)) {
      const error = await call().catch((thrown: unknown) => thrown);
      const message = `the repository ${join(at.root, ".git")} is not there any more`;
      expect({ name, error }).toMatchObject({ name, error: { code: "repository_gone", message } });
    }
    expect(existsSync(join(at.worktree, "new.txt"))).toBe(true);
    renameSync(away, at.root);
    await at.repository.ensureWorktree(at.worktree, at.head);
    expect((await at.repository.commitAll(at.worktree, options)).changed).toBe(true);
  });

  test("its worktrees can be removed", async () => {
    await at.repository.ensureWorktree(at.worktree, at.head);
    rmSync(at.root, { recursive: true });
    await at.repository.removeWorktree(at.worktree);
    expect(existsSync(at.worktree)).toBe(false);
  });
});

test("git at work in a worktree when the repository goes says so, not what git says", async () => {
  await at.repository.ensureWorktree(at.worktree, at.head);
  const gitDir = join(at.root, ".git", "worktrees", "work");
  const git = gitAt(at.fixture.env, { kind: "worktree", gitDir, workTree: at.worktree, ours: true });
  rmSync(gitDir, { recursive: true });
  expect(await git(["status"]).catch((error: unknown) => error)).toMatchObject({ code: "worktree_gone" });
  rmSync(at.root, { recursive: true });
  expect(await git(["status"]).catch((error: unknown) => error)).toMatchObject({ code: "repository_gone" });
  const none = gitAt({ PATH: "/nowhere" }, { kind: "discover", directory: "/" });
  expect(await none(["status"]).catch((error: unknown) => error)).toMatchObject({ code: "git_unusable" });
});

test("a path that is no worktree is an error with a code", async () => {
  const error = await at.repository.headOf(at.root).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "worktree_gone" });
});
