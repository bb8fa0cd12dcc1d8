// The tree of an index, made here: only the directories in which something differs from a tree that is known.
import { differenceOf, type Listing } from "./listing.ts";
import { submoduleMode, type IndexEntry } from "./index-file.ts";
import { isLoose, objectId, writeLoose } from "./loose.ts";

/** A larger index is quicker left to git, which keeps the trees of unchanged directories in it. */
const ownTreeEntriesMax = 2_000;

const treeMode = "40000";
const fileModes: readonly string[] = ["100644", "100755", "120000", submoduleMode];

/**
 * Writes what is new, and returns the tree and what it holds. Null where git has to make it: an index in an order
 * of its own, an odd name, an object that git has to look for.
 */
export function ownTree(
  objects: string,
  entries: readonly IndexEntry[],
  known: Listing,
  knownTree: string,
): { tree: string; listing: Listing } | null {
  if (entries.length > ownTreeEntriesMax) return null;
  const listing = new Map(
    entries.map(({ name, mode, id }) => [name, sameText(known.get(name), `${mode} ${id}`)]),
  );
  if (listing.size !== entries.length) return null;
  const changes = differenceOf(known, listing);
  if (changes.length === 0) return { tree: knownTree, listing };
  // What differs was put into the index by our own git or by a job; what is as before is there for certain.
  const isThere = entries.every(
    ({ name, mode, id }) =>
      known.get(name) === `${mode} ${id}` || mode === submoduleMode || isLoose(objects, id),
  );
  if (!isThere) return null;
  const changed = directoriesWith(changes.map(({ name }) => name));
  const tree = new TreeMaker(objects, entries, { changed, like: knownTree }).make();
  return tree === null ? null : { tree, listing };
}

/** Most entries of most trees are those of the tree before, and need not be kept once more. */
function sameText(known: string | undefined, text: string): string {
  return known === text ? known : text;
}

/** The directories on the way to names, the top one ("") included. */
function directoriesWith(names: readonly string[]): Set<string> {
  const found = new Set([""]);
  for (const name of names)
    for (let at = name.lastIndexOf("/"); at > 0; at = name.lastIndexOf("/", at - 1))
      found.add(name.slice(0, at));
  return found;
}

class TreeMaker {
  readonly #objects: string;
  readonly #entries: readonly IndexEntry[];
  readonly #changed: ReadonlySet<string>;
  /** An id of the repository's. */
  readonly #like: string;
  #at = 0;
  #isOdd = false;

  constructor(
    objects: string,
    entries: readonly IndexEntry[],
    { changed, like }: { changed: ReadonlySet<string>; like: string },
  ) {
    this.#objects = objects;
    this.#entries = entries;
    this.#changed = changed;
    this.#like = like;
  }

  make(): string | null {
    for (let at = 1; at < this.#entries.length; at++)
      if ((this.#entries[at - 1]?.name ?? "") >= (this.#entries[at]?.name ?? "")) return null;
    const tree = this.#directory("");
    return this.#isOdd ? null : tree;
  }

  /** Goes over the entries of one directory; in the index's order they come one after another. */
  #directory(directory: string): string {
    const prefix = directory === "" ? "" : `${directory}/`;
    const parts: Buffer[] = [];
    const seen = new Set<string>();
    let entry = this.#entries[this.#at];
    while (entry?.name.startsWith(prefix)) {
      const rest = entry.name.slice(prefix.length);
      const slash = rest.indexOf("/");
      const name = slash < 0 ? rest : rest.slice(0, slash);
      if (seen.has(name) || ["", ".", ".."].includes(name) || name.toLowerCase() === ".git")
        this.#isOdd = true;
      seen.add(name);
      if (slash < 0) {
        if (!fileModes.includes(entry.mode)) this.#isOdd = true;
        parts.push(row(entry.mode, name, entry.id));
        this.#at += 1;
      } else parts.push(row(treeMode, name, this.#directory(prefix + name)));
      entry = this.#entries[this.#at];
    }
    const content = Buffer.concat(parts);
    const isNew = this.#changed.has(directory) && !this.#isOdd;
    return isNew
      ? writeLoose(this.#objects, "tree", content, this.#like)
      : objectId("tree", content, this.#like);
  }
}

function row(mode: string, name: string, id: string): Buffer {
  return Buffer.concat([Buffer.from(`${mode} ${name}\0`, "latin1"), Buffer.from(id, "hex")]);
}
