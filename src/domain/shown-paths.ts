// Paths in a sentence: the first few, and how many more there are.
const shownMax = 5;

export function shownPaths(paths: readonly string[]): string {
  const more = paths.length > shownMax ? ` and ${paths.length - shownMax} more` : "";
  return paths.slice(0, shownMax).join(", ") + more;
}
