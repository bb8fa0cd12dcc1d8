// Commits of what a loop's worktree holds. Files are added by name after they were looked at, so that git
// never enters a nested repository and never stores what is refused.
import { readFile } from "node:fs/promises";
import type { CommitResult } from "../engine/git-port.ts";
import { LooprError, systemCode } from "../lib/errors.ts";
import { together } from "../lib/together.ts";
import { honestIndex, nestedRepositories } from "./checkout.ts";
import { line, longTimeoutMs, type RunGit } from "./exec.ts";
import { clearTheWayTo, lstatNow } from "./files.ts";
import { readIndexFile, submoduleMode, type IndexEntry } from "./index-file.ts";
import { leadsOutside } from "./links.ts";
import { differenceOf, rawChanges, textOf, type Listing } from "./listing.ts";
import { moveDetachedHead, moveLooseRef } from "./loose-ref.ts";
import { writeLoose } from "./loose.ts";
import { decodeName, joinNames, pathOf, showName, splitNames } from "./names.ts";
import { commitContent, identityLine, writeCommit } from "./objects.ts";
import { ownStage } from "./own-stage.ts";
import { ownTree } from "./own-tree.ts";
import { checkRef, removeStaleLock } from "./refs.ts";
import { differences, stage, type Unstorable } from "./stage.ts";
import type { Worktree } from "./worktrees.ts";

const commitBytesMax = 10 * 1024 * 1024;
const newFilesMax = 1_000;
const namesShownMax = 10;
const ignoredShownMax = 20;
const linkMode = "120000";

export interface CommitOptions {
  parent: string;
  ref: string;
  message: string;
  author: string;
  /** Where the loop began: a link that is as it was there may come back. */
  base?: string;
}

/** What the caller has found out already. */
interface Committing extends CommitOptions {
  parentTree: string;
  /** Null where nobody has asked for it. */
  parentListing: Listing | null;
  /** The index as it is, null where it cannot be read. */
  index: IndexEntry[] | null;
}

export interface Committed extends CommitResult {
  /** What the tree holds, where that is known. */
  listing: Listing | null;
}

/** See `Repository.commitAll`. */
export async function commitAll(at: Worktree, commonDir: string, options: Committing): Promise<Committed> {
  identityLine(options.author);
  checkRef(options.ref);
  const made = await makeCommit(at, options);
  await removeStaleLock(commonDir, options.ref);
  const isMoved =
    at.looseObjects !== null &&
    moveLooseRef(commonDir, options.ref, made.commit) &&
    moveDetachedHead(at.gitDir, made.commit);
  if (!isMoved) await moveTo(at.git, options.ref, made.commit);
  const result = { ...made, changed: made.tree !== options.parentTree };
  return result.changed ? result : { ...result, ignored: await ignoredPaths(at.git) };
}

async function makeCommit(
  at: Worktree,
  options: Committing,
): Promise<Pick<Committed, "commit" | "tree" | "listing">> {
  const { git, path } = at;
  const tracked = new Set(options.index?.map(({ name }) => name));
  const { tooDeep, allKnown } = await clearTheWayTo(path, tracked);
  if (tooDeep.length > 0)
    refuse(`the path is too long: ${tooDeep[0]?.toString("utf8", 0, 200)}…`, "remove this directory");
  const entries = await honestIndex(at, options.parent, options.index);
  const found = await differences(at, entries, allKnown && entries === options.index);
  await refuseNested(path, entries, found.nested);
  refuseUnstorable(found.unstorable);
  refuseTooMuch([...found.present].map(([name, { bytes, added }]) => ({ name, bytes, added })));
  const present = [...found.present.keys()];
  if (!(await ownStage(at, found.removed, present))) refuseNames(await stage(git, found.removed, present));
  const { tree, listing } = treeMadeHere(at, options) ?? {
    tree: line(await git(["write-tree"])),
    listing: null,
  };
  const commit =
    tree === options.parentTree ? options.parent : await examined(at, { tree, listing }, options);
  return { commit, tree, listing };
}

/** Null where it is git's to make. */
function treeMadeHere(at: Worktree, { parentListing, parentTree }: Committing) {
  const index = at.looseObjects === null || parentListing === null ? null : readIndexFile(at.gitDir);
  if (index === null || at.looseObjects === null || parentListing === null) return null;
  if (!index.entries.every((entry) => entry.plain)) return null;
  const { looseObjects } = at;
  return orGit(() => ownTree(looseObjects, index.entries, parentListing, parentTree));
}

/** What the system refuses, git is asked to do: it does it, or says why not. */
function orGit<T>(write: () => T): T | null {
  try {
    return write();
  } catch (error) {
    if (systemCode(error) === "") throw error;
    return null;
  }
}

interface Made {
  tree: string;
  listing: Listing | null;
}

/** The commit is written beside the last look at its tree; one that is refused belongs to nothing. */
async function examined(at: Worktree, made: Made, options: Committing): Promise<string> {
  const { parent, message, author } = options;
  const fields = { tree: made.tree, parents: [parent], message, author, date: Date.now() };
  const { looseObjects } = at;
  const [, commit] = await together(
    examine(at, made, options),
    Promise.resolve(
      looseObjects === null
        ? null
        : orGit(() => writeLoose(looseObjects, "commit", commitContent(fields), parent)),
    ).then((written) => written ?? writeCommit(at.git, fields)),
  );
  return commit;
}

/** What is in the worktree and ignored, whole directories with a final slash. */
async function ignoredPaths(git: RunGit): Promise<string[]> {
  const args = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory"];
  const { stdout } = await git([...args, "--no-empty-directory"], { timeoutMs: longTimeoutMs });
  return splitNames(stdout).slice(0, ignoredShownMax).map(showName);
}

async function refuseNested(path: string, entries: readonly IndexEntry[], untracked: readonly string[]) {
  const inTracked = await nestedRepositories(path, entries);
  const nested = inTracked.map((found) =>
    decodeName(found.subarray(Buffer.byteLength(path) + 1, -"/.git".length)),
  );
  nested.push(...untracked);
  if (nested.length === 0) return;
  refuse(
    `there is a git repository inside the worktree: ${listed(nested)}; it cannot be committed`,
    "remove its .git directory, or put it where .gitignore ignores it",
  );
}

function refuseUnstorable(unstorable: readonly Unstorable[]): void {
  if (unstorable.length === 0) return;
  const shown = unstorable.slice(0, namesShownMax).map(({ name, why }) => `${showName(name)}: ${why}`);
  refuse(`git cannot store this: ${shown.join("; ")}`, "remove it");
}

function refuseNames(names: readonly string[]): void {
  if (names.length > 0)
    refuse(`git refuses files of this name: ${listed(names)}`, "give them other names, or remove them");
}

interface Size {
  name: string;
  bytes: number;
  added: boolean;
}

function refuseTooMuch(sizes: readonly Size[]): void {
  const added = sizes.filter((size) => size.added).map((size) => size.name);
  if (added.length > newFilesMax)
    refuse(
      `the change adds ${added.length} files, more than ${newFilesMax}: ${listed(added)}`,
      "remove what is generated, or ignore it in .gitignore",
    );
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total <= commitBytesMax) return;
  const biggest = sizes.toSorted((a, b) => b.bytes - a.bytes).slice(0, 3);
  const shown = biggest.map(({ name, bytes }) => `${showName(name)} (${megabytes(bytes)})`);
  refuse(
    `the changed files are ${megabytes(total)} together, more than 10 MB: ${shown.join(", ")}`,
    "remove large files, or ignore them in .gitignore",
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** The last look, at the tree itself: what a job had staged by itself is seen too. */
async function examine(at: Worktree, { tree, listing }: Made, options: Committing): Promise<void> {
  const { parentTree, parentListing } = options;
  const base = options.base ?? options.parent;
  const sizes: Size[] = [];
  const texts: string[] = [];
  const outside: string[] = [];
  const changes =
    listing !== null && parentListing !== null
      ? differenceOf(parentListing, listing)
      : await rawChanges(at.git, parentTree, tree);
  for (const { status, mode, name: bytes } of changes) {
    const name = textOf(bytes);
    if (status === "deleted") continue;
    if (mode === submoduleMode)
      refuse(`${showName(name)} would be committed as a submodule`, "remove its .git");
    const stat = lstatNow(pathOf(at.path, name));
    sizes.push({ name, bytes: stat?.size ?? 0, added: status === "added" });
    const isLink = mode === linkMode;
    if (isLink && (await leadsOutside(at.path, name)) && !(await isAsAt(at, base, name, tree)))
      outside.push(name);
    if (stat?.isFile()) texts.push(name);
  }
  refuseTooMuch(sizes);
  if (outside.length > 0)
    refuse(
      `symbolic links must have a relative target inside the repository: ${listed(outside)}`,
      "remove them, or put files in their place",
    );
  const marked: string[] = [];
  for (const name of texts) if (await hasNewMarkers(at, parentTree, name)) marked.push(name);
  if (marked.length > 0)
    refuse(
      `conflict markers of a merge are left in ${listed(marked)}`,
      "resolve each conflict: keep what is right and remove the lines <<<<<<<, ======= and >>>>>>>",
    );
}

/** Whether a name stands for the same in the tree as at a commit. */
async function isAsAt(at: Worktree, commit: string, name: string, tree: string): Promise<boolean> {
  const entry = async (treeish: string) =>
    (await at.git(["--literal-pathspecs", "ls-tree", "-z", treeish, "--", name])).stdout.toString("latin1");
  const before = await entry(commit);
  return before !== "" && before === (await entry(tree));
}

/** Whether a file has a whole set of conflict markers more than it had before. */
async function hasNewMarkers(at: Worktree, parentTree: string, name: string): Promise<boolean> {
  const count = countMarkers(await readFile(pathOf(at.path, name)));
  if (count === 0) return false;
  const input = Buffer.concat([Buffer.from(`${parentTree}:`), joinNames([name])]);
  const before = await at.git(["cat-file", "--batch", "-z"], { input });
  return count > countMarkers(before.stdout);
}

function countMarkers(content: Buffer): number {
  if (!content.includes("<<<<<<< ")) return 0;
  const text = content.toString("latin1");
  return [...text.matchAll(/^<{7} [^\n]*\n(?:(?!<{7} )[^\n]*\n)*?={7}\r?\n(?:(?!<{7} )[^\n]*\n)*?>{7} /gm)]
    .length;
}

async function moveTo(git: RunGit, ref: string, commit: string): Promise<void> {
  const moves = [`update ${ref} ${commit}`, "option no-deref", `update HEAD ${commit}`];
  const input = `${["start", ...moves, "prepare", "commit"].join("\n")}\n`;
  await git(["update-ref", "-m", "loopr: commit", "--stdin"], { input });
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, namesShownMax).map(showName).join(", ");
  return names.length > namesShownMax ? `${shown} and ${names.length - namesShownMax} more` : shown;
}

function refuse(message: string, hint: string): never {
  throw new LooprError("work_refused", message, hint);
}
