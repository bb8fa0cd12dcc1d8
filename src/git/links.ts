// Where symbolic links of a worktree lead, without following any of them.
import { readlink } from "node:fs/promises";
import { systemCode } from "../lib/errors.ts";
import { decodeName, pathOf } from "./names.ts";

/** As many as Linux follows. */
const linksFollowedMax = 40;

/**
 * Whether a link's target is absolute or leads out of the worktree, at any step of the way. A target that
 * does not exist leads where it would be.
 */
export async function leadsOutside(root: string, name: string): Promise<boolean> {
  const at = name.split("/").slice(0, -1);
  const ahead = [name.split("/").at(-1) ?? ""];
  let followed = 0;
  for (let part = ahead.shift(); part !== undefined; part = ahead.shift()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (at.pop() === undefined) return true;
      continue;
    }
    at.push(part);
    const target = await targetOf(root, at.join("/"));
    if (target === null) continue;
    if (target.startsWith("/")) return true;
    // Links that go round in a circle lead nowhere.
    if (++followed > linksFollowedMax) return false;
    at.pop();
    ahead.unshift(...target.split("/"));
  }
  // The repository's own directory is not the loop's to point at.
  return at[0] === ".git";
}

/** Null where there is no link. */
async function targetOf(root: string, name: string): Promise<string | null> {
  try {
    return decodeName(await readlink(pathOf(root, name), { encoding: "buffer" }));
  } catch (error) {
    if (["EINVAL", "ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes(systemCode(error))) return null;
    throw error;
  }
}
