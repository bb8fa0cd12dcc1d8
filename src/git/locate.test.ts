import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { withHome } from "../../test/support/harness.ts";
import { createGit } from "./git.ts";
import { locateProject } from "./locate.ts";

test("the project that is located is the one that git opens: checkout, subdirectory, linked worktree", async () => {
  await withHome(async (home) => {
    const { root, env } = home;
    const git = createGit(env);
    const repo = home.repository();
    mkdirSync(join(repo.dir, "a", "b"), { recursive: true });
    const linked = join(root, "linked tree");
    repo.git("worktree", "add", "-q", "-b", "linked", linked);
    for (const directory of [repo.dir, join(repo.dir, "a", "b"), linked, join(linked, "..", "linked tree")]) {
      const opened = (await git.open(directory)).repository.project.hash;
      expect(await locateProject(directory)).toBe(opened);
      expect(await git.projectOf(directory)).toBe(opened);
    }
  });
});

test("what cannot be located is left to git: a bare repository is found, none at all is refused", async () => {
  await withHome(async (home) => {
    const { root, env } = home;
    const git = createGit(env);
    const repo = home.repository();
    const bare = join(root, "bare.git");
    repo.git("clone", "-q", "--bare", repo.dir, bare);
    expect(await locateProject(bare)).toBe(null);
    expect(await git.projectOf(bare)).toBe((await git.open(bare)).repository.project.hash);
    const refusal = (of: string, by = git): Promise<unknown> =>
      by.projectOf(of).catch((error: unknown) => error);
    const withoutGit = createGit({ ...env, PATH: join(root, "no-programs") });
    expect(await refusal(root)).toMatchObject({ code: "not_a_repository" });
    // No git is started for that, and one is where there is something that only git can judge.
    expect(await refusal(root, withoutGit)).toMatchObject({ code: "not_a_repository" });
    expect(await refusal(bare, withoutGit)).toMatchObject({ code: "git_unusable" });
    expect(await refusal(join(root, "missing"))).toMatchObject({ code: "not_a_repository" });
  });
});
