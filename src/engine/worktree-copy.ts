// worktree.copy: what the person's checkout has installed already, offered to a worktree as a copy-on-write copy.
import { lstat, rm } from "node:fs/promises";
import { join } from "node:path";
import { cannotClone, cloneFile, cloneTree, leaksInto, matchingPaths, type CloneFile } from "../lib/clone.ts";
import { matcher } from "../domain/tree-paths.ts";
import { shownPaths } from "../domain/shown-paths.ts";
import type { Workspace } from "./workspace.ts";

/** Offers each path that the worktree has not. What stands against one is a warning of the run. */
export async function offerCopies(
  workspace: Pick<Workspace, "run" | "repository" | "warn">,
  directory: string,
  clone: CloneFile = cloneFile,
): Promise<void> {
  const { run, warn } = workspace;
  const { root } = run.project;
  const patterns = run.config.worktree.copy;
  if (patterns.length === 0) return;
  if (root === run.project.common_dir) {
    warn(`worktree.copy: ${root} is a bare repository and has no checkout to copy from`);
    return;
  }
  const paths = await matchingPaths(root, patterns, matcher(patterns));
  for (const path of await copyable(workspace, directory, paths)) {
    if (await exists(join(directory, path))) continue;
    try {
      const leaks = await cloneTree({ root, to: directory, clone }, path);
      if (leaks.length > 0) {
        warn(
          `worktree.copy: ${shownPaths(leaks)} would lead out of the worktree to your checkout and was not taken along; worktree.setup can install it`,
        );
      }
    } catch (error) {
      await rm(join(directory, path), { recursive: true, force: true });
      if (!cannotClone(error)) throw error;
      warn(
        `worktree.copy: ${path} cannot be copied on write from ${root} to the worktrees in Loopr's home: the file system cannot do that there (btrfs, XFS and others can, within one file system). Nothing was copied; what is missing is left to worktree.setup`,
      );
      return;
    }
  }
}

/** Those that git ignores: anything else would be committed with the work, or stand in its way. */
async function copyable(
  { repository, warn }: Pick<Workspace, "repository" | "warn">,
  directory: string,
  paths: readonly string[],
): Promise<string[]> {
  // Some patterns of .gitignore speak of directories only.
  const names = paths.flatMap((path) => [path, `${path}/`]);
  const ignored = new Set(await repository.ignored(directory, names));
  const tracked = await repository.files(await repository.headOf(directory));
  const good = paths.filter((path) => {
    const isTracked = tracked.some((file) => file === path || file.startsWith(`${path}/`));
    return !isTracked && (ignored.has(path) || ignored.has(`${path}/`));
  });
  const others = paths.filter((path) => !good.includes(path));
  if (others.length > 0) {
    warn(
      `worktree.copy: git does not ignore ${shownPaths(others)} here, so it was not copied; .gitignore can name it`,
    );
  }
  return good;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Warns of installed dependencies through which the check would run the person's code instead of the run's. */
export async function warnOfLeaks(
  { run, warn }: Pick<Workspace, "run" | "warn">,
  directory: string,
  paths: readonly string[],
): Promise<void> {
  const leaks = await leaksInto(run.project.root, directory, paths);
  if (leaks.length === 0) return;
  warn(
    `a dependency of the check leads into your own checkout, whose code would run instead of the run's: ${shownPaths(leaks)}`,
  );
}
