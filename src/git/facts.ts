// What is known of a repository's objects without asking git again.
import { files, read } from "./diff.ts";
import type { RunGit } from "./exec.ts";
import { resolve, treeOf } from "./refs.ts";
import { isObjectId, remembered, type Remembered } from "./remembered.ts";

/** Characters and entries, for all repositories together. */
const textCharsMax = 4_000_000;
const objectsMax = 2_000;

/** Shared by all repositories; the keys begin with the common directory. */
export interface Known {
  trees: Remembered<string>;
  commits: Remembered<string | null>;
  files: Remembered<readonly string[]>;
  texts: Remembered<string | null>;
}

export interface Facts {
  treeOf: (treeish: string) => Promise<string>;
  /** Null: it is a tree. */
  commitOf: (treeish: string) => Promise<string | null>;
  files: (treeish: string) => Promise<string[]>;
  read: (treeish: string, path: string) => Promise<string | null>;
  /** A commit that was just made. */
  learn: (commit: string, tree: string) => void;
}

export function nothingKnown(): Known {
  const lengthOf = (key: string, value: string | null) => key.length + (value?.length ?? 0);
  return {
    trees: remembered(objectsMax, () => 1),
    commits: remembered(objectsMax, () => 1),
    files: remembered(textCharsMax, (key, names: readonly string[]) =>
      names.reduce((sum, name) => sum + name.length, key.length),
    ),
    texts: remembered(textCharsMax, lengthOf),
  };
}

export function factsOf(known: Known, git: RunGit, commonDir: string): Facts {
  const keyOf = (...parts: string[]) => [commonDir, ...parts].join("\0");
  const tree = async (treeish: string) =>
    isObjectId(treeish)
      ? known.trees.answer(keyOf(treeish), () => treeOf(git, treeish))
      : treeOf(git, treeish);
  return {
    treeOf: tree,
    commitOf: async (treeish) =>
      isObjectId(treeish)
        ? known.commits.answer(keyOf(treeish), () => resolve(git, treeish))
        : resolve(git, treeish),
    files: async (treeish) => {
      if (!isObjectId(treeish)) return files(git, treeish);
      return [...(await known.files.answer(keyOf(treeish), () => files(git, treeish)))];
    },
    read: async (treeish, path) => {
      const id = await tree(treeish);
      return known.texts.answer(keyOf(id, path), () => read(git, id, path));
    },
    learn: (commit, of) => {
      known.trees.learn(keyOf(commit), of);
      known.commits.learn(keyOf(commit), commit);
    },
  };
}
