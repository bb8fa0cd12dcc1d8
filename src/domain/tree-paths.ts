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

/** Whether a path is one of these globs, names or directories. */
export function matcher(patterns: readonly string[]): (path: string) => boolean {
  const cleaned = patterns.map((pattern) => pattern.replace(/^(\.\/)+/, "").replace(/\/+$/, ""));
  const matches = cleaned.flatMap((pattern) =>
    pattern === ""
      ? []
      : [pattern, `${pattern}/**`].map((glob) => picomatch(glob, { dot: true, nonegate: true })),
  );
  // A name with brackets (`[id].test.ts`) is meant as it stands too.
  return (path) =>
    cleaned.some((pattern) => path === pattern || (pattern !== "" && path.startsWith(`${pattern}/`))) ||
    matches.some((match) => match(path));
}
