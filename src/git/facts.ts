// What is known of a repository's objects without asking git again.
import type { Settled } from "./clean-checkout.ts";
import { noConfigurations, type KnownConfigurations } from "./configuration.ts";
import type { FileChange } from "../engine/git-port.ts";
import { changes, read } from "./diff.ts";
import type { RunGit } from "./exec.ts";
import { differenceOf, list, textOf, weightOf, type Listing } from "./listing.ts";
import { looseRef, resolve, treeOf } from "./refs.ts";
import { isObjectId, remembered, type Remembered } from "./remembered.ts";

/** Characters and entries, for all repositories together. */
const textCharsMax = 4_000_000;
const objectsMax = 2_000;
const repositoriesMax = 100;
const checkoutsMax = 500;
const listingsWeightMax = 8_000_000;

/** Shared by all repositories; the keys begin with the common directory. */
export interface Known {
  trees: Remembered<string>;
  commits: Remembered<string | null>;
  listings: Remembered<Listing>;
  texts: Remembered<string | null>;
  configurations: KnownConfigurations;
  /** Repositories that git has said to be ones, and by which marks they are known again. */
  usable: Remembered<string>;
  /** Checkouts as their last clean checkout left them, by path. */
  settled: Remembered<Settled>;
}

export interface Facts {
  /** The commit of a revision; null where there is none. */
  resolve: (revision: string) => Promise<string | null>;
  treeOf: (treeish: string) => Promise<string>;
  /** Null: it is a tree. */
  commitOf: (treeish: string) => Promise<string | null>;
  files: (treeish: string) => Promise<string[]>;
  /** Of a tree, by its id. */
  listing: (tree: string) => Promise<Listing>;
  knownListing: (tree: string) => Listing | null;
  changes: (from: string, to: string) => Promise<FileChange[]>;
  read: (treeish: string, path: string) => Promise<string | null>;
  /** A commit that was just made, and what it holds where that is known. */
  learn: (commit: string, tree: string, listing: Listing | null) => void;
}

export function nothingKnown(): Known {
  const lengthOf = (key: string, value: string | null) => key.length + (value?.length ?? 0);
  return {
    trees: remembered(objectsMax, () => 1),
    commits: remembered(objectsMax, () => 1),
    listings: remembered(listingsWeightMax, (key, listing: Listing) => key.length + weightOf(listing)),
    texts: remembered(textCharsMax, lengthOf),
    configurations: noConfigurations(),
    usable: remembered(repositoriesMax, () => 1),
    settled: remembered(checkoutsMax, () => 1),
  };
}

export function factsOf(known: Known, git: RunGit, commonDir: string): Facts {
  const keyOf = (...parts: string[]) => [commonDir, ...parts].join("\0");
  const tree = async (treeish: string) =>
    isObjectId(treeish)
      ? known.trees.answer(keyOf(treeish), () => treeOf(git, treeish))
      : treeOf(git, treeish);
  const commitOf = async (treeish: string) =>
    isObjectId(treeish)
      ? known.commits.answer(keyOf(treeish), () => resolve(git, treeish))
      : resolve(git, treeish);
  const listing = (of: string) => known.listings.answer(keyOf(of), () => list(git, of));
  const knownListing = (of: string) => known.listings.find(keyOf(of)) ?? null;
  const listingOf = (treeish: string) => {
    const of = isObjectId(treeish) ? known.trees.find(keyOf(treeish)) : undefined;
    return of === undefined ? null : knownListing(of);
  };
  return {
    resolve: async (revision) => commitOf((await looseRef(commonDir, revision)) ?? revision),
    treeOf: tree,
    commitOf,
    files: async (treeish) => [...(await listing(await tree(treeish))).keys()].map(textOf),
    listing,
    knownListing,
    changes: async (from, to) => {
      const before = listingOf(from);
      const after = listingOf(to);
      if (before === null || after === null) return changes(git, from, to);
      return differenceOf(before, after).map(({ status, name }) => ({ status, path: textOf(name) }));
    },
    read: async (treeish, path) => {
      const id = await tree(treeish);
      return known.texts.answer(keyOf(id, path), () => read(git, id, path));
    },
    learn: (commit, of, holds) => {
      known.trees.learn(keyOf(commit), of);
      known.trees.learn(keyOf(of), of);
      known.commits.learn(keyOf(commit), commit);
      if (holds !== null) known.listings.learn(keyOf(of), holds);
    },
  };
}
