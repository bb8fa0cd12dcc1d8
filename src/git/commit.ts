// Commits of what a loop's worktree holds. Files are added by name after they were looked at, so that git
// never enters a nested repository and never stores what is refused.
import { readFile } from "node:fs/promises";
import type { CommitResult } from "../engine/git-port.ts";
import { LooprError } from "../lib/errors.ts";
import { together } from "../lib/together.ts";
import { honestIndex, nestedRepositories, type IndexEntry } from "./checkout.ts";
import { line, longTimeoutMs, type RunGit } from "./exec.ts";
import { clearTheWay, lstatOrNull } from "./files.ts";
import { leadsOutside } from "./links.ts";
import { decodeName, joinNames, pathOf, showName, splitNames, splitNul } from "./names.ts";
import { identityLine, writeCommit } from "./objects.ts";
import { checkRef, removeStaleLock } from "./refs.ts";
import { differences, stage, type Unstorable } from "./stage.ts";
import type { Worktree } from "./worktrees.ts";

const commitBytesMax = 10 * 1024 * 1024;
const newFilesMax = 1_000;
const namesShownMax = 10;
const ignoredShownMax = 20;
const submoduleMode = "160000";
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
  /** The index as it is, null where it cannot be read. */
  index: IndexEntry[] | null;
}

/** See `Repository.commitAll`. Eight git processes with those of the caller, whatever the size of the change. */
export async function commitAll(at: Worktree, commonDir: string, options: Committing): Promise<CommitResult> {
  const { git, path } = at;
  identityLine(options.author);
  checkRef(options.ref);
  const { parentTree } = options;
  const tooDeep = await clearTheWay(path);
  if (tooDeep.length > 0)
    refuse(`the path is too long: ${tooDeep[0]?.toString("utf8", 0, 200)}…`, "remove this directory");
  const entries = await honestIndex(at, options.parent, options.index);
  const found = await differences(at, entries);
  await refuseNested(path, entries, found.nested);
  refuseUnstorable(found.unstorable);
  refuseTooMuch([...found.present].map(([name, { bytes, added }]) => ({ name, bytes, added })));
  refuseNames(await stage(git, found.removed, [...found.present.keys()]));
  const tree = line(await git(["write-tree"]));
  const changed = tree !== parentTree;
  const { parent } = options;
  const commit = changed ? await examined(at, tree, options) : parent;
  await removeStaleLock(commonDir, options.ref);
  await moveTo(git, options.ref, commit);
  const result = { commit, tree, changed };
  return changed ? result : { ...result, ignored: await ignoredPaths(git) };
}

/** The commit is written beside the last look at its tree; one that is refused belongs to nothing. */
async function examined(at: Worktree, tree: string, options: Committing): Promise<string> {
  const { parent, parentTree, message, author } = options;
  const [, commit] = await together(
    examine(at, parentTree, tree, options.base ?? parent),
    writeCommit(at.git, { tree, parents: [parent], message, author, date: Date.now() }),
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
async function examine(at: Worktree, parentTree: string, tree: string, base: string): Promise<void> {
  const args = [
    "diff-tree",
    "-r",
    "-z",
    "--raw",
    "--no-renames",
    "--ignore-submodules=none",
    parentTree,
    tree,
  ];
  const fields = splitNul((await at.git(args)).stdout);
  const sizes: Size[] = [];
  const texts: string[] = [];
  const outside: string[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [, mode, , , status] = (fields[index] ?? Buffer.alloc(0)).toString("latin1").split(" ");
    const name = decodeName(fields[index + 1] ?? Buffer.alloc(0));
    if (mode === submoduleMode)
      refuse(`${showName(name)} would be committed as a submodule`, "remove its .git");
    if (status === "D") continue;
    const stat = await lstatOrNull(pathOf(at.path, name));
    sizes.push({ name, bytes: stat?.size ?? 0, added: status === "A" });
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
  const commands = [
    "start",
    `update ${ref} ${commit}`,
    "option no-deref",
    `update HEAD ${commit}`,
    "prepare",
    "commit",
  ];
  await git(["update-ref", "-m", "loopr: commit", "--stdin"], { input: `${commands.join("\n")}\n` });
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, namesShownMax).map(showName).join(", ");
  return names.length > namesShownMax ? `${shown} and ${names.length - namesShownMax} more` : shown;
}

function refuse(message: string, hint: string): never {
  throw new LooprError("work_refused", message, hint);
}
