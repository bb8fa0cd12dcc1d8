// The project's own file: where it is, what it sets, and whether that may count.
import { join } from "node:path";
import { LooprError } from "../lib/errors.ts";
import { parseConfigFile, type Entry } from "./parse.ts";
import { readSmallFile } from "./read.ts";

/** Where it may be; the first is where `init` writes it. */
export function projectFilePaths(root: string): [string, string] {
  return [join(root, ".loopr.yml"), join(root, ".loopr", "loopr.yml")];
}

export interface ProjectFile {
  path: string;
  text: string;
  entries: Entry[];
  /** Entries that make commands run: they count only after `loopr trust`. */
  trusted: Entry[];
}

/** Null where the project has none. Throws `config_invalid`, also for a key that is the user's alone. */
export function readProjectFile(root: string): ProjectFile | null {
  const found = projectFilePaths(root).flatMap((path) => {
    const text = readSmallFile(path);
    return text === null ? [] : [{ path, text }];
  });
  const [first, second] = found;
  if (!first) return null;
  if (second) {
    throw new LooprError(
      "config_invalid",
      `both ${first.path} and ${second.path} exist, and only one may`,
      `move what you want to keep into ${first.path} and remove the other`,
    );
  }
  const entries = parseConfigFile(first.path, first.text);
  const refused = entries.find((entry) => entry.key.project === null);
  if (refused) {
    throw new LooprError(
      "config_invalid",
      `${first.path}:${refused.line}: ${refused.key.name} may not be set by a project`,
      "it is yours to decide: set it in ~/.config/loopr/loopr.yml, or in a file that you name with --config",
    );
  }
  return { ...first, entries, trusted: entries.filter((entry) => entry.key.project === "trusted") };
}
