// glob: the files whose path matches a pattern.
import picomatch from "picomatch";
import { locate, requireDirectory } from "./paths.ts";
import { shownName, ToolFailure, type ToolContext } from "./tool.ts";
import { walk } from "./walk.ts";

const noteBytes = 512;
const patternCharsMax = 1_000;

export async function glob(
  input: { pattern: string; path?: string | undefined },
  context: ToolContext,
): Promise<string> {
  const { worktree_dir: worktree } = context.job;
  const located = locate(worktree, input.path ?? ".");
  requireDirectory(located);
  const start = located.shown === "." ? "" : located.shown;
  const absolute = input.pattern.startsWith(`${worktree}/`);
  const pattern = absolute ? input.pattern.slice(worktree.length + 1) : input.pattern;
  const matches = globMatcher(pattern);
  const lines: string[] = [];
  let bytes = noteBytes;
  let more = 0;
  for await (const { path } of walk(worktree, start, context.signal)) {
    if (!matches(start === "" || absolute ? path : path.slice(start.length + 1))) continue;
    const line = shownName(path);
    bytes += Buffer.byteLength(line) + 1;
    if (bytes > context.bytesMax) more++;
    else lines.push(line);
  }
  if (more > 0) lines.push(`[… and ${more} more: use a narrower pattern or a path]`);
  return lines.join("\n") || noneFound(input.pattern);
}

/** Matches a path relative to where the search starts. Throws ToolFailure on a pattern that cannot match. */
export function globMatcher(pattern: string): (path: string) => boolean {
  const shown = JSON.stringify(pattern);
  if (pattern.length > patternCharsMax)
    throw new ToolFailure(`a glob pattern of ${pattern.length} characters`);
  if (pattern.startsWith("/") || pattern.split("/").includes("..")) {
    throw new ToolFailure(
      `the pattern ${shown} leads out of what is searched. Use one relative to it, such as src/**/*.ts`,
    );
  }
  try {
    // Without extended globs: their nested repetitions could keep the runner busy for hours.
    return picomatch(pattern.replace(/^(\.\/)+/, ""), { dot: true, strictBrackets: true, noextglob: true });
  } catch {
    throw new ToolFailure(`the glob pattern ${shown} is not valid: a bracket is not closed`);
  }
}

function noneFound(pattern: string): string {
  const deeper = pattern.includes("/")
    ? ""
    : ` It matches in that directory only: **/${pattern} looks below it too.`;
  return `No file matches ${JSON.stringify(pattern)}.${deeper} (Files that .gitignore excludes are not listed.)`;
}
