// worktree.copy speaks of what git ignores: a tracked path in it is refused before the run begins.
import type { LoadedConfig } from "../config/load.ts";
import { matcher } from "../domain/tree-paths.ts";
import { shownPaths } from "../domain/shown-paths.ts";
import type { Repository } from "../engine/git-port.ts";
import { LooprError } from "../lib/errors.ts";

export async function requireUntracked(
  { config, origins }: LoadedConfig,
  repository: Repository,
  commit: string,
): Promise<void> {
  if (config.worktree.copy.length === 0) return;
  const files = await repository.files(commit);
  for (const path of config.worktree.copy) {
    const tracked = files.filter(matcher([path]));
    if (tracked.length === 0) continue;
    const { file, line } = origins.get("worktree.copy") ?? {};
    throw new LooprError(
      "config_invalid",
      `${file ?? "the configuration"}${line ? `:${line}` : ""}: worktree.copy holds ${JSON.stringify(path)}, which git tracks (${shownPaths(tracked)}); every worktree has its own`,
      "name only paths that .gitignore names, such as node_modules",
    );
  }
}
