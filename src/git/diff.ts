// What differs between commits or trees, and what they hold. Plumbing, so that no setting of the person
// changes the form; no external diff and no textconv.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FileChange } from "../engine/git-port.ts";
import { line, type RunGit } from "./exec.ts";
import { decodeName, encodeName, joinNames, splitNul } from "./names.ts";
import { treeOf } from "./refs.ts";

const plain = ["--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=none"];
const fileBytesMax = 32 * 1024 * 1024;

export async function changes(git: RunGit, from: string, to: string): Promise<FileChange[]> {
  const args = [
    "diff-tree",
    "-r",
    "-z",
    "--name-status",
    "--no-renames",
    ...plain,
    "--end-of-options",
    from,
    to,
  ];
  const fields = splitNul((await git(args)).stdout);
  const found: FileChange[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const letter = fields[at]?.toString("latin1");
    const status = letter === "A" ? "added" : letter === "D" ? "deleted" : "modified";
    found.push({ status, path: decodeName(fields[at + 1] ?? Buffer.alloc(0)) });
  }
  return found;
}

/** Unified diff; where it is longer than the bound it is cut at the end of a line. */
export async function diff(git: RunGit, from: string, to: string, bytesMax: number) {
  const args = ["diff-tree", "-r", "-p", "-M", ...plain, "--end-of-options", from, to];
  const { stdout, cut } = await git(args, { outputBytesMax: bytesMax, mayCut: true });
  const end = cut ? stdout.lastIndexOf("\n") + 1 : stdout.length;
  return { diff: stdout.toString("utf8", 0, end), truncated: cut };
}

/** `3 files changed, 10 insertions(+), 2 deletions(-)`. */
export async function shortstat(git: RunGit, from: string, to: string): Promise<string> {
  const args = ["diff-tree", "-r", "--shortstat", "-M", ...plain, "--end-of-options", from, to];
  return line(await git(args)).trim() || "0 files changed";
}

/** A file's content in a tree; null where there is none, or no file (a directory, a submodule). */
export async function read(git: RunGit, tree: string, path: string): Promise<string | null> {
  // `tree:./x` would be relative to somewhere; no tracked path has such parts.
  if (path.includes("\0") || path.split("/").some((part) => ["", ".", ".."].includes(part))) return null;
  const input = Buffer.concat([Buffer.from(`${tree}:`), encodeName(path), Buffer.from([0])]);
  const { stdout } = await git(["cat-file", "--batch", "-z"], { input, outputBytesMax: fileBytesMax });
  const headerEnd = stdout.indexOf("\n");
  const header = stdout.toString("latin1", 0, headerEnd);
  const match = /^[0-9a-f]+ blob (\d+)$/.exec(header);
  return match ? stdout.toString("utf8", headerEnd + 1, headerEnd + 1 + Number(match[1])) : null;
}

/** See `Repository.treeWithPathsFrom`. Works in an index of its own. */
export async function treeWithPathsFrom(
  git: RunGit,
  treeish: string,
  base: string,
  paths: readonly string[],
  texts: ReadonlyMap<string, string> = new Map(),
) {
  if (paths.length + texts.size === 0) return treeOf(git, treeish);
  const scratch = await mkdtemp(join(tmpdir(), "loopr-index-"));
  try {
    const variables = { GIT_INDEX_FILE: join(scratch, "index") };
    await git(["read-tree", await treeOf(git, treeish)], { variables });
    const atBase = await entries(git, base);
    // Removed all first, so that a file can take a directory's place and the other way round.
    await git(["update-index", "--force-remove", "-z", "--stdin"], { variables, input: joinNames(paths) });
    const kept = paths.flatMap((path) => {
      const entry = atBase.get(path);
      return entry ? [Buffer.from(`${entry}\t`), encodeName(path), Buffer.from([0])] : [];
    });
    if (kept.length > 0)
      await git(["update-index", "-z", "--index-info"], { variables, input: Buffer.concat(kept) });
    const now = texts.size > 0 ? await entries(git, treeish) : new Map<string, string>();
    for (const [path, text] of texts) {
      const blob = line(await git(["hash-object", "-w", "--stdin"], { input: text }));
      const mode = now.get(path)?.split(" ")[0] ?? "100644";
      const input = Buffer.concat([
        Buffer.from(`${mode} blob ${blob}\t`),
        encodeName(path),
        Buffer.from([0]),
      ]);
      await git(["update-index", "-z", "--index-info"], { variables, input });
    }
    return line(await git(["write-tree"], { variables }));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** `<mode> <type> <object>` by path. */
async function entries(git: RunGit, treeish: string): Promise<Map<string, string>> {
  const { stdout } = await git(["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", treeish]);
  return new Map(
    splitNul(stdout).map((field) => {
      const tab = field.indexOf("\t");
      return [decodeName(field.subarray(tab + 1)), field.toString("latin1", 0, tab)];
    }),
  );
}
