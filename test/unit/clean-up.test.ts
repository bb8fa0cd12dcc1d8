// What a loop that has ended leaves behind, wherever a crash cut its removal off.
import { expect, test } from "bun:test";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cleanUp } from "../../src/engine/task.ts";
import { author, useWorktree } from "../support/git-worktree.ts";

const at = useWorktree({ worktree: "wt/1-abc/work" });

const registered = () =>
  at.fixture
    .git(at.root, "worktree", "list", "--porcelain")
    .split("\n")
    .filter((line) => line.startsWith("worktree "));

const cuts: { name: string; cut: (work: string, check: string) => void }[] = [
  { name: "before it began", cut: () => undefined },
  { name: "between the files and the registration", cut: (work) => rmSync(work, { recursive: true }) },
  { name: "in the middle of the files", cut: (work) => rmSync(join(work, ".git")) },
  {
    name: "before the checkout of the check",
    cut: (work) => {
      at.fixture.git(at.root, "worktree", "remove", "--force", "--force", work);
    },
  },
  {
    name: "between the files of the checkout and its registration",
    cut: (work, check) => {
      at.fixture.git(at.root, "worktree", "remove", "--force", "--force", work);
      rmSync(check, { recursive: true });
    },
  },
];

for (const { name, cut } of cuts) {
  test(`a removal that was cut off ${name} is made complete`, async () => {
    const work = at.worktree;
    const check = join(work, "..", "check");
    await at.repository.ensureWorktree(check, at.head);
    cut(work, check);
    const { repository } = at;
    const workspace = { repository, run: { author }, workDir: () => work, checkDir: () => check };
    await cleanUp({ id: "1-abc", iteration: 1 }, workspace);
    expect(registered()).toEqual([`worktree ${at.root}`]);
    expect(existsSync(join(work, ".."))).toBe(false);
  });
}
