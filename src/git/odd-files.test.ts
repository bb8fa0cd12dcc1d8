import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { deepDirectory, gitFixture, type GitFixture } from "../../test/support/git-fixture.ts";
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

describe("what no commit holds", () => {
  test("refused: new links to absolute paths and out of the worktree, at any step of the way", async () => {
    for (const [name, target] of [
      ["src/pw", "/etc/passwd"],
      ["up", ".."],
      ["src/up", "../../x"],
      ["self", worktree],
      ["git", ".git"],
      ["nothing", "gone/../../x"],
    ] as const) {
      symlinkSync(target, join(worktree, name));
      expect(await refusal(commit())).toMatchObject(refused(name));
      rmSync(join(worktree, name));
    }
    // Each alone looks harmless; together they lead out.
    fixture.write(worktree, { "d/e/f": "f" });
    symlinkSync("../..", join(worktree, "d", "e", "top"));
    symlinkSync("d/e/top/../x", join(worktree, "through"));
    expect(await refusal(commit())).toMatchObject(refused("through"));
    rmSync(join(worktree, "through"));
    for (const [name, target] of [
      ["fine", "src/../a.txt"],
      ["dangling", "d/gone/../x"],
      ["circle", "circle"],
      ["src/up", "../a.txt"],
    ] as const)
      symlinkSync(target, join(worktree, name));
    expect(await paths((await commit()).commit)).toContain("added src/up");
  });

  test("a link out of the worktree that was there before may stay, but not be bent", async () => {
    symlinkSync("/etc/passwd", join(root, "pw"));
    fixture.git(root, "add", "pw");
    fixture.git(root, "commit", "--quiet", "-m", "pw");
    const parent = fixture.git(root, "rev-parse", "HEAD");
    await repository.resetWorktree(worktree, parent);
    fixture.write(worktree, { "a.txt": "x\n" });
    expect((await commit(parent)).changed).toBe(true);
    rmSync(join(worktree, "pw"));
    symlinkSync("/etc/shadow", join(worktree, "pw"));
    expect(await refusal(commit(parent))).toMatchObject(refused("pw"));
  });

  test("refused: names that git does not store, paths that are too long", async () => {
    fixture.write(worktree, { "git~1": "x" });
    expect(await refusal(commit())).toMatchObject(refused("git~1"));
    rmSync(join(worktree, "git~1"));
    deepDirectory(worktree);
    expect(await refusal(commit())).toMatchObject(refused("too long"));
    await repository.resetWorktree(worktree, head);
    expect(await repository.isDirty(worktree)).toBe(false);
    expect((await commit()).changed).toBe(false);
  });

  test("a FIFO in place of .gitignore or .gitattributes makes no git wait", async () => {
    for (const name of [".gitignore", "src/.gitignore", "src/.gitattributes"]) {
      rmSync(join(worktree, name), { force: true });
      spawnSync("mkfifo", [join(worktree, name)]);
    }
    fixture.write(worktree, { "src/b.txt": "x\n" });
    expect(await repository.isDirty(worktree)).toBe(true);
    spawnSync("mkfifo", [join(worktree, "src/.gitignore")]);
    expect(await paths((await commit()).commit)).toEqual(["deleted .gitignore", "modified src/b.txt"]);
    spawnSync("mkfifo", [join(worktree, "src/.gitattributes")]);
    await repository.resetWorktree(worktree, head);
    mkdirSync(join(worktree, "src/.gitignore"));
    expect((await commit()).changed).toBe(false);
  });
});
