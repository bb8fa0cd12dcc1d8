import { accessSync, constants } from "node:fs";
import { isAbsolute, join } from "node:path";

/** The first executable of that name on a PATH; entries that are not absolute are left out. */
export function findProgram(name: string, path: string): string | null {
  for (const directory of path.split(":").filter((entry) => isAbsolute(entry))) {
    const candidate = join(directory, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not in this one.
    }
  }
  return null;
}
