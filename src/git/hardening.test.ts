// Nothing that a repository's configuration or a job's files name is run. Each program that could be run
// leaves a mark; at the end there must be none.
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gitFixture, type GitFixture } from "../../test/support/git-fixture.ts";
import type { Repository } from "../engine/git-port.ts";
import { createGit } from "./git.ts";

/** `expect.stringContaining` without its `any`. */
const containing = (text: string): unknown => expect.stringContaining(text);

let fixture: GitFixture;
let marks: string;
beforeEach(() => {
  fixture = gitFixture();
  marks = join(fixture.root, "marks");
  mkdirSync(marks);
});
afterEach(() => fixture.remove());

const author = "Ada Person <ada@example.com>";

/** A command that leaves a mark, and otherwise behaves like `cat`. */
function marking(name: string): string {
  const path = join(fixture.root, `evil-${name}`);
  writeFileSync(path, `#!/bin/sh\ntouch '${join(marks, name)}'\ncat 2>/dev/null\nexit 0\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Everything the adapter does to a repository, once. */
async function wholeLife(repository: Repository, head: string, worktree: string): Promise<void> {
  await repository.ensureWorktree(worktree, head);
  fixture.write(worktree, {
    "a.txt": "changed\n",
    "b.evil": "b\n",
    ".gitattributes": "* filter=evil merge=evil diff=evil\n",
  });
  expect(await repository.isDirty(worktree)).toBe(true);
  expect(await repository.saveInterrupted(worktree, "refs/loopr/interrupted/1/1", author)).toBe(true);
  const ref = "refs/loopr/loops/1";
  const { commit } = await repository.commitAll(worktree, { parent: head, ref, message: "work", author });
  await repository.checkoutClean(worktree, commit);
  await repository.resetWorktree(worktree, head);
  await repository.changes(head, commit);
  await repository.diff(head, commit, 100_000);
  await repository.log(head, commit);
  const options = { tip: head, base: head, work: commit, message: "squash", author, date: 0 };
  const squash = await repository.squashOnto(options);
  if (squash.kind !== "commit") throw new Error("conflict");
  // Both sides changed a.txt, so that a merge driver would be asked.
  fixture.write(worktree, { "a.txt": "one\nother\n", ".gitattributes": "*.txt merge=evil\n" });
  const other = await repository.commitAll(worktree, {
    parent: head,
    ref: "refs/loopr/loops/2",
    message: "o",
    author,
  });
  expect((await repository.squashOnto({ ...options, tip: other.commit })).kind).toBe("conflict");
  await repository.createRunBranch("x", "abcd", head);
  await repository.updateRef("refs/heads/loopr/x-abcd", squash.commit, head);
  expect(await repository.targetBlocked("main")).toBeNull();
  await repository.fastForward("main", commit);
  await repository.addNote(commit, "note");
  await repository.removeWorktree(worktree);
}

test("hooks, fsmonitor, signing, editors, pagers, filters and drivers of the configuration are not run", async () => {
  const root = fixture.repository("repo");
  const hooks = join(root, "hooks");
  mkdirSync(hooks);
  const names = [
    "post-checkout",
    "pre-commit",
    "post-commit",
    "post-merge",
    "reference-transaction",
    "post-index-change",
  ];
  for (const name of [...names, "pre-merge-commit", "commit-msg", "post-rewrite", "fsmonitor-watchman"])
    for (const directory of [hooks, join(root, ".git", "hooks")])
      symlinkSync(marking(`hook-${name}`), join(directory, name));
  const config: Record<string, string> = {
    "core.hooksPath": "hooks",
    "core.fsmonitor": marking("fsmonitor"),
    "core.pager": marking("pager"),
    "core.editor": marking("editor"),
    "core.sshCommand": marking("ssh"),
    "core.askPass": marking("askpass"),
    "core.alternateRefsCommand": marking("alternates"),
    "credential.helper": marking("credential"),
    "gpg.program": marking("gpg"),
    "commit.gpgSign": "true",
    "tag.gpgSign": "true",
    "log.showSignature": "true",
    "merge.verifySignatures": "true",
    "branch.main.mergeOptions": "--squash --verify-signatures",
    "diff.external": marking("diff-external"),
    "diff.evil.command": marking("diff-command"),
    "diff.evil.textconv": marking("textconv"),
    "merge.evil.driver": `${marking("merge-driver")} %A`,
    "filter.evil.clean": marking("clean"),
    "filter.evil.smudge": marking("smudge"),
    "filter.evil.process": marking("process"),
    "filter.evil.required": "true",
    "interactive.diffFilter": marking("diff-filter"),
    "notes.rewriteRef": "refs/notes/*",
    "gc.auto": "1",
  };
  const head = fixture.git(root, "rev-parse", "HEAD");
  for (const [key, value] of Object.entries(config)) fixture.git(root, "config", key, value);
  const { repository } = await createGit(fixture.env).open(root);
  // .gitattributes of the work makes the filter apply: the person is asked to merge by themselves.
  await wholeLife(repository, head, join(fixture.root, "wt", "evil"));
  expect(readdirSync(marks)).toEqual([]);
  expect(fixture.git(root, "-c", "core.fsmonitor=false", "rev-parse", "main")).not.toBe(head);
});

test("a driver with a name that no command line could carry is not run", async () => {
  const root = fixture.repository("repo");
  const head = fixture.git(root, "rev-parse", "HEAD");
  fixture.git(root, "config", 'filter.a=b.c"d e.clean', marking("clean"));
  fixture.git(root, "config", 'filter.a=b.c"d e.smudge', marking("smudge"));
  writeFileSync(
    join(root, ".git", "info", "attributes"),
    'a.txt filter=a=b.c"d\n*.x "filter=a=b.c\\"d e"\n* merge=own\n',
  );
  fixture.git(root, "config", "merge.own.driver", `${marking("merge")} %A`);
  const { repository } = await createGit(fixture.env).open(root);
  await wholeLife(repository, head, join(fixture.root, "wt", "odd"));
  expect(readdirSync(marks)).toEqual([]);
});

test("a program that a job plants is not found through a relative PATH, nor a hook of a nested repository", async () => {
  const root = fixture.repository("repo");
  const head = fixture.git(root, "rev-parse", "HEAD");
  fixture.git(root, "config", "--global", "filter.lfs.clean", "git-lfs clean -- %f");
  fixture.git(root, "config", "--global", "filter.lfs.smudge", "git-lfs smudge -- %f");
  const { repository } = await createGit({ ...fixture.env, PATH: `.::bin:${fixture.env["PATH"]}` }).open(
    root,
  );
  const worktree = join(fixture.root, "wt", "planted");
  await repository.ensureWorktree(worktree, head);
  const planted = readFileSync(marking("planted"), "utf8");
  fixture.write(worktree, {
    "git-lfs": planted,
    "bin/git-lfs": planted,
    git: planted,
    ".gitattributes": "*.big filter=lfs\n",
  });
  for (const name of ["git-lfs", "bin/git-lfs", "git"]) chmodSync(join(worktree, name), 0o755);
  fixture.write(worktree, { "x.big": "big\n" });
  await repository
    .commitAll(worktree, { parent: head, ref: "refs/loopr/loops/1", message: "x", author })
    .catch(() => undefined);
  expect(readdirSync(marks)).toEqual([]);
});

test("a nested repository with a monitor and filters of its own is refused, saved and removed without running them", async () => {
  const root = fixture.repository("repo");
  const head = fixture.git(root, "rev-parse", "HEAD");
  const { repository } = await createGit(fixture.env).open(root);
  const worktree = join(fixture.root, "wt", "nested");
  await repository.ensureWorktree(worktree, head);
  for (const directory of ["sub", "src"]) {
    const nested = join(worktree, directory);
    mkdirSync(nested, { recursive: true });
    fixture.git(nested, "init", "--quiet");
    fixture.write(nested, { "in.txt": "in\n", ".gitattributes": "* filter=evil\n" });
    fixture.git(nested, "add", "--all");
    fixture.git(nested, "commit", "--quiet", "-m", "nested");
    fixture.git(nested, "config", "core.fsmonitor", marking(`monitor-${directory}`));
    fixture.git(nested, "config", "filter.evil.clean", marking(`clean-${directory}`));
    fixture.write(nested, { "in.txt": "changed\n" });
  }
  const commit = repository.commitAll(worktree, {
    parent: head,
    ref: "refs/loopr/loops/1",
    message: "x",
    author,
  });
  expect(await commit.catch((error: unknown) => error)).toMatchObject({
    code: "work_refused",
    message: containing("src, sub"),
  });
  expect(await repository.isDirty(worktree)).toBe(true);
  expect(await repository.saveInterrupted(worktree, "refs/loopr/interrupted/1/1", author)).toBe(true);
  expect(await repository.read("refs/loopr/interrupted/1/1", "sub/in.txt")).toBe("changed\n");
  expect(await repository.read("refs/loopr/interrupted/1/1", "src/in.txt")).toBe("changed\n");
  await repository.resetWorktree(worktree, head);
  expect(existsSync(join(worktree, "src", ".git"))).toBe(false);
  expect(existsSync(join(worktree, "sub"))).toBe(false);
  expect(await repository.isDirty(worktree)).toBe(false);
  expect(readdirSync(marks)).toEqual([]);
});

test("the person's Git LFS goes on working in worktrees and in the checkout", async () => {
  const bin = join(fixture.root, "bin");
  mkdirSync(bin);
  // Stands in for Git LFS: stores ROT13, so that stored and checked-out content differ.
  writeFileSync(join(bin, "git-lfs"), "#!/bin/sh\nexec tr 'A-Za-z' 'N-ZA-Mn-za-m'\n");
  chmodSync(join(bin, "git-lfs"), 0o755);
  const env = { ...fixture.env, PATH: `${bin}:${fixture.env["PATH"]}` };
  fixture.env["PATH"] = env.PATH;
  const root = fixture.repository("repo");
  fixture.git(root, "config", "--global", "filter.lfs.clean", "git-lfs clean -- %f");
  fixture.git(root, "config", "--global", "filter.lfs.smudge", "git-lfs smudge -- %f");
  fixture.git(root, "config", "--global", "filter.lfs.required", "true");
  fixture.write(root, { ".gitattributes": "*.big filter=lfs -text\n", "x.big": "hello\n" });
  fixture.git(root, "add", "--all");
  fixture.git(root, "commit", "--quiet", "-m", "lfs");
  const head = fixture.git(root, "rev-parse", "HEAD");
  const { repository } = await createGit(env).open(root);
  expect(await repository.read(head, "x.big")).toBe("uryyb\n");
  const worktree = join(fixture.root, "wt", "lfs");
  await repository.ensureWorktree(worktree, head);
  expect(readFileSync(join(worktree, "x.big"), "utf8")).toBe("hello\n");
  expect(await repository.isDirty(worktree)).toBe(false);
  fixture.write(worktree, { "y.big": "world\n" });
  const made = await repository.commitAll(worktree, {
    parent: head,
    ref: "refs/loopr/loops/1",
    message: "x",
    author,
  });
  expect(await repository.read(made.commit, "y.big")).toBe("jbeyq\n");
  await repository.checkoutClean(worktree, made.commit);
  expect(readFileSync(join(worktree, "y.big"), "utf8")).toBe("world\n");
  expect(await repository.fastForward("main", made.commit)).toEqual({ kind: "done" });
  expect(readFileSync(join(root, "y.big"), "utf8")).toBe("world\n");
  expect(fixture.git(root, "status", "--porcelain")).toBe("");
});

test("files of a filter that is not run keep their stored form, and are not brought into the checkout", async () => {
  const root = fixture.repository("repo");
  fixture.git(root, "config", "filter.crypt.clean", "tr 'A-Za-z' 'N-ZA-Mn-za-m'");
  fixture.git(root, "config", "filter.crypt.smudge", "tr 'A-Za-z' 'N-ZA-Mn-za-m'");
  fixture.git(root, "config", "filter.crypt.required", "true");
  fixture.write(root, { ".gitattributes": "*.secret filter=crypt\n", "x.secret": "hello\n" });
  fixture.git(root, "add", "--all");
  fixture.git(root, "commit", "--quiet", "-m", "secret");
  const { repository, head } = await createGit(fixture.env).open(root);
  const worktree = join(fixture.root, "wt", "crypt");
  await repository.ensureWorktree(worktree, head);
  expect(readFileSync(join(worktree, "x.secret"), "utf8")).toBe("uryyb\n");
  expect(await repository.isDirty(worktree)).toBe(false);
  fixture.write(worktree, { "a.txt": "changed\n" });
  const ref = "refs/loopr/loops/1";
  const plain = await repository.commitAll(worktree, { parent: head, ref, message: "x", author });
  expect(await repository.fastForward("main", plain.commit)).toEqual({ kind: "done" });
  expect(readFileSync(join(root, "x.secret"), "utf8")).toBe("hello\n");
  fixture.git(root, "status");
  fixture.write(worktree, { "x.secret": "jbeyq\n" });
  const secret = await repository.commitAll(worktree, { parent: plain.commit, ref, message: "x", author });
  const blocked = await repository.fastForward("main", secret.commit);
  expect(blocked).toMatchObject({
    kind: "blocked",
    reason: "filtered",
    message: containing("x.secret"),
  });
  expect(readFileSync(join(root, "x.secret"), "utf8")).toBe("hello\n");
});
