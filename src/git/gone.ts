// A repository or worktree that is not where it was: moved or deleted by somebody while a run went on.
import { stat } from "node:fs/promises";
import { LooprError, systemCode } from "../lib/errors.ts";

/** What is to be done when a repository is gone; the same wherever it is noticed. */
export function repositoryGone(commonDir: string, cause?: unknown): LooprError {
  return new LooprError(
    "repository_gone",
    `the repository ${commonDir} is not there any more`,
    "move it back and run `loopr resume <id>`, or give its loops up with `loopr delete <id>`",
    { cause },
  );
}

export function worktreeGone(path: string, commonDir: string, cause?: unknown): LooprError {
  return new LooprError(
    "worktree_gone",
    `${path} is no worktree of ${commonDir} (any more)`,
    "`loopr resume <id>` makes it again from the last commit",
    { cause },
  );
}

/** The repository or worktree that git was to work in, if it is gone; null: both are there. */
export async function whatIsGone(gitDir: string, workTree: string | null, cause: unknown) {
  if (workTree === null) return (await isMissing(gitDir)) ? repositoryGone(gitDir, cause) : null;
  const commonDir = gitDir.replace(/\/worktrees\/[^/]+$/, "");
  if (await isMissing(commonDir)) return repositoryGone(commonDir, cause);
  const gone = (await isMissing(gitDir)) || (await isMissing(workTree));
  return gone ? worktreeGone(workTree, commonDir, cause) : null;
}

/** Missing, not unreadable: what cannot be looked at is there. */
export async function isMissing(path: string): Promise<boolean> {
  return stat(path).then(
    () => false,
    (error: unknown) => ["ENOENT", "ENOTDIR"].includes(systemCode(error)),
  );
}
