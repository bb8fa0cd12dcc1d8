// Commits written as objects, byte by byte: no configuration, clock, signature or editor has a say in them.
import { LooprError } from "../lib/errors.ts";
import { line, type RunGit } from "./exec.ts";

export interface CommitFields {
  tree: string;
  parents: readonly string[];
  /** `Name <email>`: author and committer. */
  author: string;
  /** Milliseconds; recorded as UTC, so that the same input gives the same commit on every machine. */
  date: number;
  message: string;
}

/** Writes a commit object; no ref is moved. */
export async function writeCommit(git: RunGit, fields: CommitFields): Promise<string> {
  return writeRawCommit(git, commitContent(fields));
}

export function commitContent(fields: CommitFields): Buffer {
  const stamp = `${identityLine(fields.author)} ${Math.floor(fields.date / 1000)} +0000`;
  const message = fields.message.replaceAll("\0", "").trimEnd();
  const headers = [
    `tree ${fields.tree}`,
    ...fields.parents.map((parent) => `parent ${parent}`),
    `author ${stamp}`,
    `committer ${stamp}`,
  ];
  return Buffer.from(`${headers.join("\n")}\n\n${message}\n`);
}

/** The commit again with another tree and parent. Message, author, committer and their dates stay. */
export async function rewriteCommit(
  git: RunGit,
  commit: string,
  tree: string,
  parent: string,
): Promise<string> {
  const raw = (await git(["cat-file", "commit", commit])).stdout;
  const headersEnd = raw.indexOf("\n\n");
  const headers = raw.subarray(0, headersEnd).toString("latin1").split("\n");
  // A signature, and other headers that go over several lines, spoke of the old commit.
  const kept = headers.filter((header) => /^(author|committer|encoding) /.test(header));
  const head = Buffer.from([`tree ${tree}`, `parent ${parent}`, ...kept].join("\n"), "latin1");
  return writeRawCommit(git, Buffer.concat([head, raw.subarray(headersEnd)]));
}

async function writeRawCommit(git: RunGit, content: Buffer): Promise<string> {
  return line(await git(["hash-object", "-t", "commit", "-w", "--stdin"], { input: content }));
}

/** `Name <email>` as git accepts it in a commit. Throws `bad_author` where it is not of that form. */
export function identityLine(author: string): string {
  const match = /^\s*([^<>\n\0]*?)\s*<([^<>\s\0]+)>\s*$/.exec(author);
  if (!match)
    throw new LooprError(
      "bad_author",
      `"${author}" is not a commit identity`,
      'set git.author in the form "Name <email>"',
    );
  return `${match[1] || "Loopr"} <${match[2]}>`;
}
