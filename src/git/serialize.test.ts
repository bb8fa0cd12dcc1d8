import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { withHome } from "../../test/support/harness.ts";
import { createGit } from "./git.ts";

test("many worktrees of one repository are made, listed and removed at the same time", async () => {
  await withHome(async (home) => {
    const repo = home.repository();
    const git = createGit(home.env);
    const paths = Array.from({ length: 12 }, (_, n) => join(home.root, "trees", String(n)));
    // As the engine does it: each through a repository of its own.
    await Promise.all(
      paths.map(async (path) => {
        const { repository, head } = await git.open(repo.dir);
        await repository.ensureWorktree(path, head);
        await repository.targetBlocked("main");
        await repository.ensureWorktree(path, head);
        expect(existsSync(join(path, "README.md"))).toBe(true);
        await repository.removeWorktree(path);
      }),
    );
    expect(repo.git("worktree", "list").split("\n")).toHaveLength(1);
  });
}, 60_000);
