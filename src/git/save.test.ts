import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { deepDirectory } from "../../test/support/git-fixture.ts";
import { author, interrupted, useWorktree } from "../../test/support/git-worktree.ts";

const at = useWorktree();

describe("saveInterrupted", () => {
  test("clean: false, and no ref", async () => {
    expect(await at.repository.saveInterrupted(at.worktree, interrupted, author)).toBe(false);
    expect(await at.repository.resolve(interrupted)).toBeNull();
  });

  test("keeps what a commit would refuse, and leaves worktree and index alone", async () => {
    at.fixture.git(at.fixture.root, "init", "--quiet", join(at.worktree, "nested"));
    at.fixture.write(at.worktree, {
      "a.txt": "changed\n",
      "nested/n.txt": "n",
      "nested/deep/m.txt": "m",
      "x.log": "ignored",
    });
    writeFileSync(join(at.worktree, "big.bin"), Buffer.alloc(11 * 1024 * 1024));
    spawnSync("mkfifo", [join(at.worktree, "fifo")]);
    at.fixture.git(at.worktree, "add", "a.txt");
    const before = at.fixture.git(at.worktree, "status", "--porcelain");
    expect(await at.repository.saveInterrupted(at.worktree, interrupted, author)).toBe(true);
    expect(await at.paths(interrupted)).toEqual([
      "modified a.txt",
      "added big.bin",
      "added nested/deep/m.txt",
      "added nested/n.txt",
    ]);
    expect(at.fixture.git(at.worktree, "status", "--porcelain")).toBe(before);
    expect(await at.repository.headOf(at.worktree)).toBe(at.head);
    expect(await at.repository.saveInterrupted(at.worktree, interrupted, author)).toBe(true);
  });

  test("a repository nested in a nested one is saved too", async () => {
    at.fixture.git(at.fixture.root, "init", "--quiet", join(at.worktree, "one", "two"));
    at.fixture.git(at.fixture.root, "init", "--quiet", join(at.worktree, "one"));
    at.fixture.write(at.worktree, { "one/two/x": "x" });
    expect(await at.repository.saveInterrupted(at.worktree, interrupted, author)).toBe(true);
    expect(await at.paths(interrupted)).toEqual(["added one/two/x"]);
  });

  test("what cannot be kept is left out and named; everything else is kept", async () => {
    at.fixture.git(at.fixture.root, "init", "--quiet", join(at.worktree, "nested"));
    at.fixture.write(at.worktree, {
      "kept.txt": "k",
      "git~1": "x",
      "nested/git~1": "x",
      "nested/n.txt": "n",
      "src/.gitmodules/x": "x",
    });
    writeFileSync(Buffer.concat([Buffer.from(`${at.worktree}/nested/`), Buffer.from([0xff])]), "bytes");
    rmSync(join(at.worktree, "a.txt"));
    spawnSync("mkfifo", [join(at.worktree, "a.txt"), join(at.worktree, "nested", "fifo")]);
    symlinkSync("/etc/passwd", join(at.worktree, "pw"));
    symlinkSync("a.txt", join(at.worktree, ".gitmodules"));
    const sparse = spawnSync("truncate", ["-s", "300G", join(at.worktree, "huge")]);
    expect(sparse.status).toBe(0);
    deepDirectory(at.worktree);
    const socket = createServer().listen(join(at.worktree, "nested", "socket"));
    await new Promise((resolve) => socket.once("listening", resolve));
    expect(await at.repository.saveInterrupted(at.worktree, interrupted, author)).toBe(true);
    await new Promise((resolve) => socket.close(resolve));
    expect(await at.paths(interrupted)).toEqual([
      "deleted a.txt",
      "added kept.txt",
      "added nested/n.txt",
      "added nested/\udcff",
      "added pw",
      "added src/.gitmodules/x",
    ]);
    const [saved] = await at.repository.log(at.head, interrupted);
    for (const named of [
      "git~1: ",
      "nested/git~1: ",
      ".gitmodules: ",
      "a.txt: ",
      "nested/fifo: ",
      "huge: ",
      "dddd",
    ])
      expect(saved?.message).toContain(`  ${named}`);
  });

  test("an index of a job's making, which names objects that do not exist", async () => {
    const id = "1".repeat(40);
    at.fixture.write(at.worktree, { "kept.txt": "k", "src/b.txt": "x\n" });
    at.fixture.git(at.worktree, "update-index", "--add", "--cacheinfo", `100644,${id},src/b.txt`);
    at.fixture.git(at.worktree, "update-index", "--add", "--cacheinfo", `160000,${id},sub`);
    mkdirSync(join(at.worktree, "sub"));
    expect(await at.repository.saveInterrupted(at.worktree, interrupted, author)).toBe(true);
    expect(await at.paths(interrupted)).toContain("added kept.txt");
    expect(await at.paths(interrupted)).toContain("modified src/b.txt");
  });

  test.skipIf(process.getuid?.() !== 0)(
    "files and directories without permissions, as an ordinary user",
    () => {
      at.fixture.git(at.fixture.root, "init", "--quiet", join(at.worktree, "nested"));
      at.fixture.write(at.worktree, { "new/x": "x", "nested/deep/n": "n", "src/b.txt": "x\n" });
      for (const name of ["new/x", "new", "nested/deep/n", "nested/deep", "src/b.txt", "src"])
        chmodSync(join(at.worktree, name), 0);
      spawnSync("chown", ["-R", "65534:65534", at.fixture.root]);
      const script = `
      import { createGit } from ${JSON.stringify(join(import.meta.dir, "git.ts"))};
      const { repository, head } = await createGit().open(${JSON.stringify(at.root)});
      await repository.saveInterrupted(${JSON.stringify(at.worktree)}, "${interrupted}", "A <a@b>");
      console.log((await repository.changes(head, "${interrupted}")).map(({ path }) => path).join());`;
      const result = spawnSync(process.execPath, ["-e", script], {
        uid: 65534,
        gid: 65534,
        env: at.fixture.env,
        cwd: at.fixture.root,
        encoding: "utf8",
      });
      expect([result.stderr, result.stdout]).toEqual(["", "nested/deep/n,new/x,src/b.txt\n"]);
    },
  );
});
