// The files of a worktree as glob and grep see them: hidden ones too, .git never, what .gitignore excludes
// not, and no symbolic link followed. Both ways of grep search what this lists, so that both find the same.
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  type Dirent,
} from "node:fs";
import { join } from "node:path";
import ignore, { type Ignore } from "ignore";
import { breather } from "./tool.ts";

/** A larger .gitignore is not one. */
const ignoreFileBytesMax = 1024 * 1024;

export interface Walked {
  /** Relative to the worktree. */
  path: string;
  kind: "file" | "link";
}

/** The rules of one .gitignore; paths are tested relative to its directory. */
interface Rules {
  /** Relative to the worktree, `""` or ending with a slash. */
  directory: string;
  rules: Ignore;
}

/**
 * Everything below `start` (relative to the worktree; `""` is the worktree), ordered by name within each
 * directory. A directory that is asked for by name is looked into even if it is ignored.
 */
export async function* walk(worktree: string, start: string, signal: AbortSignal): AsyncGenerator<Walked> {
  const breathe = breather(signal);
  const visit = async function* (directory: string, outer: readonly Rules[]): AsyncGenerator<Walked> {
    const { entries, rules } = look(worktree, directory, outer);
    for (const entry of entries) {
      const path = `${directory}${entry.name}`;
      await breathe();
      if (!isReadableName(join(worktree, directory), entry.name)) continue;
      if (entry.isDirectory()) {
        const applied = rulesInside(rules, path);
        if (applied) yield* visit(`${path}/`, applied);
      } else if ((entry.isFile() || entry.isSymbolicLink()) && verdict(rules, path) !== "ignored") {
        yield { path, kind: entry.isFile() ? "file" : "link" };
      }
    }
  };
  yield* visit(start === "" ? "" : `${start}/`, rulesAbove(worktree, start));
}

/** By their bytes, as ripgrep and git order them. */
export function compareNames(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/**
 * Whether a name from a listing can be used to open the file: bytes that are not valid UTF-8 come as
 * U+FFFD, and then there is no such file.
 */
export function isReadableName(directory: string, name: string): boolean {
  if (!name.includes("\ufffd")) return true;
  return lstatSync(join(directory, name), { throwIfNoEntry: false }) !== undefined;
}

/** The rules that hold in `start`, from the worktree down to its parent. */
function rulesAbove(worktree: string, start: string): Rules[] {
  let rules: Rules[] = [];
  let directory = "";
  for (const name of start === "" ? [] : start.split("/")) {
    rules = look(worktree, directory, rules).rules;
    // Asked for although it is ignored: what excludes it says nothing about what is in it.
    rules = rulesInside(rules, `${directory}${name}`) ?? [];
    directory += `${name}/`;
  }
  return rules;
}

function look(
  worktree: string,
  directory: string,
  outer: readonly Rules[],
): { entries: Dirent[]; rules: Rules[] } {
  let entries: Dirent[];
  try {
    entries = readdirSync(join(worktree, directory), { withFileTypes: true });
  } catch {
    return { entries: [], rules: [...outer] }; // not ours to read, or gone meanwhile
  }
  // A repository in the repository answers to its own rules only.
  const nested = directory !== "" && entries.some((entry) => entry.name === ".git");
  const rules = nested ? [] : [...outer];
  if (entries.some((entry) => entry.name === ".gitignore" && entry.isFile())) {
    const text = readIgnoreFile(join(worktree, directory, ".gitignore"));
    if (text) rules.push({ directory, rules: ignore({ ignorecase: false }).add(text) });
  }
  const visible = entries.filter((entry) => entry.name !== ".git");
  return { entries: visible.sort((a, b) => compareNames(a.name, b.name)), rules };
}

/** The rules that hold in a directory; null where it is ignored. */
function rulesInside(rules: readonly Rules[], path: string): Rules[] | null {
  const result = verdict(rules, `${path}/`);
  if (result === "ignored") return null;
  // Included again by an inner .gitignore: the outer one would exclude all that is in it, so it is dropped.
  return result === "unignored" ? rules.filter((each) => !tested(each, `${path}/`).ignored) : [...rules];
}

/** The innermost .gitignore that says anything decides. */
function verdict(rules: readonly Rules[], path: string): "ignored" | "unignored" | "none" {
  for (const each of rules.toReversed()) {
    const result = tested(each, path);
    if (result.ignored) return "ignored";
    if (result.unignored) return "unignored";
  }
  return "none";
}

function tested(each: Rules, path: string): { ignored: boolean; unignored: boolean } {
  return each.rules.test(path.slice(each.directory.length));
}

function readIgnoreFile(path: string): string | null {
  let fd;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return null;
  }
  try {
    const stat = fstatSync(fd);
    return stat.isFile() && stat.size <= ignoreFileBytesMax ? readFileSync(fd, "utf8") : null;
  } finally {
    closeSync(fd);
  }
}
