import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gitFixture, type GitFixture } from "../../test/support/git-fixture.ts";
import { LooprError } from "../lib/errors.ts";
import { createGit } from "./git.ts";
import { gitVersion } from "./version.ts";

/** `expect.stringContaining` without its `any`. */
const containing = (text: string): unknown => expect.stringContaining(text);

let fixture: GitFixture;
beforeEach(() => {
  fixture = gitFixture();
});
afterEach(() => fixture.remove());

const open = (directory: string) => createGit(fixture.env).open(directory);

async function refusal(promise: Promise<unknown>): Promise<LooprError> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof LooprError)) throw new Error(`expected a LooprError, got ${String(error)}`);
  return error;
}

/** A program in a directory of its own that can be put first on PATH. */
function program(name: string, script: string): string {
  const directory = join(fixture.root, `bin-${name}`);
  mkdirSync(directory);
  writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(directory, name), 0o755);
  return directory;
}

describe("open", () => {
  test.each(["master", "trunk", "feature/ü-x"])("a branch named %s", async (name) => {
    const root = fixture.repository("repo");
    fixture.git(root, "branch", "-m", name);
    const opened = await open(root);
    expect(opened.branch).toBe(name);
    expect(opened.head).toBe(fixture.git(root, "rev-parse", "HEAD"));
    expect(await opened.repository.resolve(`refs/heads/${name}`)).toBe(opened.head);
  });

  test("a subdirectory of a path with spaces and umlauts", async () => {
    const root = fixture.repository("Mein Größtes Projekt (1)'s", { "unter verz/ä.txt": "x\n" });
    const opened = await open(join(root, "unter verz"));
    expect(opened.subdir).toBe("unter verz");
    expect(opened.repository.project.root).toBe(root);
    const hash = createHash("sha256").update(join(root, ".git")).digest("hex").slice(0, 16);
    expect(opened.repository.project).toEqual({ hash, root, common_dir: join(root, ".git") });
  });

  test("a path with a line break", async () => {
    const root = fixture.repository("line\nbreak", { "sub\n/a": "x\n" });
    const opened = await open(join(root, "sub\n"));
    expect([opened.repository.project.root, opened.subdir]).toEqual([root, "sub\n"]);
  });

  test("linked worktrees are one project, each with its own root and branch", async () => {
    const root = fixture.repository("repo");
    const linked = join(fixture.root, "linked");
    fixture.git(root, "worktree", "add", "--quiet", "-b", "side", linked);
    const [first, second] = [await open(root), await open(linked)];
    expect(second.repository.project).toEqual({ ...first.repository.project, root: linked });
    expect(second.branch).toBe("side");
  });

  test("a bare repository, and a worktree of one", async () => {
    const root = fixture.repository("repo");
    const bare = join(fixture.root, "bare.git");
    fixture.git(fixture.root, "clone", "--quiet", "--bare", root, bare);
    const opened = await open(bare);
    expect([opened.repository.project.root, opened.branch, opened.subdir]).toEqual([bare, "main", ""]);
    const linked = join(fixture.root, "linked");
    fixture.git(bare, "worktree", "add", "--quiet", "-b", "side", linked);
    const side = await open(linked);
    expect(side.repository.project).toEqual({ ...opened.repository.project, root: linked });
    expect(await side.repository.targetBlocked("side")).toBeNull();
  });

  test("a git directory elsewhere, and a submodule", async () => {
    const work = join(fixture.root, "work");
    fixture.git(
      fixture.root,
      "init",
      "--quiet",
      "-b",
      "main",
      "--separate-git-dir",
      join(fixture.root, "store"),
      work,
    );
    fixture.git(work, "commit", "--quiet", "--allow-empty", "-m", "first");
    const opened = await open(work);
    expect(opened.repository.project.root).toBe(work);
    fixture.write(work, { a: "1" });
    fixture.git(work, "add", "a");
    expect((await opened.repository.targetBlocked("main"))?.reason).toBe("dirty");

    const outer = fixture.repository("outer");
    const inner = fixture.repository("inner");
    fixture.git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "mod");
    fixture.git(outer, "commit", "--quiet", "-m", "submodule");
    const submodule = await open(join(outer, "mod"));
    expect(submodule.repository.project.root).toBe(join(outer, "mod"));
    fixture.write(join(outer, "mod"), { "a.txt": "dirty" });
    expect((await submodule.repository.targetBlocked("main"))?.reason).toBe("dirty");
    expect(await opened.repository.resolve("refs/heads/main")).not.toBeNull();
  });

  test("detached: no branch, but a head", async () => {
    const root = fixture.repository("repo");
    fixture.git(root, "checkout", "--quiet", "--detach");
    const opened = await open(root);
    expect([opened.branch, opened.head]).toEqual([null, fixture.git(root, "rev-parse", "HEAD")]);
  });
});

describe("refusals", () => {
  test("no repository, no directory, inside .git", async () => {
    const plain = join(fixture.root, "plain");
    mkdirSync(plain);
    expect((await refusal(open(plain))).code).toBe("not_a_repository");
    expect((await refusal(open(join(plain, "missing")))).code).toBe("not_a_repository");
    const inside = await refusal(open(join(fixture.repository("repo"), ".git")));
    expect(inside).toMatchObject({ code: "not_a_repository", message: containing("inside a git directory") });
  });

  test("no commit yet", async () => {
    const root = join(fixture.root, "unborn");
    mkdirSync(root);
    fixture.git(root, "init", "--quiet");
    const error = await refusal(open(root));
    expect(error).toMatchObject({ code: "no_commit", hint: containing("git commit") });
  });

  test("a repository that git refuses says why", async () => {
    const root = fixture.repository("repo");
    fixture.git(root, "config", "core.repositoryFormatVersion", "99");
    const error = await refusal(open(root));
    expect(error).toMatchObject({ code: "repository_unusable", message: containing("99") });
    writeFileSync(join(root, ".git", "config"), "[core\nbroken");
    expect((await refusal(open(root))).code).toBe("repository_unusable");
  });

  test("HEAD names an object that is not there", async () => {
    const root = fixture.repository("repo");
    writeFileSync(join(root, ".git", "refs", "heads", "main"), `${"1".repeat(40)}\n`);
    expect((await refusal(open(root))).code).toBe("repository_unusable");
  });

  test.skipIf(process.getuid?.() !== 0)("a repository of somebody else", async () => {
    const root = fixture.repository("repo");
    for (const path of [root, join(root, ".git")]) chownSync(path, 12345, 12345);
    const error = await refusal(open(root));
    expect(error).toMatchObject({ code: "repository_unusable", message: containing("ownership") });
    fixture.git(root, "config", "--global", "safe.directory", root);
    expect((await open(root)).branch).toBe("main");
  });

  test("reopen: the same repository wherever the person is, or repository_gone", async () => {
    const root = fixture.repository("repo");
    const { repository } = await open(root);
    const again = await createGit(fixture.env).reopen(repository.project);
    expect(await again.resolve("main")).toBe(fixture.git(root, "rev-parse", "main"));
    renameSync(root, join(fixture.root, "moved"));
    expect((await refusal(createGit(fixture.env).reopen(repository.project))).code).toBe("repository_gone");
    mkdirSync(join(root, ".git"), { recursive: true });
    expect((await refusal(createGit(fixture.env).reopen(repository.project))).code).toBe("repository_gone");
  });

  test("git missing, too old, or not git", async () => {
    expect(await gitVersion(fixture.env)).toMatch(/^\d+\.\d+/);
    const empty = join(fixture.root, "empty");
    mkdirSync(empty);
    const missing = await refusal(createGit({ ...fixture.env, PATH: empty }).open(fixture.root));
    expect(missing).toMatchObject({ code: "git_unusable", hint: containing("install git") });
    const old = program("git", "echo git version 2.37.1");
    const tooOld = await refusal(gitVersion({ ...fixture.env, PATH: `${old}:/usr/bin:/bin` }));
    expect([tooOld.code, tooOld.message]).toEqual(["git_unusable", "git 2.37.1 is too old"]);
    rmSync(old, { recursive: true });
    const other = program("git", "echo hello");
    expect((await refusal(gitVersion({ ...fixture.env, PATH: other }))).code).toBe("git_unusable");
  });
});

test("variables of git in the environment lead nowhere", async () => {
  const root = fixture.repository("repo");
  const other = fixture.repository("other", { "z.txt": "z\n" });
  const env = {
    ...fixture.env,
    GIT_DIR: join(other, ".git"),
    GIT_WORK_TREE: other,
    GIT_INDEX_FILE: join(other, "index"),
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "core.bare",
    GIT_CONFIG_VALUE_0: "true",
    GIT_OBJECT_DIRECTORY: "/nonexistent",
  };
  const { repository } = await createGit(env).open(root);
  expect(repository.project.root).toBe(root);
  expect(await repository.files("HEAD")).toEqual(["a.txt", "src/b.txt"]);
});
