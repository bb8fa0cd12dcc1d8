// One repository: the engine's port, put together from what each file here does.
import { readFile, realpath } from "node:fs/promises";
import { join, resolve as resolvePath } from "node:path";
import type { Project } from "../domain/run.ts";
import type { Repository } from "../engine/git-port.ts";
import { headOf, honestIndex, ignoredNames, readIndex, resetWorktree, untrackedPaths } from "./checkout.ts";
import { checkoutClean } from "./clean-checkout.ts";
import { commitFiles } from "./commit-files.ts";
import { commitAll } from "./commit.ts";
import { diff, shortstat, treeWithPathsFrom } from "./diff.ts";
import { askConfiguration } from "./configuration.ts";
import { neutralDrivers } from "./drivers.ts";
import { gitAt, type Environment } from "./exec.ts";
import { factsOf, type Known } from "./facts.ts";
import { clearTheWay } from "./files.ts";
import { replay, squashOnto } from "./integrate.ts";
import * as refs from "./refs.ts";
import { saveInterrupted } from "./save.ts";
import { fastForward, targetBlocked } from "./target.ts";
import { together } from "../lib/together.ts";
import { persistently, serialized } from "./serialize.ts";
import {
  ensureWorktree,
  findWorktree,
  isWorktree,
  openWorktree,
  removeWorktree,
  type Worktree,
} from "./worktrees.ts";

const alternatesDepthMax = 5;

export function createRepository(environment: Environment, project: Project, known: Known): Repository {
  const commonDir = project.common_dir;
  const place = { kind: "objects", gitDir: commonDir } as const;
  const objects = gitAt(environment, place);
  const at = { environment, commonDir, objects, configurations: known.configurations };
  const target = { environment, project, objects };
  // .git/info/attributes, which counts everywhere, may name merge drivers.
  const merging = async () =>
    gitAt(environment, place, neutralDrivers(environment, await askConfiguration(objects)).settings);
  const worktree = (path: string) => openWorktree(at, path);
  const facts = factsOf(known, objects, commonDir);
  return {
    project,
    resolve: facts.resolve,
    has: async (commit) => (await refs.resolve(objects, commit)) !== null,
    treeOf: facts.treeOf,
    isAncestor: (ancestor, descendant) => refs.isAncestor(objects, ancestor, descendant),
    identity: () => refs.identity(objects),
    createRunBranch: (slug, hex, commit) => refs.createRunBranch(objects, slug, hex, commit),
    updateRef: (ref, commit, expected) => refs.updateRef(objects, commonDir, ref, commit, expected),
    deleteRef: (ref) => refs.deleteRef(objects, commonDir, ref),
    addNote: (commit, text) => refs.addNote(objects, commonDir, commit, text),
    readNote: (commit) => refs.readNote(objects, commit),
    log: (base, tip) => refs.log(objects, base, tip),

    ensureWorktree: (path, commit) =>
      serialized(commonDir, () => persistently(() => ensureWorktree(at, path, commit))),
    isWorktree: (path) => isWorktree(at, path),
    removeWorktree: (path) => {
      known.settled.forget(path);
      return serialized(commonDir, () => removeWorktree(at, path));
    },
    resetWorktree: async (path, commit) => resetWorktree(await worktree(path), commit),
    checkoutClean: async (path, treeish) => {
      const [opening, tree] = await together(findWorktree(at, path), facts.treeOf(treeish));
      const [commit, listing] = await together(facts.commitOf(treeish), facts.listing(tree));
      const left = known.settled.find(path);
      known.settled.forget(path);
      const held = left && facts.knownListing(left.tree);
      const before = left && held ? { ...left, listing: held } : null;
      const settled = await checkoutClean(opening, { tree, commit, listing }, before);
      if (settled !== null) known.settled.learn(path, settled);
    },
    headOf: async (path) => headOf(await worktree(path)),
    untrackedPaths: async (path) => untrackedPaths(await worktree(path)),
    isDirty: async (path) => isDirty(await worktree(path)),
    commitAll: async (path, options) => {
      const opening = await findWorktree(at, path);
      const [open, index, parentTree] = await together(
        opening.open(),
        readIndex(opening.placed),
        facts.treeOf(options.parent),
      );
      const parentListing = facts.knownListing(parentTree);
      const committing = { ...options, index, parentTree, parentListing };
      const { listing, ...made } = await commitAll(open, commonDir, committing);
      facts.learn(made.commit, made.tree, listing);
      return made;
    },
    saveInterrupted: async (path, ref, author) =>
      saveInterrupted(await worktree(path), commonDir, ref, author),

    changes: facts.changes,
    diff: (from, to, bytesMax) => diff(objects, from, to, bytesMax),
    diffstat: (from, to) => shortstat(objects, from, to),
    files: facts.files,
    read: facts.read,
    treeWithPathsFrom: (treeish, base, paths, texts) =>
      treeWithPathsFrom(objects, treeish, base, paths, texts),

    commitFiles: (options) => commitFiles(objects, options),
    ignored: async (path, names) => ignoredNames(await worktree(path), names),
    squashOnto: async (options) => squashOnto(await merging(), options),
    replay: async (options) => replay(await merging(), options),
    targetBlocked: (branch) => targetBlocked(target, branch),
    fastForward: (branch, commit) => fastForward(target, branch, commit),
    readPaths: () => readPaths(commonDir),
  };
}

async function isDirty(worktree: Worktree): Promise<boolean> {
  await clearTheWay(worktree.path);
  await honestIndex(worktree, "HEAD");
  const args = ["status", "--porcelain=v2", "-z", "--untracked-files=normal", "--ignore-submodules=all"];
  return (await worktree.git(args)).stdout.length > 0;
}

/** The common directory and the object stores that it borrows from, links resolved. */
async function readPaths(commonDir: string): Promise<string[]> {
  const paths = new Set([commonDir]);
  const follow = async (store: string, depth: number): Promise<void> => {
    const real = await realpath(store).catch(() => null);
    if (real === null || depth > alternatesDepthMax) return;
    if (!real.startsWith(`${commonDir}/`)) paths.add(real);
    const list = await readFile(join(real, "info", "alternates"), "utf8").catch(() => "");
    for (const entry of list.split("\n"))
      if (entry !== "" && !entry.startsWith("#")) await follow(resolvePath(real, entry), depth + 1);
  };
  await follow(join(commonDir, "objects"), 0);
  return [...paths];
}
