// All files of a tree, and how two trees differ, worked out here where both are known.
import type { FileChange } from "../engine/git-port.ts";
import type { RunGit } from "./exec.ts";
import { decodeName, splitNul } from "./names.ts";

/** `<mode> <id>` of each file, link and submodule, by the bytes of its name as a latin1 string. */
export type Listing = ReadonlyMap<string, string>;

export interface RawChange {
  status: FileChange["status"];
  name: string;
  /** What it is now, or was where it is deleted. */
  mode: string;
}

/** Of what a listing takes beside its names, in characters. */
const entryWeight = 100;

export function weightOf(listing: Listing): number {
  let sum = 0;
  for (const name of listing.keys()) sum += name.length + entryWeight;
  return sum;
}

export async function list(git: RunGit, tree: string): Promise<Listing> {
  const { stdout } = await git(["ls-tree", "-r", "-z", "--full-tree", "--end-of-options", tree]);
  return new Map(
    splitNul(stdout).map((field) => {
      const text = field.toString("latin1");
      const tab = text.indexOf("\t");
      const [mode = "", , id = ""] = text.slice(0, tab).split(" ");
      return [text.slice(tab + 1), `${mode} ${id}`];
    }),
  );
}

/** In git's order: that of the names' bytes. */
export function differenceOf(before: Listing, after: Listing): RawChange[] {
  const found: RawChange[] = [];
  for (const [name, entry] of after) {
    const was = before.get(name);
    if (was !== entry)
      found.push({ status: was === undefined ? "added" : "modified", name, mode: modeOf(entry) });
  }
  for (const [name, entry] of before)
    if (!after.has(name)) found.push({ status: "deleted", name, mode: modeOf(entry) });
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

export function modeOf(entry: string): string {
  return entry.slice(0, entry.indexOf(" "));
}

export function textOf(name: string): string {
  return decodeName(Buffer.from(name, "latin1"));
}

/** The same as git works it out. */
export async function rawChanges(git: RunGit, from: string, to: string): Promise<RawChange[]> {
  const args = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--ignore-submodules=none", from, to];
  const fields = splitNul((await git(args)).stdout);
  const found: RawChange[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const [before = "", after = "", , , letter] = (fields[index] ?? Buffer.alloc(0))
      .toString("latin1")
      .split(" ");
    const name = (fields[index + 1] ?? Buffer.alloc(0)).toString("latin1");
    if (letter === "D") found.push({ status: "deleted", name, mode: before.slice(1) });
    else found.push({ status: letter === "A" ? "added" : "modified", name, mode: after });
  }
  return found;
}
