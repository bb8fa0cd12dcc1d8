// Three-way merges in memory: no worktree, no index and no .gitattributes of anybody's. The
// caller has neutralised merge drivers (drivers.ts).
//
// `git merge-tree --write-tree` finds the merge base in the history of its two commits, and git before 2.40
// cannot be told another. So it is given two commits made for it, whose only parent is a commit of the base's
// tree. They belong to nothing, and git's own gc removes them.
import { LooprError } from "../lib/errors.ts";
import type { Conflict } from "../engine/git-port.ts";
import { line, type RunGit } from "./exec.ts";
import { decodeName, encodeName, showName, splitNul } from "./names.ts";
import { rewriteCommit, writeCommit } from "./objects.ts";
import { treeOf } from "./refs.ts";

const mergeTimeoutMs = 5 * 60_000;
const conflictCharsMax = 16_000;
const contextLines = 3;
const fileBytesMax = 8 * 1024 * 1024;
/** An index that does not exist is an empty one: the person's is not asked for .gitattributes. */
const noIndex = { GIT_INDEX_FILE: "/dev/null/none" };

interface Sides {
  base: string;
  ours: string;
  theirs: string;
  /** How the two are called in conflict markers. */
  names: { ours: string; theirs: string };
}

/** See `Repository.squashOnto`. */
export async function squashOnto(
  git: RunGit,
  options: { tip: string; base: string; work: string; message: string; author: string; date: number },
): Promise<{ kind: "commit"; commit: string; tree: string } | Conflict> {
  const { tip, base, work, message, author, date } = options;
  const names = { ours: "already integrated", theirs: "this loop's work" };
  const merged = await mergeTrees(git, { base, ours: tip, theirs: work, names });
  if (merged.kind === "conflict") return merged;
  const commit = await writeCommit(git, { tree: merged.tree, parents: [tip], message, author, date });
  return { kind: "commit", commit, tree: merged.tree };
}

/** See `Repository.replay`. A commit that changes nothing any more is left out. */
export async function replay(
  git: RunGit,
  options: { base: string; tip: string; onto: string; names?: Sides["names"] },
): Promise<{ kind: "commits"; commits: string[]; tip: string } | Conflict> {
  const { base, tip, onto } = options;
  const listed = line(await git(["rev-list", "--reverse", "--first-parent", `${base}..${tip}`, "--"]));
  const commits = listed === "" ? [] : listed.split("\n");
  if (base === onto) return { kind: "commits", commits, tip };
  const names = options.names ?? { ours: "the target's newest commit", theirs: "this run's work" };
  const made: string[] = [];
  let at = onto;
  for (const commit of commits) {
    const merged = await mergeTrees(git, { base: `${commit}^1`, ours: at, theirs: commit, names });
    if (merged.kind === "conflict") return merged;
    if (merged.tree === (await treeOf(git, at))) continue;
    at = await rewriteCommit(git, commit, merged.tree, at);
    made.push(at);
  }
  return { kind: "commits", commits: made, tip: at };
}

async function mergeTrees(git: RunGit, sides: Sides): Promise<{ kind: "tree"; tree: string } | Conflict> {
  const [baseTree, oursTree, theirsTree] = await Promise.all([
    treeOf(git, sides.base),
    treeOf(git, sides.ours),
    treeOf(git, sides.theirs),
  ]);
  if (oursTree === baseTree) return { kind: "tree", tree: theirsTree };
  if (theirsTree === baseTree) return { kind: "tree", tree: oursTree };
  const base = await synthetic(git, baseTree, [], "base");
  const ours = await synthetic(git, oursTree, [base], "ours");
  const theirs = await synthetic(git, theirsTree, [base], "theirs");
  const args = ["merge-tree", "--write-tree", "-z", "--messages", ours, theirs];
  const output = await git(args, { accept: [1], variables: noIndex, timeoutMs: mergeTimeoutMs });
  const fields = splitNul(output.stdout);
  const tree = fields[0]?.toString("latin1") ?? "";
  if (!/^[0-9a-f]{40,64}$/.test(tree)) throw new LooprError("git_failed", "git merge-tree gave no tree");
  if (output.code === 0) return { kind: "tree", tree };
  const conflict = parseConflict(fields.slice(1));
  const rename = (text: string) =>
    text.replaceAll(ours, sides.names.ours).replaceAll(theirs, sides.names.theirs);
  return { kind: "conflict", files: conflict.files, text: rename(await describe(git, tree, conflict)) };
}

/** The two sides differ by message where their trees are equal, so that they are never one commit. */
function synthetic(git: RunGit, tree: string, parents: string[], message: string): Promise<string> {
  return writeCommit(git, { tree, parents, author: "Loopr <loopr@localhost>", date: 0, message });
}

interface ParsedConflict {
  files: string[];
  messages: string[];
}

/**
 * After the tree: `<mode> <object> <stage>\t<path>` for each side of each conflict, an empty field, then per
 * message the number of its paths, the paths, the kind and the text (git-merge-tree(1), OUTPUT).
 */
function parseConflict(fields: Buffer[]): ParsedConflict {
  const end = fields.findIndex((field) => field.length === 0);
  const stages = end < 0 ? fields : fields.slice(0, end);
  const files = new Set(stages.map((field) => decodeName(field.subarray(field.indexOf("\t") + 1))));
  const messages: string[] = [];
  for (let at = end < 0 ? fields.length : end + 1; at < fields.length;) {
    const paths = Number(fields[at]?.toString("latin1"));
    const kind = fields[at + paths + 1]?.toString("utf8") ?? "";
    const text = fields[at + paths + 2]?.toString("utf8").trim() ?? "";
    if (kind.startsWith("CONFLICT")) messages.push(text);
    at += paths + 3;
  }
  return { files: [...files], messages };
}

/** Git's messages, then the conflicting hunks file by file, until the bound. */
async function describe(git: RunGit, tree: string, conflict: ParsedConflict): Promise<string> {
  let text = conflict.messages.join("\n");
  for (const file of conflict.files) {
    if (text.length >= conflictCharsMax) break;
    const hunks = await conflictHunks(git, tree, file);
    if (hunks !== "") text += `\n\n--- ${showName(file)}\n${hunks}`;
  }
  if (text.length <= conflictCharsMax) return text;
  return `${text.slice(0, conflictCharsMax)}\n[cut: ${conflict.files.length} files conflict]`;
}

async function conflictHunks(git: RunGit, tree: string, file: string): Promise<string> {
  const input = Buffer.concat([Buffer.from(`${tree}:`), encodeName(file), Buffer.from([0])]);
  const options = { input, outputBytesMax: fileBytesMax, mayCut: true };
  const lines = (await git(["cat-file", "--batch", "-z"], options)).stdout
    .toString("utf8")
    .split("\n")
    .slice(1);
  const shown: string[] = [];
  let shownUntil = 0;
  for (let at = 0; at < lines.length; at++) {
    if (!lines[at]?.startsWith("<<<<<<< ")) continue;
    const from = Math.max(shownUntil, at - contextLines);
    while (at < lines.length && !lines[at]?.startsWith(">>>>>>> ")) at++;
    // A hunk that begins in the context of the one before is joined to it.
    if (from > shownUntil || shownUntil === 0) shown.push(`@@ line ${from + 1} @@`);
    shownUntil = Math.min(at + 1 + contextLines, lines.length);
    shown.push(...lines.slice(from, shownUntil));
  }
  return shown.join("\n");
}
