// Keeps what a loop left uncommitted. Whatever can lie in a worktree must not make this fail: what cannot be
// kept is left out, and the commit's message names it.
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LooprError } from "../lib/errors.ts";
import { freshIndex, honestIndex } from "./checkout.ts";
import type { IndexEntry } from "./index-file.ts";
import { line, type RunGit } from "./exec.ts";
import { clearTheWay, filesBelow } from "./files.ts";
import { decodeName, showName } from "./names.ts";
import { writeCommit } from "./objects.ts";
import { checkRef, removeStaleLock, resolve, treeOf } from "./refs.ts";
import { differences, look, stage, type Unstorable } from "./stage.ts";
import type { Worktree } from "./worktrees.ts";

const fileBytesMax = 256 * 1024 * 1024;
const totalBytesMax = 1024 * 1024 * 1024;
const namesShownMax = 20;
/** After so many failures the rest is left out too: each costs a process. */
const failuresMax = 500;
const subject = "loopr: work of an interrupted iteration";

/** See `Repository.saveInterrupted`. The worktree and its index stay as they are. */
export async function saveInterrupted(
  at: Worktree,
  commonDir: string,
  ref: string,
  author: string,
): Promise<boolean> {
  const { git, path } = at;
  checkRef(ref);
  const head = await resolve(git, "HEAD");
  if (head === null) throw new LooprError("git_failed", `the worktree ${path} has no commit`);
  const leftOut: Unstorable[] = (await clearTheWay(path)).map((directory) => ({
    name: decodeName(directory.subarray(Buffer.byteLength(path) + 1)),
    why: "its path is too long",
  }));
  const entries = await honestIndex(at, head);
  // An index that a job wrote may name objects that do not exist.
  const saved = await snapshot(at, entries).catch(async () => snapshot(at, await freshIndex(at, head)));
  leftOut.push(...saved.leftOut);
  if (saved.tree === (await treeOf(git, head)) && leftOut.length === 0) return false;
  const message = leftOut.length === 0 ? subject : `${subject}\n\n${described(leftOut)}`;
  const commit = await writeCommit(git, {
    tree: saved.tree,
    parents: [head],
    message,
    author,
    date: Date.now(),
  });
  await removeStaleLock(commonDir, ref);
  await git(["update-ref", "-m", "loopr: interrupted", ref, commit]);
  return true;
}

/** A tree of everything that can be stored, made in a copy of the index. */
async function snapshot(at: Worktree, entries: readonly IndexEntry[]) {
  const { git, path, gitDir } = at;
  const scratch = await mkdtemp(join(tmpdir(), "loopr-index-"));
  try {
    const variables = { GIT_INDEX_FILE: join(scratch, "index") };
    await copyFile(join(gitDir, "index"), variables.GIT_INDEX_FILE);
    const found = await differences(at, entries);
    for (const directory of found.nested)
      for (const name of await filesBelow(path, directory)) await look(path, name, undefined, found);
    const leftOut = found.unstorable;
    const names: string[] = [];
    let total = 0;
    for (const [name, { bytes }] of found.present) {
      const fits = bytes <= fileBytesMax && total + bytes <= totalBytesMax;
      if (fits) total += bytes;
      if (fits) names.push(name);
      else leftOut.push({ name, why: `${Math.ceil(bytes / 1024 / 1024)} MB are too much` });
    }
    await stage(git, found.removed, [], variables);
    leftOut.push(...(await stageWhatCanBe(git, names, variables, { left: failuresMax })));
    return { tree: line(await git(["write-tree"], { variables })), leftOut };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Halves the names until those that git cannot add stand alone. */
async function stageWhatCanBe(
  git: RunGit,
  names: readonly string[],
  variables: Record<string, string>,
  failures: { left: number },
): Promise<Unstorable[]> {
  try {
    const refused = await stage(git, [], names, variables);
    return refused.map((name) => ({ name, why: "git refuses the name" }));
  } catch (error) {
    if (!(error instanceof LooprError) || error.code !== "git_failed") throw error;
    failures.left -= 1;
    if (names.length === 1 || failures.left <= 0)
      return names.map((name) => ({ name, why: "git cannot add it" }));
    const half = Math.ceil(names.length / 2);
    const first = await stageWhatCanBe(git, names.slice(0, half), variables, failures);
    return [...first, ...(await stageWhatCanBe(git, names.slice(half), variables, failures))];
  }
}

function described(leftOut: readonly Unstorable[]): string {
  const shown = leftOut.slice(0, namesShownMax).map(({ name, why }) => `  ${showName(name)}: ${why}`);
  const more = leftOut.length - shown.length;
  return ["Left out:", ...shown, ...(more > 0 ? [`  and ${more} more`] : [])].join("\n");
}
