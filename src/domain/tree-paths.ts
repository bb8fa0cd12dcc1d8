// Paths in the repository, as git writes them: from its root, with slashes.
import picomatch from "picomatch";

/** `directory/name` without `.` and `..`; a path out of the repository never equals a tracked one. */
export function joinPath(directory: string, name: string): string {
  const parts: string[] = [];
  for (const part of `${directory}/${name}`.split("/")) {
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/** The same hundreds of globs are asked for at each iteration; those of all projects together are not many more. */
const known = new Map<string, (path: string) => boolean>();
const knownMax = 4_000;

function compiled(glob: string): (path: string) => boolean {
  const found = known.get(glob);
  if (found) return found;
  if (known.size >= knownMax) known.clear();
  const matches = picomatch(glob, { dot: true, nonegate: true });
  const simple = (path: string) => matches(path);
  known.set(glob, simple);
  return simple;
}

/** Whether a path is one of these globs, names or directories. */
export function matcher(patterns: readonly string[]): (path: string) => boolean {
  const cleaned = patterns.map((pattern) => pattern.replace(/^(\.\/)+/, "").replace(/\/+$/, ""));
  const matches = cleaned.flatMap((pattern) =>
    pattern === "" ? [] : [pattern, `${pattern}/**`].map(compiled),
  );
  // A name with brackets (`[id].test.ts`) is meant as it stands too.
  return (path) =>
    cleaned.some((pattern) => path === pattern || (pattern !== "" && path.startsWith(`${pattern}/`))) ||
    matches.some((match) => match(path));
}
