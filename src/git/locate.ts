// Which project a directory belongs to, for looking things up: read from the file system as gitrepository-layout(5)
// says, without starting git. Whoever works on the repository opens it by open.ts, which asks git itself.
import { readFile, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { projectHash } from "./open.ts";

/** Null where no checkout is found this way: a bare repository, none at all, one that cannot be read. */
export async function locateProject(directory: string): Promise<string | null> {
  try {
    for (let at = await realpath(directory); ; at = dirname(at)) {
      const commonDir = await commonDirOf(join(at, ".git"));
      if (commonDir !== null) return projectHash(commonDir);
      if (at === dirname(at)) return null;
    }
  } catch {
    return null;
  }
}

async function commonDirOf(dotGit: string): Promise<string | null> {
  const found = await stat(dotGit).catch(() => null);
  if (!found) return null;
  let gitDir = dotGit;
  if (found.isFile()) {
    const link = /^gitdir: (.+?)\n*$/.exec(await readFile(dotGit, "utf8"))?.[1];
    if (link === undefined) return null;
    gitDir = resolve(dirname(dotGit), link);
  }
  if (!(await stat(join(gitDir, "HEAD")).catch(() => null))) return null;
  const common = await readFile(join(gitDir, "commondir"), "utf8").catch(() => ".");
  return realpath(resolve(gitDir, common.trim()));
}
