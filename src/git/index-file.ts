// A worktree's index, read without asking git: version 2 or 3, whole, and of this one file. Where it is anything
// else the answer is null, and git is to be asked.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { systemCode } from "../lib/errors.ts";
import { readRegular } from "../lib/regular-file.ts";

export interface IndexEntry {
  /** Bytes of the name as a latin1 string. */
  name: string;
  /** Octal, as git writes it. */
  mode: string;
  id: string;
  submodule: boolean;
  /** No assume-unchanged or skip-worktree bit, and not one side of a merge. */
  plain: boolean;
  /** What the file was like when git last looked; null where git itself was asked for the entries. */
  seen: SeenFile | null;
}

/** As the index has it: the lower 32 bits of each number. */
export interface SeenFile {
  ctimeS: number;
  ctimeNs: number;
  mtimeS: number;
  mtimeNs: number;
  ino: number;
  uid: number;
  gid: number;
  size: number;
}

export interface IndexFile {
  /** Of all its bytes. */
  digest: string;
  entries: IndexEntry[];
  /** The bytes of each entry, in the same order. */
  raw: Buffer[];
  /** Of an object's id. */
  idBytes: number;
}

export const headerBytes = 12;
const versions = [2, 3];
/** Ten numbers of 32 bits come before the object's id. */
export const statBytes = 40;
const assumeValid = 0x8000;
const extended = 0x4000;
const stageBits = 0x3000;
export const submoduleMode = "160000";

/** Null: there is none, or it is not of a form that is read here. */
export function readIndexFile(gitDir: string): IndexFile | null {
  const bytes = readOrNull(gitDir);
  return bytes === null ? null : parseIndexFile(bytes);
}

/** Null: there is no index. */
export function indexDigest(gitDir: string): string | null {
  const bytes = readOrNull(gitDir);
  return bytes === null ? null : digestOf(bytes);
}

/** A job that no sandbox holds could put anything in its place: git says what is wrong with it. */
function readOrNull(gitDir: string): Buffer | null {
  try {
    return readRegular(join(gitDir, "index"));
  } catch (error) {
    if (systemCode(error) === "") throw error;
    return null;
  }
}

function digestOf(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function parseIndexFile(bytes: Buffer): IndexFile | null {
  const idBytes = checksumBytes(bytes);
  if (idBytes === null) return null;
  const found = entriesOf(bytes, idBytes);
  if (found === null || !onlyOptional(bytes, found.end, idBytes)) return null;
  return { digest: digestOf(bytes), entries: found.entries, raw: found.raw, idBytes };
}

/** The file ends with a hash of all before it, by which the length of ids is known; null: it does not fit. */
function checksumBytes(bytes: Buffer): number | null {
  const isIndex = bytes.length > headerBytes && bytes.toString("latin1", 0, 4) === "DIRC";
  if (!isIndex || !versions.includes(bytes.readUInt32BE(4))) return null;
  for (const [name, length] of [
    ["sha1", 20],
    ["sha256", 32],
  ] as const) {
    if (bytes.length < headerBytes + length) continue;
    const end = bytes.length - length;
    if (createHash(name).update(bytes.subarray(0, end)).digest().equals(bytes.subarray(end))) return length;
  }
  return null;
}

/** Null where an entry has more flags than are known here: sparse, or only intended to be added. */
function entriesOf(
  bytes: Buffer,
  idBytes: number,
): { entries: IndexEntry[]; raw: Buffer[]; end: number } | null {
  const entries: IndexEntry[] = [];
  const raw: Buffer[] = [];
  const count = bytes.readUInt32BE(8);
  const limit = bytes.length - idBytes;
  const flagsAt = statBytes + idBytes;
  let at = headerBytes;
  for (let n = 0; n < count; n++) {
    const nameAt = at + flagsAt + 2;
    const nameEnd = bytes.indexOf(0, nameAt);
    if (nameAt >= limit || nameEnd < 0 || nameEnd >= limit) return null;
    const flags = bytes.readUInt16BE(at + flagsAt);
    if ((flags & extended) !== 0) return null;
    const mode = bytes
      .readUInt32BE(at + 24)
      .toString(8)
      .padStart(6, "0");
    entries.push({
      name: bytes.toString("latin1", nameAt, nameEnd),
      mode,
      id: bytes.toString("hex", at + statBytes, at + flagsAt),
      submodule: mode === submoduleMode,
      plain: (flags & (assumeValid | stageBits)) === 0,
      seen: seenAt(bytes, at),
    });
    const end = at + paddedBytes(nameEnd - at);
    raw.push(bytes.subarray(at, end));
    at = end;
  }
  return { entries, raw, end: at };
}

/** Entries are filled up with NULs, at least one, to a multiple of eight bytes. */
export function paddedBytes(bytes: number): number {
  return (bytes + 8) & ~7;
}

function seenAt(bytes: Buffer, at: number): SeenFile {
  const number = (index: number) => bytes.readUInt32BE(at + 4 * index);
  return {
    ctimeS: number(0),
    ctimeNs: number(1),
    mtimeS: number(2),
    mtimeNs: number(3),
    ino: number(5),
    uid: number(7),
    gid: number(8),
    size: number(9),
  };
}

/** An extension that must be understood (a split or sparse index) has a name in small letters. */
function onlyOptional(bytes: Buffer, from: number, idBytes: number): boolean {
  const limit = bytes.length - idBytes;
  let at = from;
  while (at + 8 <= limit) {
    const first = bytes[at] ?? 0;
    if (first < 0x41 || first > 0x5a) return false;
    at += 8 + bytes.readUInt32BE(at + 4);
  }
  return at === limit;
}
