// grep: lines that match a regular expression. ripgrep searches where it is installed, our own search
// elsewhere; both are given the same files, and one renderer shows what they found.
import { locate, requireDirectory, requireFile } from "./paths.ts";
import { globMatcher } from "./glob.ts";
import { searchWithRipgrep } from "./grep-ripgrep.ts";
import { searchOurselves } from "./grep-own.ts";
import { shownName, ToolFailure, type ToolContext } from "./tool.ts";
import { walk } from "./walk.ts";

/** A longer line is shown cut. */
const lineCharsMax = 500;
const noteBytes = 512;
/** More lines of one file are not kept; what is shown ends long before. */
export const linesPerFileMax = 5_000;

export interface GrepInput {
  pattern: string;
  path?: string | undefined;
  glob?: string | undefined;
  context?: number | undefined;
}

export interface FoundLine {
  number: number;
  bytes: Buffer;
  /** False: shown as context. */
  match: boolean;
}

export interface FoundFile {
  path: string;
  /** In order, without their line ends. */
  lines: FoundLine[];
}

export interface Search {
  worktree: string;
  pattern: string;
  context: number;
  /** Relative to the worktree, in the order in which they are to be reported. */
  files: readonly string[];
  signal: AbortSignal;
  /** Called file by file, in order; false ends the search. Binary files (with a NUL) are left out. */
  onFile(file: FoundFile): boolean;
}

/** How many files could not be read. Throws ToolFailure on a pattern that is none. */
export type Searcher = (search: Search) => Promise<{ unreadable: number }>;

export async function grep(input: GrepInput, context: ToolContext): Promise<string> {
  const { worktree_dir: worktree } = context.job;
  const files = await filesToSearch(input, worktree, context.signal);
  const shown = new Rendering(context.bytesMax - noteBytes);
  const { ripgrep } = context;
  const searcher: Searcher = ripgrep ? (search) => searchWithRipgrep(ripgrep, search) : searchOurselves;
  const { unreadable } = await searcher({
    worktree,
    pattern: input.pattern,
    context: input.context ?? 0,
    files,
    signal: context.signal,
    onFile: (file) => shown.add(file),
  });
  const notes = unreadable > 0 ? [`[${unreadable} files could not be read]`] : [];
  if (shown.empty) return [`No match in ${files.length} files`, ...notes].join("\n");
  return [shown.text(), ...notes].join("\n");
}

async function filesToSearch(input: GrepInput, worktree: string, signal: AbortSignal): Promise<string[]> {
  const located = locate(worktree, input.path ?? ".");
  const matches = input.glob === undefined ? () => true : pathFilter(input.glob);
  if (!located.stat?.isDirectory()) {
    requireFile(located);
    return [located.shown];
  }
  requireDirectory(located);
  const start = located.shown === "." ? "" : located.shown;
  const files: string[] = [];
  for await (const { path, kind } of walk(worktree, start, signal)) {
    const inner = start === "" ? path : path.slice(start.length + 1);
    if (kind === "file" && (matches(inner) || matches(path))) files.push(path);
  }
  return files;
}

/** A pattern without a slash looks at the file's name alone, wherever it is. */
function pathFilter(pattern: string): (path: string) => boolean {
  const matches = globMatcher(pattern);
  return pattern.includes("/") ? matches : (path) => matches(path.slice(path.lastIndexOf("/") + 1));
}

/** `path:12:text` for a match, `path-11-text` for context, `--` between passages. */
class Rendering {
  readonly #bytesMax: number;
  readonly #lines: string[] = [];
  #bytes = 0;
  #full = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get empty(): boolean {
    return this.#lines.length === 0;
  }

  /** False once there is no room. */
  add(file: FoundFile): boolean {
    const hasContext = file.lines.some((line) => !line.match);
    const name = shownName(file.path);
    let last = -1;
    for (const line of file.lines) {
      if (hasContext && this.#lines.length > 0 && line.number !== last + 1) this.#push("--");
      const mark = line.match ? ":" : "-";
      this.#push(`${name}${mark}${line.number}${mark}${shownLine(line.bytes)}`);
      last = line.number;
    }
    return !this.#full;
  }

  text(): string {
    const note = "[… there is more: use a narrower pattern, a path or a glob]";
    return [...this.#lines, ...(this.#full ? [note] : [])].join("\n");
  }

  #push(line: string): void {
    this.#bytes += Buffer.byteLength(line) + 1;
    this.#full ||= this.#bytes > this.#bytesMax && this.#lines.length > 0;
    if (!this.#full) this.#lines.push(line);
  }
}

function shownLine(bytes: Buffer): string {
  const text = bytes.toString("utf8").replace(/\r$/, "");
  return text.length <= lineCharsMax
    ? text
    : `${text.slice(0, lineCharsMax).toWellFormed()} [… the line goes on]`;
}

export function patternFailure(reason: string): ToolFailure {
  return new ToolFailure(
    `the pattern is not valid: ${reason}\nSpecial characters that are meant literally need a backslash: \\( \\[ \\{ \\. \\* \\+ \\?`,
  );
}
