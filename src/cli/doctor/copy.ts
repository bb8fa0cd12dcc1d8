// worktree.copy: whether this file system can do it, and what of it leads back into the checkout.
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { matcher } from "../../domain/tree-paths.ts";
import { shownPaths } from "../../domain/shown-paths.ts";
import { cannotClone, cloneFile, leaksInto, matchingPaths } from "../../lib/clone.ts";
import { failed, ok, warn, type Finding } from "./finding.ts";

const name = "worktree.copy";

/** Nothing where nothing is to be copied. `dataDir`: where worktrees are made. */
export async function checkCopy(
  patterns: readonly string[],
  root: string,
  dataDir: string,
): Promise<Finding[]> {
  if (patterns.length === 0) return [];
  try {
    const paths = await matchingPaths(root, patterns, matcher(patterns));
    if (paths.length === 0) {
      return [
        warn(name, `nothing in ${root} matches ${patterns.join(", ")}`, "install it, or remove the key"),
      ];
    }
    const leaks = await leaksInto(root, root, paths);
    const found = leaks.length === 0 ? [] : [leading(leaks)];
    if (await canClone(root, paths, dataDir)) return [ok(name, shownPaths(paths)), ...found];
    return [
      warn(
        name,
        `${shownPaths(paths)} cannot be copied on write to ${dataDir}: the file system cannot do that there`,
        remedy,
      ),
      ...found,
    ];
  } catch (error) {
    return [failed(name, error)];
  }
}

const remedy =
  "put the checkout and Loopr's home on one file system that can (btrfs, XFS), or leave it to worktree.setup";

function leading(leaks: readonly string[]): Finding {
  return warn(
    name,
    `${shownPaths(leaks)} leads into this checkout and is not taken along`,
    "let worktree.setup install it in each worktree",
  );
}

/** Tries it with one file. */
async function canClone(root: string, paths: readonly string[], dataDir: string): Promise<boolean> {
  const file = await firstFile(root, paths);
  if (file === null) return true;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const scratch = await mkdtemp(join(dataDir, "clone-"));
  try {
    await cloneFile(file, join(scratch, "file"));
    return true;
  } catch (error) {
    if (cannotClone(error)) return false;
    throw error;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function firstFile(root: string, paths: readonly string[]): Promise<string | null> {
  for (const path of paths) {
    const inside = await readdir(join(root, path), { withFileTypes: true, recursive: true }).catch(
      () => null,
    );
    if (inside === null) return join(root, path);
    const file = inside.find((entry) => entry.isFile());
    if (file !== undefined) return join(file.parentPath, file.name);
  }
  return null;
}
