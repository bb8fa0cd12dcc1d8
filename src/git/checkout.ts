// What a worktree holds, made exactly what a commit or tree says, whatever ran in it before.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { LooprError } from "../lib/errors.ts";
import { line, longTimeoutMs } from "./exec.ts";
import {
  clearTheWay,
  directoriesOf,
  join as joinBytes,
  lstatNow,
  realDirectories,
  removeTree,
} from "./files.ts";
import { readIndexFile, submoduleMode, type IndexEntry } from "./index-file.ts";
import { joinNames, splitNames, splitNul } from "./names.ts";
import { resolve } from "./refs.ts";
import type { Worktree } from "./worktrees.ts";

/** Makes the index tell the truth: bits that hide changes, and unmerged entries, are nobody's but a job's. */
export async function honestIndex(
  worktree: Worktree,
  treeish: string,
  index?: IndexEntry[] | null,
): Promise<IndexEntry[]> {
  const entries = index === undefined ? await readIndex(worktree) : index;
  if (entries?.every((entry) => entry.plain)) return entries;
  return freshIndex(worktree, treeish);
}

/** An index that remembers nothing. */
export async function freshIndex(worktree: Worktree, treeish: string): Promise<IndexEntry[]> {
  await newIndex(worktree, treeish);
  return (await readIndex(worktree)) ?? [];
}

export async function newIndex({ git, gitDir }: Worktree, treeish: string): Promise<void> {
  await rm(join(gitDir, "index"), { force: true });
  await git(["read-tree", treeish], { timeoutMs: longTimeoutMs });
}

/** Null where the index cannot be read. No file of the worktree is looked at, so that no driver has a part in it. */
export async function readIndex({ git, gitDir }: Worktree): Promise<IndexEntry[] | null> {
  const read = readIndexFile(gitDir);
  if (read !== null) return read.entries;
  const { code, stdout } = await git(["ls-files", "-v", "-s", "-z"], { accept: [128] });
  if (code !== 0) return null;
  return splitNul(stdout).map((field) => {
    const text = field.toString("latin1");
    const tab = text.indexOf("\t");
    const [tag, mode = "", id = "", stage] = text.slice(0, tab).split(" ");
    const plain = tag === "H" && stage === "0";
    return { name: text.slice(tab + 1), mode, id, submodule: mode === submoduleMode, plain, seen: null };
  });
}

/** Every .git beside or below tracked files. `git clean` and `git add` overlook them there. No link is followed. */
export async function nestedRepositories(path: string, entries: readonly IndexEntry[]): Promise<Buffer[]> {
  const directories = directoriesOf(entries.map((entry) => entry.name));
  for (const { name, submodule } of entries) if (submodule) directories.add(name);
  const found: Buffer[] = [];
  for (const directory of await realDirectories(path, directories)) {
    const candidate = joinBytes(
      joinBytes(Buffer.from(path), Buffer.from(directory, "latin1")),
      Buffer.from(".git"),
    );
    if (lstatNow(candidate)) found.push(candidate);
  }
  return found;
}

/** See `Repository.resetWorktree`. */
export async function resetWorktree(worktree: Worktree, revision: string): Promise<void> {
  const { git } = worktree;
  const commit = await resolve(git, revision);
  if (commit === null) throw new LooprError("git_failed", `there is no commit ${revision} in the repository`);
  for (const directory of await clearTheWay(worktree.path)) await removeTree(directory);
  const entries = await honestIndex(worktree, commit);
  for (const nested of await nestedRepositories(worktree.path, entries)) await removeTree(nested);
  // First HEAD itself, lest the reset moved a branch that something had checked out here.
  await moveHead(worktree, commit, "reset");
  const options = { timeoutMs: longTimeoutMs };
  await git(["clean", "-ffdq"], options);
  await git(["reset", "--hard", "--quiet", "--no-recurse-submodules", commit], options);
  await git(["clean", "-ffdq"], options);
}

/** HEAD itself, no branch that something had checked out here. */
export async function moveHead({ git }: Worktree, commit: string, why: string): Promise<void> {
  await git(["update-ref", "--no-deref", "-m", `loopr: ${why}`, "HEAD", commit]);
}

export async function headOf(worktree: Worktree): Promise<string> {
  return line(await worktree.git(["rev-parse", "--verify", "HEAD^{commit}"]));
}

/** See `Repository.untrackedPaths`. */
export async function untrackedPaths(worktree: Worktree): Promise<string[]> {
  const { stdout } = await worktree.git([
    "ls-files",
    "-z",
    "--others",
    "--directory",
    "--no-empty-directory",
  ]);
  return splitNames(stdout);
}

/** See `Repository.ignored`. */
export async function ignoredNames({ git }: Worktree, names: readonly string[]): Promise<string[]> {
  if (names.length === 0) return [];
  // It knows no literal pathspecs, and wants none where a name cannot begin with a colon.
  const { stdout } = await git(["check-ignore", "--no-index", "-z", "--stdin"], {
    input: joinNames(names.map((name) => `./${name}`)),
    variables: { GIT_LITERAL_PATHSPECS: "0" },
    accept: [1],
  });
  return splitNames(stdout).map((name) => name.slice("./".length));
}
