import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gitFixture, type GitFixture } from "../../test/support/git-fixture.ts";
import type { Repository } from "../engine/git-port.ts";
import { createGit } from "./git.ts";

const author = "Ada Person <ada@example.com>";
const lines = (...changed: [number, string][]) => {
  const all = Array.from({ length: 30 }, (_, index) => `line ${index + 1}`);
  for (const [number, text] of changed) all[number - 1] = text;
  return `${all.join("\n")}\n`;
};

let fixture: GitFixture;
let root: string;
let repository: Repository;
let base: string;
beforeEach(async () => {
  fixture = gitFixture();
  root = fixture.repository("repo", { "a.txt": lines(), "old.txt": lines([1, "old"]), "gone.txt": "gone\n" });
  const opened = await createGit(fixture.env).open(root);
  [repository, base] = [opened.repository, opened.head];
});
afterEach(() => fixture.remove());

/** A commit of these files (null: deleted) on a parent. */
function commit(parent: string, files: Record<string, string | null>, message = "m"): string {
  const scratch = join(fixture.root, "scratch");
  fixture.git(root, "worktree", "add", "--quiet", "--detach", scratch, parent);
  for (const [name, content] of Object.entries(files))
    if (content === null) fixture.git(scratch, "rm", "--quiet", name);
    else fixture.write(scratch, { [name]: content });
  fixture.git(scratch, "add", "--all");
  fixture.git(scratch, "commit", "--quiet", "--allow-empty", "-m", message);
  const made = fixture.git(scratch, "rev-parse", "HEAD");
  fixture.git(root, "worktree", "remove", "--force", scratch);
  return made;
}

const squash = (tip: string, work: string, from = base) =>
  repository.squashOnto({
    tip,
    base: from,
    work,
    message: "loopr: task\n\nLoopr-Loop: 1",
    author,
    date: 1_700_000_000_123,
  });

describe("squashOnto", () => {
  test("one commit on the tip with what both sides did", async () => {
    const tip = commit(base, { "a.txt": lines([2, "theirs"]), "tip.txt": "t" });
    const first = commit(base, { "a.txt": lines([20, "mine"]) });
    const work = commit(first, { "gone.txt": null, "new.txt": "n" });
    const made = await squash(tip, work);
    if (made.kind !== "commit") throw new Error(made.text);
    expect(fixture.git(root, "rev-parse", `${made.commit}^@`)).toBe(tip);
    expect(await repository.read(made.tree, "a.txt")).toBe(lines([2, "theirs"], [20, "mine"]));
    expect(await repository.files(made.commit)).toEqual(["a.txt", "new.txt", "old.txt", "tip.txt"]);
    expect(fixture.git(root, "log", "-1", "--format=%an|%ce|%at|%ct|%s", made.commit)).toBe(
      "Ada Person|ada@example.com|1700000000|1700000000|loopr: task",
    );
    expect(await squash(tip, work)).toEqual(made);
  });

  test("on an unmoved tip, and with a base that history would not choose", async () => {
    const first = commit(base, { "a.txt": lines([2, "first"]) });
    const second = commit(first, { "b.txt": "b" });
    expect(await squash(base, second)).toMatchObject({
      kind: "commit",
      tree: await repository.treeOf(second),
    });
    const only = await squash(base, second, first);
    if (only.kind !== "commit") throw new Error(only.text);
    expect(await repository.changes(base, only.commit)).toEqual([{ status: "added", path: "b.txt" }]);
  });

  test("a rename on one side, a change on the other", async () => {
    const tip = commit(base, { "old.txt": null, "renamed.txt": lines([1, "old"]) });
    const work = commit(base, { "old.txt": lines([1, "old"], [30, "changed"]) });
    const made = await squash(tip, work);
    if (made.kind !== "commit") throw new Error(made.text);
    expect(await repository.read(made.tree, "renamed.txt")).toBe(lines([1, "old"], [30, "changed"]));
  });

  test("a conflict names files and shows the hunks, both sides by name; no ref moves", async () => {
    const tip = commit(base, {
      "a.txt": lines([5, "tip five"], [12, "tip nine"], [28, "tip late"]),
      "gone.txt": null,
    });
    const work = commit(base, {
      "a.txt": lines([5, "my five"], [12, "my nine"], [28, "my late"]),
      "gone.txt": "kept\n",
    });
    const refs = fixture.git(root, "for-each-ref");
    const made = await squash(tip, work);
    if (made.kind !== "conflict") throw new Error("no conflict");
    expect(made.files.toSorted()).toEqual(["a.txt", "gone.txt"]);
    expect(made.text).toContain("CONFLICT (modify/delete): gone.txt");
    const hunks = made.text.slice(made.text.indexOf("--- a.txt"));
    expect(hunks).toStartWith(
      "--- a.txt\n@@ line 2 @@\nline 2\nline 3\nline 4\n<<<<<<< already integrated\ntip five\n=======\nmy five\n>>>>>>> this loop's work\nline 6",
    );
    for (const text of ["tip nine", "my nine", "tip late", "my late"])
      expect(hunks.split(text)).toHaveLength(2);
    expect(hunks).not.toContain("line 18");
    expect(fixture.git(root, "for-each-ref")).toBe(refs);
  });

  test("a long conflict is cut, visibly", async () => {
    const many = (word: string) =>
      `${Array.from({ length: 4_000 }, (_, index) => `${word} ${index}`).join("\n")}\n`;
    const made = await squash(commit(base, { "a.txt": many("tip") }), commit(base, { "a.txt": many("my") }));
    if (made.kind !== "conflict") throw new Error("no conflict");
    expect(made.text.length).toBeLessThan(17_000);
    expect(made.text).toContain("[cut:");
  });

  test("names with line breaks, and bytes that are no UTF-8", async () => {
    const name = 'odd\n"name"\'ü';
    const start = commit(base, { [name]: "start\n" });
    const made = await squash(commit(start, { [name]: "tip\n" }), commit(start, { [name]: "mine\n" }), start);
    expect(made).toMatchObject({ kind: "conflict", files: [name] });
  });

  test("no .gitattributes and no setting of merges changes the result", async () => {
    const start = commit(base, { ".gitattributes": "*.txt merge=ours\n" });
    fixture.git(root, "config", "merge.ours.driver", "true");
    fixture.git(root, "config", "merge.conflictStyle", "diff3");
    fixture.git(root, "checkout", "--quiet", start);
    const made = await squash(
      commit(start, { "a.txt": lines([5, "tip"]) }),
      commit(start, { "a.txt": lines([5, "my"]) }),
      start,
    );
    if (made.kind !== "conflict") throw new Error("no conflict");
    expect(made.text).not.toContain("|||||||");
    writeFileSync(join(root, ".git", "info", "attributes"), "* merge=ours\n");
    const again = await squash(
      commit(start, { "a.txt": lines([6, "tip"]) }),
      commit(start, { "a.txt": lines([6, "my"]) }),
      start,
    );
    expect(again.kind).toBe("conflict");
  });

  test("a submodule's commit is carried along without looking into it", async () => {
    const inner = fixture.repository("inner");
    fixture.git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner, "mod");
    fixture.git(root, "commit", "--quiet", "-m", "submodule");
    const tip = fixture.git(root, "rev-parse", "HEAD");
    const work = commit(base, { "a.txt": lines([3, "mine"]) });
    const made = await squash(tip, work);
    if (made.kind !== "commit") throw new Error(made.text);
    expect(fixture.git(root, "ls-tree", made.tree, "mod")).toStartWith("160000 commit");
    expect((await repository.changes(base, made.commit)).map((change) => change.path)).toContain("mod");
  });
});

describe("replay", () => {
  test("commits in order, with messages, authors and dates", async () => {
    const first = commit(base, { "a.txt": lines([3, "first"]) }, "first\n\nLoopr-Loop: 1-001");
    const tip = commit(first, { "a.txt": lines([3, "first"], [20, "second"]) }, "zweiter: süß");
    const onto = commit(base, { "target.txt": "t" });
    const made = await repository.replay({ base, tip, onto });
    if (made.kind !== "commits") throw new Error(made.text);
    expect(made.commits).toHaveLength(2);
    expect(made.tip).toBe(made.commits[1] ?? "");
    const format = "--format=%an %ae %at %cn %ct %B";
    expect(fixture.git(root, "log", format, `${onto}..${made.tip}`)).toBe(
      fixture.git(root, "log", format, `${base}..${tip}`),
    );
    expect(fixture.git(root, "rev-list", `${onto}..${made.tip}`).split("\n").toReversed()).toEqual(
      made.commits,
    );
    expect(await repository.read(made.tip, "a.txt")).toBe(lines([3, "first"], [20, "second"]));
    expect(await repository.read(made.tip, "target.txt")).toBe("t");
    expect(await repository.replay({ base, tip, onto })).toEqual(made);
  });

  test("onto the base itself: the commits as they are", async () => {
    const tip = commit(base, { "x.txt": "x" });
    expect(await repository.replay({ base, tip, onto: base })).toEqual({
      kind: "commits",
      commits: [tip],
      tip,
    });
    expect(await repository.replay({ base, tip: base, onto: tip })).toEqual({
      kind: "commits",
      commits: [],
      tip,
    });
  });

  test("a commit that the new base already holds is left out", async () => {
    const first = commit(base, { "x.txt": "x" }, "first");
    const tip = commit(first, { "y.txt": "y" }, "second");
    const onto = commit(base, { "x.txt": "x", "z.txt": "z" });
    const made = await repository.replay({ base, tip, onto });
    if (made.kind !== "commits") throw new Error(made.text);
    expect((await repository.log(onto, made.tip)).map((entry) => entry.message)).toEqual(["second"]);
  });

  test("a conflict in the middle", async () => {
    const first = commit(base, { "x.txt": "x" });
    const tip = commit(first, { "a.txt": lines([5, "mine"]) });
    const made = await repository.replay({
      base,
      tip,
      onto: commit(base, { "a.txt": lines([5, "theirs"]) }),
    });
    expect(made).toMatchObject({ kind: "conflict", files: ["a.txt"] });
    if (made.kind === "conflict") expect(made.text).toContain("<<<<<<< the target's newest commit\ntheirs");
  });

  test("signatures of other commits are dropped, what they say is kept", async () => {
    const tip = commit(base, { "x.txt": "x" }, "signed");
    const raw = fixture.git(root, "cat-file", "commit", tip);
    const signed = raw.replace(
      "\n\n",
      "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n\n",
    );
    fixture.write(root, { "../signed": `${signed}\n` });
    const id = fixture.git(root, "hash-object", "-t", "commit", "-w", "../signed");
    const onto = commit(base, { "y.txt": "y" });
    const made = await repository.replay({ base, tip: id, onto });
    if (made.kind !== "commits") throw new Error(made.text);
    const result = fixture.git(root, "cat-file", "commit", made.tip);
    expect(result).not.toContain("gpgsig");
    expect(result).toEndWith("\n\nsigned");
  });
});
