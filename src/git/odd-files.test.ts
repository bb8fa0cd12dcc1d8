import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { deepDirectory } from "../../test/support/git-fixture.ts";
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

describe("what no commit holds", () => {
  test("refused: new links to absolute paths and out of the worktree, at any step of the way", async () => {
    for (const [name, target] of [
      ["src/pw", "/etc/passwd"],
      ["up", ".."],
      ["src/up", "../../x"],
      ["self", at.worktree],
      ["git", ".git"],
      ["nothing", "gone/../../x"],
    ] as const) {
      symlinkSync(target, join(at.worktree, name));
      expect(await refusal(at.commit())).toMatchObject(refused(name));
      rmSync(join(at.worktree, name));
    }
    // Each alone looks harmless; together they lead out.
    at.fixture.write(at.worktree, { "d/e/f": "f" });
    symlinkSync("../..", join(at.worktree, "d", "e", "top"));
    symlinkSync("d/e/top/../x", join(at.worktree, "through"));
    expect(await refusal(at.commit())).toMatchObject(refused("through"));
    rmSync(join(at.worktree, "through"));
    for (const [name, target] of [
      ["fine", "src/../a.txt"],
      ["dangling", "d/gone/../x"],
      ["circle", "circle"],
      ["src/up", "../a.txt"],
    ] as const)
      symlinkSync(target, join(at.worktree, name));
    expect(await at.paths((await at.commit()).commit)).toContain("added src/up");
  });

  test("a link out of the worktree that was there before may stay, but not be bent", async () => {
    symlinkSync("/etc/passwd", join(at.root, "pw"));
    at.fixture.git(at.root, "add", "pw");
    at.fixture.git(at.root, "commit", "--quiet", "-m", "pw");
    const parent = at.fixture.git(at.root, "rev-parse", "HEAD");
    await at.repository.resetWorktree(at.worktree, parent);
    at.fixture.write(at.worktree, { "a.txt": "x\n" });
    expect((await at.commit(parent)).changed).toBe(true);
    rmSync(join(at.worktree, "pw"));
    symlinkSync("/etc/shadow", join(at.worktree, "pw"));
    expect(await refusal(at.commit(parent))).toMatchObject(refused("pw"));
  });

  test("a link out of the worktree that one commit removed may come back in the next as it was", async () => {
    symlinkSync("/etc/passwd", join(at.root, "pw"));
    at.fixture.git(at.root, "add", "pw");
    at.fixture.git(at.root, "commit", "--quiet", "-m", "pw");
    const base = at.fixture.git(at.root, "rev-parse", "HEAD");
    await at.repository.resetWorktree(at.worktree, base);
    rmSync(join(at.worktree, "pw"));
    const parent = (await at.commit(base)).commit;
    const again = () =>
      at.repository.commitAll(at.worktree, { parent, ref, message: "loopr: x", author, base });
    symlinkSync("/etc/shadow", join(at.worktree, "pw"));
    expect(await refusal(again())).toMatchObject(refused("pw"));
    rmSync(join(at.worktree, "pw"));
    symlinkSync("/etc/passwd", join(at.worktree, "pw"));
    expect(await refusal(at.commit(parent))).toMatchObject(refused("pw"));
    expect((await again()).changed).toBe(true);
  });

  test("refused: names that git does not store, paths that are too long", async () => {
    at.fixture.write(at.worktree, { "git~1": "x" });
    expect(await refusal(at.commit())).toMatchObject(refused("git~1"));
    rmSync(join(at.worktree, "git~1"));
    deepDirectory(at.worktree);
    expect(await refusal(at.commit())).toMatchObject(refused("too long"));
    await at.repository.resetWorktree(at.worktree, at.head);
    expect(await at.repository.isDirty(at.worktree)).toBe(false);
    expect((await at.commit()).changed).toBe(false);
  });

  test("a FIFO in place of .gitignore or .gitattributes makes no git wait", async () => {
    for (const name of [".gitignore", "src/.gitignore", "src/.gitattributes"]) {
      rmSync(join(at.worktree, name), { force: true });
      spawnSync("mkfifo", [join(at.worktree, name)]);
    }
    at.fixture.write(at.worktree, { "src/b.txt": "x\n" });
    expect(await at.repository.isDirty(at.worktree)).toBe(true);
    spawnSync("mkfifo", [join(at.worktree, "src/.gitignore")]);
    expect(await at.paths((await at.commit()).commit)).toEqual(["deleted .gitignore", "modified src/b.txt"]);
    spawnSync("mkfifo", [join(at.worktree, "src/.gitattributes")]);
    await at.repository.resetWorktree(at.worktree, at.head);
    mkdirSync(join(at.worktree, "src/.gitignore"));
    expect((await at.commit()).changed).toBe(false);
  });
});
