// What the system says against using a file, in words for people.
import { messageOf, systemCode } from "./errors.ts";

const words: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EIO: "the disk fails",
  EEXIST: "something else is in its place",
  EISDIR: "it is a directory",
  EFTYPE: "it is not a regular file",
  ENOENT: "it does not exist",
  ENOTDIR: "a part of the path is not a directory",
  ELOOP: "it is a symbolic link, or one of too many",
  ENAMETOOLONG: "the path, or a name in it, is longer than the file system takes",
};

/** Of a failed call on a file; of anything else its own text. */
export function reasonOf(error: unknown): string {
  return words[systemCode(error)] ?? messageOf(error);
}

/** The file that a failed call was about, where the failure is one that the person can do something about. */
export function unusableFileOf(error: unknown): string | null {
  if (words[systemCode(error)] === undefined) return null;
  return error instanceof Error && "path" in error && typeof error.path === "string" ? error.path : null;
}
