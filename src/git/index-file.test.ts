import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gitFixture } from "../../test/support/git-fixture.ts";
import { parseIndexFile } from "./index-file.ts";

test("an index of each form: what git itself says of it, or null", () => {
  const fixture = gitFixture();
  try {
    const odd = { "a.txt": "one\n", "ü b/c\td": "x", ["n".repeat(200)]: "long", "src/deep/e": "" };
    const root = fixture.repository("repo", odd);
    const index = () => readFileSync(join(root, ".git", "index"));
    const listed = () =>
      fixture
        .git(root, "ls-files", "-s", "-z")
        .split("\0")
        .filter((entry) => entry !== "");
    const parsed = () =>
      parseIndexFile(index())?.entries.map(
        ({ mode, id, name }) => `${mode} ${id} 0\t${Buffer.from(name, "latin1").toString("utf8")}`,
      ) ?? null;
    fixture.git(root, "update-index", "--index-version=2");
    expect(parsed()).toEqual(listed());
    expect(parseIndexFile(index())?.entries.every(({ plain, seen }) => plain && seen !== null)).toBe(true);
    fixture.git(root, "update-index", "--assume-unchanged", "a.txt");
    expect(
      parseIndexFile(index())
        ?.entries.filter(({ plain }) => !plain)
        .map(({ name }) => name),
    ).toEqual(["a.txt"]);
    fixture.git(root, "update-index", "--no-assume-unchanged", "a.txt");

    const whole = index();
    for (const cut of [0, 4, 11, 12, 40, whole.length - 21, whole.length - 1])
      expect(parseIndexFile(whole.subarray(0, cut))).toBeNull();
    const bent = Buffer.from(whole);
    bent[60] = (bent[60] ?? 0) ^ 1;
    expect(parseIndexFile(bent)).toBeNull();

    const forms: (() => unknown)[] = [
      () => fixture.git(root, "update-index", "--index-version=4"),
      () => fixture.git(root, "update-index", "--split-index"),
      () => fixture.git(root, "update-index", "--skip-worktree", "a.txt"),
      () => {
        writeFileSync(join(root, "intended"), "x");
        fixture.git(root, "add", "--intent-to-add", "intended");
      },
    ];
    for (const form of forms) {
      writeFileSync(join(root, ".git", "index"), whole);
      form();
      expect(parsed()).toBeNull();
    }
  } finally {
    fixture.remove();
  }
});

test("ids of 32 bytes", () => {
  const fixture = gitFixture();
  try {
    fixture.write(fixture.root, { "new/a.txt": "one\n" });
    const root = join(fixture.root, "new");
    fixture.git(root, "init", "--quiet", "--object-format=sha256");
    fixture.git(root, "add", "--all");
    const entries = parseIndexFile(readFileSync(join(root, ".git", "index")))?.entries;
    expect(entries?.map(({ id, name }) => `${id} ${name}`)).toEqual([
      `${fixture.git(root, "rev-parse", ":a.txt")} a.txt`,
    ]);
  } finally {
    fixture.remove();
  }
});
