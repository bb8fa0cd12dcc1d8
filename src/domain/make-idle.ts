// A check through make that did nothing: a file that is called like its target makes that one up to date.
import { plainText } from "./plain-text.ts";

/**
 * `make: 'test' is up to date.`, in any language: the one quoted name in a line of make's own that is no error.
 * A path from the root is the directory that it enters or leaves. `make[1]` is not the check's own make.
 */
const idleLine =
  /^g?make: (?!\*\*\*)[^\n'`"‘’“”„«»]*['`"‘“„«]\s?([^/\s'`"‘’“”„«»][^\s'`"‘’“”„«»]*)\s?['’"“”»][^\n'`"‘’“”„«»]*$/gm;

/** Targets of which make says that there was nothing to do. */
export function idleTargets(output: string): string[] {
  return [...plainText(output).matchAll(idleLine)].map(([, target = ""]) => target);
}

/** Targets that make did nothing for, in a check that succeeded, and of which it did not say so on the code before. */
export function idleMake(now: { passed: boolean; output: string }, before: string | null): string[] {
  if (!now.passed) return [];
  const known = new Set(idleTargets(before ?? ""));
  return idleTargets(now.output).filter((target) => !known.has(target));
}

/** Whether a command runs make and nothing else. */
export function onlyMakes(command: string): boolean {
  return /^\s*(\w+=\S*\s+)*g?make(\s[^;&|\n]*)?$/.test(command);
}
