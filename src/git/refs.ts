// Revisions, refs, branches and notes of one repository. Needs no worktree.
import { readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LooprError } from "../lib/errors.ts";
import { line, type RunGit } from "./exec.ts";
import { identityLine } from "./objects.ts";

const notesRef = "refs/notes/loopr";
/** A lock of one of our own refs that is older than this was left by a git that is gone. */
const staleRefLockMs = 10_000;
/** So long a git may still be at work whose daemon was killed. */
const orphanMs = 1_000;
const lockPollMs = 50;
const fallbackIdentity = "Loopr <loopr@localhost>";

/** The last note being written, by common directory. */
const noteQueues = new Map<string, Promise<void>>();

/** Commit of a revision; null where there is none. */
export async function resolve(git: RunGit, revision: string): Promise<string | null> {
  return verify(git, revision, "commit");
}

/**
 * What the full name of a branch or of one of our refs stands for, where it has a file of its own, which counts
 * before all packed ones. Null: git is to be asked.
 */
export async function looseRef(commonDir: string, name: string): Promise<string | null> {
  if (!/^refs\/(heads|loopr)\//.test(name) || !isRefName(name)) return null;
  const text = await readFile(join(commonDir, name), "latin1").catch(() => "");
  return /^([0-9a-f]{40}|[0-9a-f]{64})\n$/.test(text) ? text.trimEnd() : null;
}

export async function treeOf(git: RunGit, treeish: string): Promise<string> {
  const tree = await verify(git, treeish, "tree");
  if (tree === null)
    throw new LooprError("git_failed", `there is no commit or tree ${treeish} in the repository`);
  return tree;
}

async function verify(git: RunGit, revision: string, type: "commit" | "tree"): Promise<string | null> {
  if (revision === "" || revision.includes("\0")) return null;
  const args = ["rev-parse", "--verify", "--quiet", "--end-of-options", `${revision}^{${type}}`];
  const output = await git(args, { accept: [1] });
  return output.code === 0 ? line(output) : null;
}

export async function isAncestor(git: RunGit, ancestor: string, descendant: string): Promise<boolean> {
  const output = await git(["merge-base", "--is-ancestor", ancestor, descendant], { accept: [1] });
  return output.code === 0;
}

/** The person's identity by their configuration, else Loopr's. */
export async function identity(git: RunGit): Promise<string> {
  const args = ["config", "--null", "--get-regexp", "^(user|author)\\.(name|email)$"];
  const { stdout } = await git(args, { accept: [1] });
  const values = new Map<string, string>();
  for (const entry of stdout.toString("utf8").split("\0")) {
    const [key = "", ...value] = entry.split("\n");
    values.set(
      key,
      value
        .join(" ")
        .replace(/[<>\0\n]/g, "")
        .trim(),
    );
  }
  const name = values.get("author.name") || values.get("user.name");
  const email = (values.get("author.email") || values.get("user.email"))?.replace(/\s/g, "");
  return name && email ? `${name} <${email}>` : fallbackIdentity;
}

/** See `Repository.createRunBranch`. */
export async function createRunBranch(
  git: RunGit,
  slug: string,
  hex: string,
  commit: string,
): Promise<string> {
  const tail = `${safeSlug(slug)}-${hex}`;
  const names = [`loopr/${tail}`, `loopr-${tail}`];
  const patterns = ["loopr", ...names].map((name) => `refs/heads/${name}`);
  const { stdout } = await git(["for-each-ref", "--format=%(refname)", ...patterns]);
  const existing = new Set(stdout.toString("utf8").split("\n"));
  const already = names.find((name) => existing.has(`refs/heads/${name}`));
  if (already) return already;
  // A branch `loopr` is a file where `loopr/…` would need a directory.
  const name = existing.has("refs/heads/loopr") ? `loopr-${tail}` : `loopr/${tail}`;
  await git(["update-ref", "-m", "loopr: run branch", `refs/heads/${name}`, commit, zeroOf(commit)]);
  return name;
}

function safeSlug(slug: string): string {
  const words = slug
    .normalize("NFKD")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-");
  return words.slice(0, 40).replace(/^-+|-+$/g, "") || "run";
}

/** See `Repository.updateRef`. */
export async function updateRef(
  git: RunGit,
  commonDir: string,
  ref: string,
  commit: string,
  expected: string | null,
): Promise<boolean> {
  checkRef(ref);
  await removeStaleLock(commonDir, ref);
  const args = ["update-ref", "-m", "loopr", ref, commit, expected ?? zeroOf(commit)];
  try {
    await git(args);
    return true;
  } catch (error) {
    if ((await resolve(git, ref)) !== expected) return false;
    throw error;
  }
}

export async function deleteRef(git: RunGit, commonDir: string, ref: string): Promise<void> {
  checkRef(ref);
  await removeStaleLock(commonDir, ref);
  await git(["update-ref", "-d", ref]);
}

/**
 * A lock left by a git, or by ourselves, that died. Only below refs/loopr/, which nobody else writes: what was there
 * before this process is a dead one's, but for the moment that a git which has lost its daemon takes to end.
 */
export async function removeStaleLock(commonDir: string, ref: string): Promise<void> {
  if (!ref.startsWith("refs/loopr/")) return;
  const lock = join(commonDir, `${ref}.lock`);
  const startedAt = Date.now() - process.uptime() * 1_000;
  for (;;) {
    const found = await stat(lock).catch(() => null);
    if (found === null) return;
    const age = Date.now() - found.mtimeMs;
    const isEarlier = found.mtimeMs < startedAt;
    if (age > (isEarlier ? orphanMs : staleRefLockMs)) return rm(lock, { force: true });
    if (!isEarlier) return;
    await sleep(lockPollMs);
  }
}

/**
 * See `Repository.addNote`. A note that already holds the text is left as it is. `git notes` overwrites what
 * another one adds meanwhile, so that ours go one after the other.
 */
export function addNote(git: RunGit, commonDir: string, commit: string, text: string): Promise<void> {
  const before = noteQueues.get(commonDir) ?? Promise.resolve();
  const added = before.then(() => appendNote(git, commit, text));
  const settled = added.catch(() => undefined);
  noteQueues.set(commonDir, settled);
  void settled.then(() => {
    if (noteQueues.get(commonDir) === settled) noteQueues.delete(commonDir);
  });
  return added;
}

async function appendNote(git: RunGit, commit: string, text: string): Promise<void> {
  if ((await readNote(git, commit))?.includes(text.trim())) return;
  const [, name = "", email = ""] = /^(.*) <(.*)>$/.exec(identityLine(await identity(git))) ?? [];
  const variables = {
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: email,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: email,
  };
  await git(["notes", `--ref=${notesRef}`, "append", "-F", "-", commit], { input: text, variables });
}

/** See `Repository.readNote`. */
export async function readNote(git: RunGit, commit: string): Promise<string | null> {
  const found = await git(["notes", `--ref=${notesRef}`, "show", commit], { accept: [1] });
  return found.code === 0 ? found.stdout.toString("utf8") : null;
}

/** Messages of `base..tip`, newest first. */
export async function log(git: RunGit, base: string, tip: string) {
  const args = ["log", "-z", "--topo-order", "--no-decorate", "--format=%H%n%B", `${base}..${tip}`, "--"];
  const { stdout } = await git(args);
  const entries = stdout
    .toString("utf8")
    .split("\0")
    .filter((entry) => entry !== "");
  return entries.map((entry) => {
    const end = entry.indexOf("\n");
    return { commit: entry.slice(0, end), message: entry.slice(end + 1).trimEnd() };
  });
}

export function checkRef(ref: string): void {
  if (!isRefName(ref)) throw new LooprError("git_failed", `"${ref}" is not the full name of a ref`);
}

function isRefName(ref: string): boolean {
  return ref.startsWith("refs/") && !/[\x00-\x20~^:?*[\\\x7f]|\.\.|@\{|\/\/|\.lock(\/|$)|[/.]$/.test(ref);
}

/** The object id that means "must not exist", as long as the repository's ids are. */
function zeroOf(id: string): string {
  return "0".repeat(id.length);
}
