// Commits of what a loop's worktree holds. Files are added by name after they were looked at, so that git
// never enters a nested repository and never stores what is refused.
import { copyFile, mkdtemp, readFile, rm, chmod } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommitResult } from "../engine/ports.ts";
import { LooprError, systemCode } from "../lib/errors.ts";
import { honestIndex, nestedRepositories, type IndexEntry } from "./checkout.ts";
import { shortstat } from "./diff.ts";
import { line, longTimeoutMs, type RunGit } from "./exec.ts";
import { filesBelow, lstatOrNull } from "./files.ts";
import { decodeName, joinNames, pathOf, showName, splitNames, splitNul } from "./names.ts";
import { identityLine, writeCommit } from "./objects.ts";
import { checkRef, removeStaleLock, resolve, treeOf } from "./refs.ts";
import type { Worktree } from "./worktrees.ts";

const commitBytesMax = 10 * 1024 * 1024;
const newFilesMax = 1_000;
const namesShownMax = 10;
const submoduleMode = "160000";

export interface CommitOptions {
  parent: string;
  ref: string;
  message: string;
  author: string;
}

/** See `Repository.commitAll`. Ten git processes, whatever the size of the change. */
export async function commitAll(
  at: Worktree,
  commonDir: string,
  options: CommitOptions,
): Promise<CommitResult> {
  const { git, path } = at;
  identityLine(options.author);
  checkRef(options.ref);
  const parentTree = await treeOf(git, options.parent);
  const entries = await honestIndex(at, options.parent);
  const candidates = await changedNames(git);
  await refuseNested(path, entries, candidates);
  await refuseTooMuch(path, candidates, newNames(candidates, entries));
  await stage(at, entries, candidates);
  const tree = line(await git(["write-tree"]));
  const changed = tree !== parentTree;
  if (changed) await examine(at, parentTree, tree);
  const { parent, message, author } = options;
  const date = Date.now();
  const commit = changed
    ? await writeCommit(git, { tree, parents: [parent], message, author, date })
    : parent;
  await removeStaleLock(commonDir, options.ref);
  await moveTo(git, options.ref, commit);
  return { commit, tree, changed, diffstat: await shortstat(git, parentTree, tree) };
}

/** Names that differ between index and worktree, and new ones that are not ignored. */
async function changedNames(git: RunGit): Promise<string[]> {
  const args = ["ls-files", "-z", "--modified", "--deleted", "--others", "--exclude-standard"];
  const { stdout } = await git(args, { timeoutMs: longTimeoutMs });
  return [...new Set(splitNames(stdout))];
}

function newNames(names: readonly string[], entries: readonly IndexEntry[]): string[] {
  const known = new Set(entries.map(nameOf));
  return names.filter((name) => !known.has(name));
}

/** Git lists an untracked repository as one directory, `name/`. */
async function refuseNested(path: string, entries: readonly IndexEntry[], names: readonly string[]) {
  const inTracked = await nestedRepositories(path, entries);
  const nested = inTracked.map((found) =>
    decodeName(found.subarray(Buffer.byteLength(path) + 1, -"/.git".length)),
  );
  for (const name of names) if (name.endsWith("/")) nested.push(name.slice(0, -1));
  if (nested.length === 0) return;
  refuse(
    `There is a git repository inside the worktree: ${listed(nested)}. It cannot be committed.`,
    "Remove its .git directory, or put it where .gitignore ignores it.",
  );
}

async function refuseTooMuch(
  path: string,
  names: readonly string[],
  added: readonly string[],
): Promise<void> {
  if (added.length > newFilesMax)
    refuse(
      `The change adds ${added.length} files, more than ${newFilesMax}: ${listed(added)}.`,
      "Remove what is generated, or ignore it in .gitignore.",
    );
  const sizes: { name: string; size: number }[] = [];
  for (const name of names) sizes.push({ name, size: await sizeToCommit(path, name) });
  const total = sizes.reduce((sum, { size }) => sum + size, 0);
  if (total <= commitBytesMax) return;
  const biggest = sizes.toSorted((a, b) => b.size - a.size).slice(0, 3);
  const shown = biggest.map(({ name, size }) => `${showName(name)} (${(size / 1024 / 1024).toFixed(1)} MB)`);
  refuse(
    `The changed files are ${(total / 1024 / 1024).toFixed(1)} MB together, more than 10 MB: ${shown.join(", ")}.`,
    "Remove large files, or ignore them in .gitignore.",
  );
}

/** Bytes of a file; 0 for one that is deleted. What git cannot store is refused. */
async function sizeToCommit(path: string, name: string): Promise<number> {
  const file = pathOf(path, name);
  const stat = await lstatOrNull(file).catch((error: unknown) =>
    refuse(
      `${showName(name)} cannot be read (${systemCode(error)}).`,
      "Give its directory back its permissions.",
    ),
  );
  if (stat === null || stat.isDirectory()) return 0;
  if (!stat.isFile() && !stat.isSymbolicLink())
    refuse(`${showName(name)} is neither a file nor a link (a FIFO, socket or device).`, "Remove it.");
  // Git stores no permissions but the executable bit, so that making the file readable changes nothing.
  if (stat.isFile() && (stat.mode & 0o400) === 0) await chmod(file, (stat.mode & 0o777) | 0o400);
  return stat.size;
}

/** Makes the index hold these names as the worktree has them, whatever they were or are now. */
async function stage(
  { git, path }: Worktree,
  entries: readonly IndexEntry[],
  names: readonly string[],
  variables: Record<string, string> = {},
): Promise<void> {
  const submodules = submoduleNames(entries);
  const storable: string[] = [];
  const replaced: string[] = [];
  const links = new Map<string, boolean>();
  for (const name of names) {
    if (await isBehindLink(path, name, links)) {
      replaced.push(name);
      continue;
    }
    // A submodule's directory is empty here, and stays the commit that it was.
    const isDirectory = (await lstatOrNull(pathOf(path, name)))?.isDirectory() ?? false;
    if (!isDirectory) storable.push(name);
    else if (!submodules.has(name)) replaced.push(name);
  }
  const options = { variables, timeoutMs: longTimeoutMs };
  if (replaced.length > 0)
    await git(["update-index", "--force-remove", "-z", "--stdin"], {
      ...options,
      input: joinNames(replaced),
    });
  if (storable.length === 0) return;
  const args = ["update-index", "--add", "--remove", "--replace", "-z", "--stdin"];
  await git(args, { ...options, input: joinNames(storable) });
}

/** A link stands where one of its directories was: what is found behind it is another file. */
async function isBehindLink(path: string, name: string, known: Map<string, boolean>): Promise<boolean> {
  for (let end = name.indexOf("/"); end > 0; end = name.indexOf("/", end + 1)) {
    const directory = name.slice(0, end);
    const isLink =
      known.get(directory) ?? (await lstatOrNull(pathOf(path, directory)))?.isSymbolicLink() ?? false;
    known.set(directory, isLink);
    if (isLink) return true;
  }
  return false;
}

function submoduleNames(entries: readonly IndexEntry[]): Set<string> {
  return new Set(entries.filter((entry) => entry.submodule).map((entry) => nameOf(entry)));
}

function nameOf(entry: IndexEntry): string {
  return decodeName(Buffer.from(entry.name, "latin1"));
}

/** The last look, at the tree itself: what a job had staged by itself is seen too. */
async function examine(at: Worktree, parentTree: string, tree: string): Promise<void> {
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
  const names: string[] = [];
  const added: string[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [, mode, , , status] = (fields[index] ?? Buffer.alloc(0)).toString("latin1").split(" ");
    const name = decodeName(fields[index + 1] ?? Buffer.alloc(0));
    if (mode === submoduleMode)
      refuse(`${showName(name)} would be committed as a submodule.`, "Remove its .git.");
    if (status === "A") added.push(name);
    if (status !== "D") names.push(name);
  }
  await refuseTooMuch(at.path, names, added);
  const marked: string[] = [];
  for (const name of names) if (await hasNewMarkers(at, parentTree, name)) marked.push(name);
  if (marked.length > 0)
    refuse(
      `Conflict markers of a merge are left in ${listed(marked)}.`,
      "Resolve each conflict: keep what is right and remove the lines <<<<<<<, ======= and >>>>>>>.",
    );
}

/** Whether a file has a whole set of conflict markers more than it had before. */
async function hasNewMarkers(at: Worktree, parentTree: string, name: string): Promise<boolean> {
  const file = pathOf(at.path, name);
  if (!(await lstatOrNull(file))?.isFile()) return false;
  const count = countMarkers(await readFile(file));
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

/** See `Repository.saveInterrupted`. The worktree and its index stay as they are. */
export async function saveInterrupted(
  at: Worktree,
  commonDir: string,
  ref: string,
  author: string,
): Promise<boolean> {
  const { git, path, gitDir } = at;
  checkRef(ref);
  const head = await resolve(git, "HEAD");
  if (head === null) throw new LooprError("git_failed", `The worktree ${path} has no commit.`);
  const entries = await honestIndex(at, head);
  const scratch = await mkdtemp(join(tmpdir(), "loopr-index-"));
  try {
    const variables = { GIT_INDEX_FILE: join(scratch, "index") };
    await copyFile(join(gitDir, "index"), variables.GIT_INDEX_FILE);
    const names = await namesWithNested(at);
    await stage(at, entries, names, variables);
    const tree = line(await git(["write-tree"], { variables }));
    if (tree === (await treeOf(git, head))) return false;
    const message = "loopr: work of an interrupted iteration";
    const commit = await writeCommit(git, { tree, parents: [head], message, author, date: Date.now() });
    await removeStaleLock(commonDir, ref);
    await git(["update-ref", "-m", "loopr: interrupted", ref, commit]);
    return true;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Changed names with the files of nested repositories one by one. What git cannot store is left out. */
async function namesWithNested({ git, path }: Worktree): Promise<string[]> {
  const names: string[] = [];
  for (const name of await changedNames(git)) {
    if (name.endsWith("/")) names.push(...(await filesBelow(path, name.slice(0, -1))));
    else names.push(name);
  }
  const storable: string[] = [];
  for (const name of names) {
    const stat = await lstatOrNull(pathOf(path, name)).catch(() => undefined);
    const other = stat && !stat.isFile() && !stat.isSymbolicLink() && !stat.isDirectory();
    if (stat !== undefined && !other) storable.push(name);
  }
  return storable;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, namesShownMax).map(showName).join(", ");
  return names.length > namesShownMax ? `${shown} and ${names.length - namesShownMax} more` : shown;
}

function refuse(message: string, hint: string): never {
  throw new LooprError("work_refused", message, hint);
}
