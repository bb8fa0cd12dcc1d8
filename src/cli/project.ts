// The repository of the current directory, for commands that look at its configuration without a daemon.
import { createGit } from "../git/git.ts";
import { LooprError } from "../lib/errors.ts";
import { defaultDataDir } from "../lib/paths.ts";

export interface CheckedOutProject {
  /** Root of the checkout. */
  root: string;
  projectHash: string;
  /** The home, `~/.loopr`. */
  dataDir: string;
}

/** Throws `not_a_repository` (also for a bare one), `no_commit`, `repository_unusable`, `git_unusable`. */
export async function openProject(cwd: string): Promise<CheckedOutProject> {
  const { repository } = await createGit(process.env).open(cwd);
  const { root, hash, common_dir: commonDir } = repository.project;
  if (root === commonDir) {
    throw new LooprError("not_a_repository", `${root} is a bare repository`, "go to a checkout of it");
  }
  return { root, projectHash: hash, dataDir: defaultDataDir() };
}
