// The second commit and the second checkout of a worktree, of which much is known: they come to what git alone comes
// to, whatever happened in between, and in fewer processes.
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { lstatSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { author, ref, useWorktree } from "../../test/support/git-worktree.ts";
import { createGit } from "./git.ts";

const files = {
  "a.txt": "one\n",
  "a/b/c.txt": "c\n",
  "a-b.txt": "dash\n",
  "a.b/x": "dot\n",
  "src/deep/d.txt": "d\n",
  ".gitignore": "*.log\n",
};
const at = useWorktree({ files });
const gitDir = () => join(at.root, ".git", "worktrees", "work");

/** Git on PATH writes down what it is asked. */
async function counting() {
  const bin = join(at.fixture.root, "bin");
  const log = join(at.fixture.root, "asked");
  mkdirSync(bin);
  const real = at.fixture.env["PATH"] ?? "";
  const script = `#!/bin/sh\nfor a; do case $a in -*|*=*) ;; *) echo $a >> ${log}; break;; esac; done\nPATH="${real}" exec git "$@"\n`;
  writeFileSync(join(bin, "git"), script, { mode: 0o755 });
  const { repository } = await createGit({ ...at.fixture.env, PATH: `${bin}:${real}` }).open(at.root);
  const asked = () => readFileSync(log, "utf8").trim().split("\n");
  return {
    repository,
    during: async (work: () => Promise<unknown>) => {
      writeFileSync(log, "");
      await work();
      return asked().toSorted();
    },
  };
}

/** Times of all that is there long enough ago for the clock's steps not to matter. */
const agedSeconds = 100;
function age(): void {
  const then = Date.now() / 1000 - agedSeconds;
  for (const name of Object.keys(files)) utimesSync(join(at.worktree, name), then, then);
}

test("a changed file: no process for the commit, none for the checkout, and objects that git finds sound", async () => {
  const { repository, during } = await counting();
  const check = join(at.fixture.root, "wt", "check");
  await repository.ensureWorktree(check, at.head);
  await repository.checkoutClean(check, at.head);
  const options = { parent: at.head, ref, message: "loopr: x\n\nwith a body\n", author };
  age();
  const first = await repository.commitAll(at.worktree, options);
  expect(first.changed).toBe(false);
  at.fixture.write(at.worktree, { "src/deep/d.txt": "changed\n" });
  let made = first;
  const committing = await during(async () => {
    made = await repository.commitAll(at.worktree, options);
  });
  expect(committing).toEqual([""]);
  expect(await during(() => repository.changes(at.head, made.commit))).toEqual([""]);
  expect(await during(() => repository.checkoutClean(check, made.commit))).toEqual([""]);
  expect(readFileSync(join(check, "src/deep/d.txt"), "utf8")).toBe("changed\n");
  expect(at.fixture.git(at.root, "fsck", "--strict", "--no-dangling")).toBe("");
  expect(at.fixture.git(at.root, "log", "-1", "--format=%an <%ae>%n%cn%n%B%P", ref)).toBe(
    `Ada Person <ada@example.com>\nAda Person\nloopr: x\n\nwith a body\n${at.head}`,
  );
  for (const directory of [at.worktree, check])
    expect(at.fixture.git(directory, "status", "--porcelain", "--ignored")).toBe("");
  expect(at.fixture.git(at.worktree, "rev-parse", "HEAD")).toBe(made.commit);
});

describe("what a job may do to the git directory where no sandbox holds it", () => {
  const clean = async (commit = at.head) => {
    await at.repository.checkoutClean(at.worktree, commit);
    expect(at.fixture.git(at.worktree, "rev-parse", "HEAD")).toBe(commit);
    expect(at.fixture.git(at.worktree, "status", "--porcelain", "--ignored")).toBe("");
    for (const [name, text] of Object.entries(files))
      expect(readFileSync(join(at.worktree, name), "utf8")).toBe(text);
  };

  test("an index of its own, HEAD on a branch: the checkout is made from nothing", async () => {
    await clean();
    at.fixture.write(at.worktree, { "a.txt": "two\n" });
    at.fixture.git(at.worktree, "update-index", "--assume-unchanged", "a.txt");
    await clean();
    at.fixture.git(at.worktree, "checkout", "--quiet", "-b", "job");
    await clean();
    expect(at.fixture.git(at.root, "rev-parse", "job")).toBe(at.head);
    rmSync(join(gitDir(), "index"));
    spawnSync("mkfifo", [join(gitDir(), "index")]);
    await clean();
  });

  test("an index that names objects that are not there is git's to refuse", async () => {
    await clean();
    const nowhere = "1".repeat(40);
    spawnSync("git", ["update-index", "--add", "--cacheinfo", `100644,${nowhere},src/e`], {
      cwd: at.worktree,
    });
    age();
    const result = await at.commit().catch((error: unknown) => error);
    // It is not in the worktree, and so goes out of the index again.
    expect(result).toMatchObject({ changed: false });
  });

  test("configuration that is added between two commits: its filter does not run", async () => {
    await clean();
    at.fixture.write(at.worktree, { "a.txt": "two\n" });
    const first = await at.commit();
    at.fixture.git(at.root, "config", "filter.evil.clean", `touch ${join(at.fixture.root, "ran")}; cat`);
    at.fixture.write(at.worktree, { ".gitattributes": "* filter=evil\n", "a.txt": "three\n" });
    const second = await at.commit(first.commit);
    expect(second.changed).toBe(true);
    await at.repository.checkoutClean(at.worktree, second.commit);
    expect(lstatSync(join(at.fixture.root, "ran"), { throwIfNoEntry: false })).toBeUndefined();
  });
});
