import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gitFixture, type GitFixture } from "../../test/support/git-fixture.ts";
import { createGit } from "./git.ts";

let fixture: GitFixture;
beforeEach(() => {
  fixture = gitFixture();
});
afterEach(() => fixture.remove());

const author = "Ada Person <ada@example.com>";

test("a change goes from a worktree by way of a squash to the target", async () => {
  const root = fixture.repository("repo");
  const { repository, branch, head, subdir } = await createGit(fixture.env).open(join(root, "src"));
  expect([branch, subdir]).toEqual(["main", "src"]);
  const runBranch = await repository.createRunBranch("add-thing", "a1b2", head);
  expect(runBranch).toBe("loopr/add-thing-a1b2");
  const worktree = join(fixture.root, "wt", "work");
  await repository.ensureWorktree(worktree, head);
  fixture.write(worktree, { "new.txt": "new\n", "a.txt": "changed\n" });
  const ref = "refs/loopr/loops/1";
  const made = await repository.commitAll(worktree, {
    parent: head,
    ref,
    message: "loopr: x\n\nLoopr-Loop: 1",
    author,
  });
  expect(made.changed).toBe(true);
  expect(made.diffstat).toBe("2 files changed, 2 insertions(+), 1 deletion(-)");
  expect(await repository.resolve(ref)).toBe(made.commit);
  expect(await repository.headOf(worktree)).toBe(made.commit);
  expect(await repository.isDirty(worktree)).toBe(false);
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
  await repository.addNote(squash.commit, "evidence");
  expect(fixture.git(root, "notes", "--ref=loopr", "show", "main")).toBe("evidence");
  await repository.removeWorktree(worktree);
  expect(existsSync(worktree)).toBe(false);
  expect(fixture.git(root, "worktree", "list").split("\n")).toHaveLength(1);
});
