// Finding the repository around a directory, or that of a stored project.
import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Project } from "../domain/run.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { gitAt, line, type Environment, type RunGit } from "./exec.ts";
import { lstatOf } from "./files.ts";
import { repositoryGone } from "./gone.ts";
import { resolve } from "./refs.ts";
import type { Remembered } from "./remembered.ts";

export interface Found {
  project: Project;
  branch: string | null;
  head: string;
  subdir: string;
}

const projectHashDigits = 16;

/** See `Git.open`. The only place where git looks for a repository by itself, and so checks its owner. */
export async function findRepository(environment: Environment, directory: string): Promise<Found> {
  const found = await stat(directory).catch(() => null);
  if (!found?.isDirectory())
    throw new LooprError("not_a_repository", `${directory} is not a directory`, "go to a git repository");
  const git = gitAt(environment, { kind: "discover", directory });
  const commonDir = await discover(git, directory);
  const bare = line(await git(["rev-parse", "--is-bare-repository"])) === "true";
  const insideGitDir = line(await git(["rev-parse", "--is-inside-git-dir"])) === "true";
  if (insideGitDir && !bare)
    throw new LooprError(
      "not_a_repository",
      `${directory} is inside a git directory, not in a checkout`,
      "go to the checkout",
    );
  const root = bare ? commonDir : line(await git(["rev-parse", "--show-toplevel"]));
  const prefix = bare ? "" : line(await git(["rev-parse", "--show-prefix"]));
  const symbolic = await git(["symbolic-ref", "--quiet", "HEAD"], { accept: [1] });
  return {
    project: { hash: projectHash(commonDir), root, common_dir: commonDir },
    branch: symbolic.code === 0 ? line(symbolic).replace(/^refs\/heads\//, "") : null,
    head: await headCommit(git, root),
    subdir: prefix.replace(/\/$/, ""),
  };
}

/** See `Git.reopen`: that the repository of a stored project is still there. */
export async function checkReopened(
  environment: Environment,
  project: Project,
  usable: Remembered<string>,
): Promise<void> {
  const { common_dir: commonDir } = project;
  if ((await realpath(commonDir).catch(() => null)) !== commonDir) throw repositoryGone(commonDir);
  const print = marksOf(commonDir);
  if (print !== null && usable.find(commonDir) === print) return;
  try {
    await gitAt(environment, { kind: "objects", gitDir: commonDir })(["rev-parse", "--git-dir"]);
  } catch (error) {
    throw repositoryGone(commonDir, error);
  }
  if (print !== null) usable.learn(commonDir, print);
}

/** By what git takes a directory for a repository, and whose it is; null where something of it is not there. */
function marksOf(commonDir: string): string | null {
  const marks: string[] = [];
  for (const name of ["", "HEAD", "config", "objects", "refs"]) {
    const found = statSync(join(commonDir, name), { throwIfNoEntry: false });
    if (!found) return null;
    marks.push([found.dev, found.ino, found.uid, found.mode].join());
    if (name === "config") marks.push(`${found.size} ${found.mtimeMs} ${found.ctimeMs}`);
  }
  return marks.join("\n");
}

async function discover(git: RunGit, directory: string): Promise<string> {
  try {
    return await realpath(line(await git(["rev-parse", "--path-format=absolute", "--git-common-dir"])));
  } catch (error) {
    if (error instanceof LooprError && error.code === "git_unusable") throw error;
    if (await hasRepositoryAbove(directory))
      throw new LooprError(
        "repository_unusable",
        `the git repository of ${directory} cannot be used: ${messageOf(error)}`,
        "try `git status` there",
        { cause: error },
      );
    throw noRepository(directory, error);
  }
}

export function noRepository(directory: string, cause?: unknown): LooprError {
  return new LooprError(
    "not_a_repository",
    `${directory} is not in a git repository`,
    "go to a git repository, or make one: git init && git add . && git commit",
    { cause },
  );
}

/**
 * Tells "there is none" from "git refuses the one that is there", without reading git's words: false is certain.
 * Throws where the directory is not there.
 */
export async function hasRepositoryAbove(directory: string): Promise<boolean> {
  for (let at = await realpath(directory); ; at = dirname(at)) {
    const [checkout, bare] = await Promise.all([lstatOf(join(at, ".git")), lstatOf(join(at, "objects"))]);
    if (checkout !== null || (bare !== null && (await lstatOf(join(at, "HEAD"))) !== null)) return true;
    if (at === dirname(at)) return false;
  }
}

async function headCommit(git: RunGit, root: string): Promise<string> {
  const commit = await resolve(git, "HEAD");
  if (commit !== null) return commit;
  const id = await git(["rev-parse", "--verify", "--quiet", "HEAD"], { accept: [1] });
  if (id.code === 0)
    throw new LooprError(
      "repository_unusable",
      `HEAD of ${root} names ${line(id)}, which is no readable commit`,
      "try `git fsck` there",
    );
  throw new LooprError(
    "no_commit",
    `the repository ${root} has no commit yet`,
    "make one: git add . && git commit -m 'first commit'",
  );
}

/** Linked worktrees share their common directory, and so are one project. */
export function projectHash(commonDir: string): string {
  return createHash("sha256").update(commonDir).digest("hex").slice(0, projectHashDigits);
}
