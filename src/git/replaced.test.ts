// Directories replaced by links and files, files by directories: whatever takes a name's place in a worktree.
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { author, interrupted, ref, useWorktree } from "../../test/support/git-worktree.ts";

const files = {
  "a.txt": "one\n",
  "src/b.txt": "two\n",
  "src/deep/c.txt": "three\n",
  "tests/add.sh": "test 1 = 2\n",
  ".gitignore": "*.log\n",
};

const at = useWorktree({
  files,
  prepare: (fixture, root) => {
    symlinkSync("src", join(root, "link"));
    fixture.git(root, "add", "link");
    fixture.git(root, "commit", "--quiet", "-m", "link");
  },
});

/** What each does, as a shell command in the worktree. `outside`: a link that a commit refuses. */
const replacements: { name: string; command: string; outside?: boolean }[] = [
  {
    name: "a directory by a link to a bent copy",
    command: "mv tests elsewhere; ln -s elsewhere tests; echo true > elsewhere/add.sh",
  },
  { name: "a directory by a link to itself, moved", command: "mv src other; ln -s other src" },
  {
    name: "a directory by a link to another with the same names",
    command: "rm -r tests; cp -r src x; touch x/add.sh; ln -s x tests",
  },
  { name: "a directory by a link to nothing", command: "rm -r tests; ln -s nowhere tests" },
  { name: "a directory by a link to itself", command: "rm -r tests; ln -s tests tests" },
  { name: "an inner directory by a link", command: "mv src/deep out; ln -s ../out src/deep" },
  { name: "a directory by a link outside", command: 'rm -r src; ln -s "$OUTSIDE" src', outside: true },
  { name: "a directory by a file", command: "rm -r src; echo file > src" },
  { name: "a directory by nothing", command: "rm -r src" },
  { name: "a file by a directory", command: "rm a.txt; mkdir -p a.txt/in; echo x > a.txt/in/side" },
  { name: "a file by an empty directory", command: "rm a.txt; mkdir a.txt" },
  { name: "a file by a link", command: "rm a.txt; ln -s src/b.txt a.txt" },
  { name: "a file by a directory of ignored files", command: "rm a.txt; mkdir a.txt; echo x > a.txt/x.log" },
  { name: "a link by a directory", command: "rm link; mkdir link; echo x > link/b.txt" },
  { name: "a link by a file", command: "rm link; echo x > link" },
  {
    name: "a directory and a file by each other",
    command: "rm -r tests; mv a.txt tests; mkdir a.txt; echo x > a.txt/y",
  },
  {
    name: "a directory by a link, a file by a directory, all at once",
    command:
      "mv src other; ln -s other src; rm a.txt link; mkdir a.txt link; echo 1 > a.txt/1; ln -s ../other link/l",
  },
  {
    name: "a directory by an ignored link",
    command: "mv src other; ln -s other src; printf '/src\\n' >> .gitignore",
  },
  {
    name: "staged by the job itself",
    command: "mv src other; ln -s other src; git add -A; rm src; mkdir src; echo x > src/z",
  },
];

const replace = (command: string) => {
  const outside = join(at.fixture.root, "outside");
  mkdirSync(join(outside, ".git"), { recursive: true });
  mkdirSync(join(outside, "deep"));
  writeFileSync(join(outside, ".git", "precious"), "p");
  writeFileSync(join(outside, "b.txt"), "outside\n");
  const env = { ...at.fixture.env, OUTSIDE: outside };
  const done = spawnSync("sh", ["-ec", command], { cwd: at.worktree, env, encoding: "utf8" });
  expect(done.stderr).toBe("");
};
const untouchedOutside = () => {
  expect(readFileSync(join(at.fixture.root, "outside", ".git", "precious"), "utf8")).toBe("p");
  expect(readFileSync(join(at.fixture.root, "outside", "b.txt"), "utf8")).toBe("outside\n");
};
/** The tree that git's own `add --all` makes of the worktree, in an index of its own. */
const treeByGit = () => {
  const env = { ...at.fixture.env, GIT_INDEX_FILE: join(at.fixture.root, "index") };
  const git = (...args: string[]) => {
    const done = spawnSync("git", args, { cwd: at.worktree, env, encoding: "utf8" });
    expect(done.status).toBe(0);
    return done.stdout.trim();
  };
  git("read-tree", at.head);
  git("add", "--all");
  return git("write-tree");
};

describe.each(replacements)("$name", ({ command, outside }) => {
  test("isDirty, commitAll and changes: what is in the worktree", async () => {
    // What the tree holds is known then, and the new one is made without git.
    await at.repository.checkoutClean(at.worktree, at.head);
    replace(command);
    const expected = treeByGit();
    expect(await at.repository.isDirty(at.worktree)).toBe(true);
    const making = at.repository.commitAll(at.worktree, {
      parent: at.head,
      ref,
      message: "loopr: x",
      author,
    });
    if (outside) {
      const error = await making.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "work_refused" });
      return;
    }
    const made = await making;
    expect(made.tree).toBe(expected);
    expect(await at.repository.isDirty(at.worktree)).toBe(false);
    const byGit = at.fixture.git(
      at.root,
      "diff-tree",
      "-r",
      "--name-only",
      "--no-renames",
      at.head,
      made.commit,
    );
    const changed = await at.repository.changes(at.head, made.commit);
    expect(changed.map((change) => change.path).join("\n")).toBe(byGit);
    untouchedOutside();
  });

  test("saveInterrupted: what is in the worktree, which stays", async () => {
    replace(command);
    const expected = treeByGit();
    expect(await at.repository.saveInterrupted(at.worktree, interrupted, author)).toBe(true);
    expect(await at.repository.treeOf(interrupted)).toBe(expected);
    expect(treeByGit()).toBe(expected);
    untouchedOutside();
  });

  test.each(["resetWorktree", "checkoutClean"] as const)("%s: put back", async (method) => {
    await at.repository.checkoutClean(at.worktree, at.head);
    replace(command);
    await at.repository[method](at.worktree, at.head);
    expect(at.fixture.git(at.worktree, "status", "--porcelain")).toBe("");
    for (const [name, content] of Object.entries(files))
      expect(readFileSync(join(at.worktree, name), "utf8")).toBe(content);
    expect(lstatSync(join(at.worktree, "src")).isDirectory()).toBe(true);
    expect(lstatSync(join(at.worktree, "link")).isSymbolicLink()).toBe(true);
    untouchedOutside();
  });

  test("treeWithPathsFrom: the base's files, and nothing in their way", async () => {
    replace(command);
    await at.repository.saveInterrupted(at.worktree, interrupted, author);
    const paths = await at.repository.files(at.head);
    const tree = await at.repository.treeWithPathsFrom(interrupted, at.head, paths);
    const entries = (treeish: string) => at.fixture.git(at.root, "ls-tree", "-r", treeish).split("\n");
    const made = new Set(entries(tree));
    expect(entries(at.head).filter((entry) => !made.has(entry))).toEqual([]);
    await at.repository.checkoutClean(at.worktree, tree);
    for (const [name, content] of Object.entries(files))
      expect(readFileSync(join(at.worktree, name), "utf8")).toBe(content);
    expect(existsSync(join(at.worktree, "src", "deep", "c.txt"))).toBe(true);
    untouchedOutside();
  });
});
