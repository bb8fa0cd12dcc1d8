// The checkout that checks run in: exactly what a tree says, whatever an earlier check did to it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { LooprError, systemCode } from "../lib/errors.ts";
import { readRegular } from "../lib/regular-file.ts";
import { together } from "../lib/together.ts";
import { moveHead, newIndex } from "./checkout.ts";
import { longTimeoutMs } from "./exec.ts";
import { sweep } from "./files.ts";
import { indexDigest, submoduleMode } from "./index-file.ts";
import { differenceOf, modeOf, type Listing } from "./listing.ts";
import { moveDetachedHead } from "./loose-ref.ts";
import { objectId } from "./loose.ts";
import { encodeName, pathOf, showName, splitNames } from "./names.ts";
import { ownCheckout } from "./own-checkout.ts";
import type { Opening, Worktree } from "./worktrees.ts";

const namesShownMax = 5;

/** How a checkout's git directory was left. While it is so, the index says what git itself has written. */
export interface Settled {
  tree: string;
  indexDigest: string;
  /** The content of HEAD: a commit. */
  head: string;
}

export interface CleanCheckout {
  tree: string;
  /** Null where a tree alone is checked out. */
  commit: string | null;
  listing: Listing;
}

/** See `Repository.checkoutClean`. Returns how it was left; null where that is nothing to go on from. */
export async function checkoutClean(
  opening: Opening,
  wanted: CleanCheckout,
  before: (Settled & { listing: Listing }) | null,
): Promise<Settled | null> {
  const isDone = before !== null && (await changedOnly(opening, wanted, before));
  if (!isDone) await fromNothing(opening, wanted);
  const { gitDir } = opening.placed;
  const digest = indexDigest(gitDir);
  const head = headIn(gitDir);
  if (digest === null || head === null) return null;
  return { tree: wanted.tree, indexDigest: digest, head };
}

/**
 * From the state in which git left the checkout: what differs from the index by its stat (of which nobody but the
 * system sets the ctime) or by the wanted tree is written anew. False where it is to be done from nothing.
 */
async function changedOnly(
  opening: Opening,
  wanted: CleanCheckout,
  before: Settled & { listing: Listing },
): Promise<boolean> {
  const { gitDir, path } = opening.placed;
  if (indexDigest(gitDir) !== before.indexDigest || headIn(gitDir) !== before.head) return false;
  // How unchanged files are written out may have changed with them.
  const changes = differenceOf(before.listing, wanted.listing);
  if (changes.some(({ name }) => name.endsWith(".gitattributes"))) return false;
  const [worktree] = await together(opening.open(), sweep(path, namesOf(wanted.listing), ".git"));
  const { tree, commit } = wanted;
  const { git, looseObjects } = worktree;
  if (commit !== null && (looseObjects === null || !moveDetachedHead(gitDir, commit))) return false;
  if (ownCheckout(worktree, wanted.listing)) return true;
  try {
    await git(["read-tree", "--reset", "-u", "--no-recurse-submodules", tree], { timeoutMs: longTimeoutMs });
    return true;
  } catch (error) {
    if (error instanceof LooprError && error.code === "git_failed") return false;
    throw error;
  }
}

/** Nothing that the index remembers of an earlier checkout is believed. */
async function fromNothing({ placed, open }: Opening, wanted: CleanCheckout): Promise<void> {
  const { tree, commit, listing } = wanted;
  // Neither looks at a file of the worktree, so that none needs to know of drivers.
  const [worktree] = await together(
    open(),
    newIndex(placed, tree),
    commit === null ? Promise.resolve() : moveHead(placed, commit, "check"),
  );
  const { git, path }: Worktree = worktree;
  await sweep(path, namesOf(listing), ".git");
  // Hashes what is there, so that only files that differ are written anew.
  await git(["update-index", "-q", "--refresh"], { accept: [1], timeoutMs: longTimeoutMs });
  await git(["checkout-index", "--all", "--force", "--index", "--quiet"], { timeoutMs: longTimeoutMs });
  const { stdout } = await git(["diff-files", "-z", "--name-only"], { accept: [1] });
  const different = splitNames(stdout).filter((name) => !holdsBlob(path, name, listing));
  if (different.length === 0) return;
  const shown = different.slice(0, namesShownMax).map(showName).join(", ");
  throw new LooprError("git_failed", `the checkout ${path} could not be put back: ${shown}`);
}

/** What was just written out holds what is stored, whatever attributes would have it be when it is stored anew. */
function holdsBlob(path: string, name: string, listing: Listing): boolean {
  const entry = listing.get(encodeName(name).toString("latin1")) ?? "";
  if (!/^100(644|755) /.test(entry)) return false;
  const id = entry.slice(modeOf(entry).length + 1);
  return objectId("blob", readFileSync(pathOf(path, name)), id) === id;
}

/** Submodules apart: they are not entered, and nothing in them is kept. */
function namesOf(listing: Listing): Set<string> {
  const names = new Set<string>();
  for (const [name, entry] of listing) if (modeOf(entry) !== submoduleMode) names.add(name);
  return names;
}

/** Null where HEAD is anything but a commit's id. */
function headIn(gitDir: string): string | null {
  try {
    const text = readRegular(join(gitDir, "HEAD")).toString("latin1");
    return /^[0-9a-f]{40,64}\n$/.test(text) ? text : null;
  } catch (error) {
    if (systemCode(error) === "") throw error;
    return null;
  }
}
