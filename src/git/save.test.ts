import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { deepDirectory, gitFixture, type GitFixture } from "../../test/support/git-fixture.ts";
import type { Repository } from "../engine/ports.ts";
import { createGit } from "./git.ts";

const author = "Ada Person <ada@example.com>";
const interrupted = "refs/loopr/interrupted/1-abc/1";

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

const paths = async (to: string) =>
  (await repository.changes(head, to)).map(({ status, path }) => `${status} ${path}`);

describe("saveInterrupted", () => {
  test("clean: false, and no ref", async () => {
    expect(await repository.saveInterrupted(worktree, interrupted, author)).toBe(false);
    expect(await repository.resolve(interrupted)).toBeNull();
  });

  test("keeps what a commit would refuse, and leaves worktree and index alone", async () => {
    fixture.git(fixture.root, "init", "--quiet", join(worktree, "nested"));
    fixture.write(worktree, {
      "a.txt": "changed\n",
      "nested/n.txt": "n",
      "nested/deep/m.txt": "m",
      "x.log": "ignored",
    });
    writeFileSync(join(worktree, "big.bin"), Buffer.alloc(11 * 1024 * 1024));
    spawnSync("mkfifo", [join(worktree, "fifo")]);
    fixture.git(worktree, "add", "a.txt");
    const before = fixture.git(worktree, "status", "--porcelain");
    expect(await repository.saveInterrupted(worktree, interrupted, author)).toBe(true);
    expect(await paths(interrupted)).toEqual([
      "modified a.txt",
      "added big.bin",
      "added nested/deep/m.txt",
      "added nested/n.txt",
    ]);
    expect(fixture.git(worktree, "status", "--porcelain")).toBe(before);
    expect(await repository.headOf(worktree)).toBe(head);
    expect(await repository.saveInterrupted(worktree, interrupted, author)).toBe(true);
  });

  test("a repository nested in a nested one is saved too", async () => {
    fixture.git(fixture.root, "init", "--quiet", join(worktree, "one", "two"));
    fixture.git(fixture.root, "init", "--quiet", join(worktree, "one"));
    fixture.write(worktree, { "one/two/x": "x" });
    expect(await repository.saveInterrupted(worktree, interrupted, author)).toBe(true);
    expect(await paths(interrupted)).toEqual(["added one/two/x"]);
  });

  test("what cannot be kept is left out and named; everything else is kept", async () => {
    fixture.git(fixture.root, "init", "--quiet", join(worktree, "nested"));
    fixture.write(worktree, {
      "kept.txt": "k",
      "git~1": "x",
      "nested/git~1": "x",
      "nested/n.txt": "n",
      "src/.gitmodules/x": "x",
    });
    writeFileSync(Buffer.concat([Buffer.from(`${worktree}/nested/`), Buffer.from([0xff])]), "bytes");
    rmSync(join(worktree, "a.txt"));
    spawnSync("mkfifo", [join(worktree, "a.txt"), join(worktree, "nested", "fifo")]);
    symlinkSync("/etc/passwd", join(worktree, "pw"));
    symlinkSync("a.txt", join(worktree, ".gitmodules"));
    const sparse = spawnSync("truncate", ["-s", "300G", join(worktree, "huge")]);
    expect(sparse.status).toBe(0);
    deepDirectory(worktree);
    const socket = createServer().listen(join(worktree, "nested", "socket"));
    await new Promise((resolve) => socket.once("listening", resolve));
    expect(await repository.saveInterrupted(worktree, interrupted, author)).toBe(true);
    await new Promise((resolve) => socket.close(resolve));
    expect(await paths(interrupted)).toEqual([
      "deleted a.txt",
      "added kept.txt",
      "added nested/n.txt",
      "added nested/\udcff",
      "added pw",
      "added src/.gitmodules/x",
    ]);
    const [saved] = await repository.log(head, interrupted);
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
    fixture.write(worktree, { "kept.txt": "k", "src/b.txt": "x\n" });
    fixture.git(worktree, "update-index", "--add", "--cacheinfo", `100644,${id},src/b.txt`);
    fixture.git(worktree, "update-index", "--add", "--cacheinfo", `160000,${id},sub`);
    mkdirSync(join(worktree, "sub"));
    expect(await repository.saveInterrupted(worktree, interrupted, author)).toBe(true);
    expect(await paths(interrupted)).toContain("added kept.txt");
    expect(await paths(interrupted)).toContain("modified src/b.txt");
  });

  test.skipIf(process.getuid?.() !== 0)(
    "files and directories without permissions, as an ordinary user",
    () => {
      fixture.git(fixture.root, "init", "--quiet", join(worktree, "nested"));
      fixture.write(worktree, { "new/x": "x", "nested/deep/n": "n", "src/b.txt": "x\n" });
      for (const name of ["new/x", "new", "nested/deep/n", "nested/deep", "src/b.txt", "src"])
        chmodSync(join(worktree, name), 0);
      spawnSync("chown", ["-R", "65534:65534", fixture.root]);
      const script = `
      import { createGit } from ${JSON.stringify(join(import.meta.dir, "git.ts"))};
      const { repository, head } = await createGit().open(${JSON.stringify(root)});
      await repository.saveInterrupted(${JSON.stringify(worktree)}, "${interrupted}", "A <a@b>");
      console.log((await repository.changes(head, "${interrupted}")).map(({ path }) => path).join());`;
      const result = spawnSync(process.execPath, ["-e", script], {
        uid: 65534,
        gid: 65534,
        env: fixture.env,
        cwd: fixture.root,
        encoding: "utf8",
      });
      expect([result.stderr, result.stdout]).toEqual(["", "nested/deep/n,new/x,src/b.txt\n"]);
    },
  );
});
