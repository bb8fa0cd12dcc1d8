// A commit made of texts, without a worktree: what is in nobody's checkout can be committed all the same.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { line, type RunGit } from "./exec.ts";
import { encodeName, joinNames, splitNames } from "./names.ts";
import { writeCommit } from "./objects.ts";
import { treeOf } from "./refs.ts";

const fileMode = "100644";

/** See `Repository.commitFiles`. Works in an index of its own. */
export async function commitFiles(
  git: RunGit,
  options: {
    parent: string;
    directory: string;
    files: ReadonlyMap<string, string>;
    message: string;
    author: string;
    date: number;
  },
): Promise<{ commit: string; tree: string; changed: boolean }> {
  const { parent, directory, files, message, author, date } = options;
  const before = await treeOf(git, parent);
  const scratch = await mkdtemp(join(tmpdir(), "loopr-index-"));
  try {
    const variables = { GIT_INDEX_FILE: join(scratch, "index") };
    await git(["read-tree", before], { variables });
    const listed = await git(["ls-files", "-z", "--cached", "--", directory], { variables });
    await git(["update-index", "--force-remove", "-z", "--stdin"], {
      variables,
      input: joinNames(splitNames(listed.stdout)),
    });
    const entries: Buffer[] = [];
    for (const [name, content] of files) {
      const blob = line(await git(["hash-object", "-w", "--stdin"], { input: content }));
      entries.push(
        Buffer.from(`${fileMode} ${blob}\t`),
        encodeName(`${directory}/${name}`),
        Buffer.from([0]),
      );
    }
    await git(["update-index", "-z", "--index-info"], { variables, input: Buffer.concat(entries) });
    const tree = line(await git(["write-tree"], { variables }));
    if (tree === before) return { commit: parent, tree, changed: false };
    const commit = await writeCommit(git, { tree, parents: [parent], message, author, date });
    return { commit, tree, changed: true };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
