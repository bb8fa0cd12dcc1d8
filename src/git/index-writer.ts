// A worktree's index, written without a process: as it was, but for some entries. What git may leave out (its memory
// of trees, of untracked files) is left out.
import { createHash } from "node:crypto";
import { closeSync, openSync, renameSync, rmSync, writeSync, type BigIntStats } from "node:fs";
import { join } from "node:path";
import { systemCode } from "../lib/errors.ts";
import { killPoint } from "../lib/kill-point.ts";
import { headerBytes, paddedBytes, statBytes, type IndexFile } from "./index-file.ts";

export interface NewEntry {
  /** Octal, as git writes it. */
  mode: string;
  id: string;
  /** What the file was like when its content was read or written. */
  stat: BigIntStats;
}

/** By name, as latin1 strings of its bytes; null: no entry. */
export type IndexChanges = ReadonlyMap<string, NewEntry | null>;

const version = 2;
const sha1Bytes = 20;
const nameLengthMax = 0xfff;
const lower32 = 0xffff_ffffn;
const nsPerSecond = 1_000_000_000n;

/** False where somebody else is writing it, or the system refuses: git is to do it, or to say why not. */
export function writeIndexFile(gitDir: string, index: IndexFile, changes: IndexChanges): boolean {
  const path = join(gitDir, "index");
  const lock = `${path}.lock`;
  let isOurs = false;
  try {
    const fd = openSync(lock, "wx", 0o666);
    isOurs = true;
    try {
      writeSync(fd, indexBytes(index, changes));
    } finally {
      closeSync(fd);
    }
    killPoint();
    renameSync(lock, path);
    return true;
  } catch (error) {
    if (isOurs) rmSync(lock, { force: true });
    if (systemCode(error) === "") throw error;
    return false;
  }
}

function indexBytes(index: IndexFile, changes: IndexChanges): Buffer {
  const kept = index.entries.flatMap(({ name }, at) => {
    const raw = index.raw[at];
    return raw === undefined || changes.has(name) ? [] : [{ name, raw }];
  });
  const made = [...changes].flatMap(([name, entry]) =>
    entry === null ? [] : [{ name, raw: entryBytes(name, entry) }],
  );
  const all = [...kept, ...made].sort((a, b) => (a.name < b.name ? -1 : 1));
  const header = Buffer.alloc(headerBytes);
  header.write("DIRC", "latin1");
  header.writeUInt32BE(version, 4);
  header.writeUInt32BE(all.length, 8);
  const body = Buffer.concat([header, ...all.map(({ raw }) => raw)]);
  const hash = createHash(index.idBytes === sha1Bytes ? "sha1" : "sha256")
    .update(body)
    .digest();
  return Buffer.concat([body, hash]);
}

function entryBytes(name: string, { mode, id, stat }: NewEntry): Buffer {
  const nameBytes = Buffer.from(name, "latin1");
  const idBytes = Buffer.from(id, "hex");
  const nameAt = statBytes + idBytes.length + 2;
  const bytes = Buffer.alloc(paddedBytes(nameAt + nameBytes.length));
  const numbers = [
    stat.ctimeNs / nsPerSecond,
    stat.ctimeNs % nsPerSecond,
    stat.mtimeNs / nsPerSecond,
    stat.mtimeNs % nsPerSecond,
    stat.dev,
    stat.ino,
    BigInt(Number.parseInt(mode, 8)),
    stat.uid,
    stat.gid,
    stat.size,
  ];
  for (const [at, number] of numbers.entries()) bytes.writeUInt32BE(Number(number & lower32), 4 * at);
  idBytes.copy(bytes, statBytes);
  bytes.writeUInt16BE(Math.min(nameBytes.length, nameLengthMax), nameAt - 2);
  nameBytes.copy(bytes, nameAt);
  return bytes;
}
