// What a Makefile includes: another part of the recipes that a check runs.
import { joinPath } from "./tree-paths.ts";

/** Whether a file is one of make's, by its name. */
export function isMakefile(path: string): boolean {
  return /(^|\/)(GNUm|M|m)akefile[^/]*$|\.mk$/.test(path);
}

const directive = /^ *(?:-include|sinclude|include)[ \t]+([^#\n]*)/gm;

/**
 * Paths in the repository that a Makefile's text includes by literal names, whether they are there or not:
 * make takes them from its directory, which is the check's or the file's own.
 */
export function makeIncludes(path: string, content: string, checkCwd: string): string[] {
  if (!isMakefile(path)) return [];
  const names = [...content.replaceAll("\\\n", " ").matchAll(directive)]
    .flatMap(([, list = ""]) => list.trim().split(/\s+/))
    .filter((name) => name !== "" && !name.startsWith("/") && !/[$*?[%]/.test(name));
  const paths = names.flatMap((name) =>
    [checkCwd, path.split("/").slice(0, -1).join("/")].map((directory) => joinPath(directory, name)),
  );
  return [...new Set(paths)].filter((included) => !included.startsWith("../"));
}
