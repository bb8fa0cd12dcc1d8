// Which tracked files may have changed, by their stat against the index, without asking git.
import { lstatSync, type BigIntStats } from "node:fs";
import { join as joinPath } from "node:path";
import { systemCode } from "../lib/errors.ts";
import type { IndexEntry, SeenFile } from "./index-file.ts";
import { pathOf } from "./names.ts";
import { textOf } from "./listing.ts";
import type { Worktree } from "./worktrees.ts";

/** Beyond this many, git is quicker. */
const entriesMax = 500;
/** Git looks into a file whose stat alone is another; so much is taken for changed without that. Bytes. */
const unreadBytesMax = 1024 * 1024;
/** A file written so shortly before the index may have been written again within the same step of the clock. */
export const racyNs = 20_000_000n;
const nsPerSecond = 1_000_000_000n;
const lower32 = 0xffff_ffffn;
const linkMode = "120000";
const executable = 0o100n;
const kindBits = 0o170000n;
const fileKind = 0o100000n;
const linkKind = 0o120000n;

/** Names whose file is gone or another than git has seen; null where git has to look. */
export function changedByStat(
  { path, gitDir }: Worktree,
  entries: readonly IndexEntry[],
): Set<string> | null {
  if (entries.length > entriesMax) return null;
  const index = statOf(joinPath(gitDir, "index"));
  if (index === null) return null;
  const changed = new Set<string>();
  let bytes = 0n;
  for (const { name, mode, submodule, seen } of entries) {
    const text = textOf(name);
    const stat = statOf(pathOf(path, text));
    if (submodule || seen === null) return null;
    if (stat === null || !isAsSeen(stat, mode, seen)) {
      changed.add(text);
      bytes += stat?.size ?? 0n;
    } else if (stat.mtimeNs + racyNs >= index.mtimeNs) return null;
  }
  return bytes > unreadBytesMax ? null : changed;
}

export function isAsSeen(stat: BigIntStats, mode: string, seen: SeenFile): boolean {
  const kind = stat.mode & kindBits;
  const isSameKind =
    mode === linkMode
      ? kind === linkKind
      : kind === fileKind && ((stat.mode & executable) !== 0n) === (mode === "100755");
  return (
    isSameKind &&
    stat.mtimeNs === nanoseconds(seen.mtimeS, seen.mtimeNs) &&
    stat.ctimeNs === nanoseconds(seen.ctimeS, seen.ctimeNs) &&
    (stat.ino & lower32) === BigInt(seen.ino) &&
    (stat.uid & lower32) === BigInt(seen.uid) &&
    (stat.gid & lower32) === BigInt(seen.gid) &&
    (stat.size & lower32) === BigInt(seen.size)
  );
}

function nanoseconds(seconds: number, rest: number): bigint {
  return BigInt(seconds) * nsPerSecond + BigInt(rest);
}

/** Null: nothing is there that could be looked at. */
export function statOf(path: string | Buffer): BigIntStats | null {
  try {
    return lstatSync(path, { bigint: true });
  } catch (error) {
    if (systemCode(error) === "") throw error;
    return null;
  }
}
