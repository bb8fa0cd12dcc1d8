// Which of git's configuration files a job would read: where they may be, on a file system made for it.
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gitConfigs } from "./git-configs.ts";

test("the repository's, the person's wherever they moved it, the installed git's, and what they include", () => {
  const root = mkdtempSync(join(tmpdir(), "loopr-t-configs-"));
  try {
    const file = (path: string, text = "") => {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
      return join(root, path);
    };
    const expected = [
      file("repo/.git/config"),
      file(
        "home/.gitconfig",
        '[include]\n\tpath = ~/more.inc\n[includeIf "gitdir:~/x/"]\n\tpath = work.inc\n',
      ),
      file("home/more.inc"),
      file("home/work.inc"),
      file("moved/git/config"),
      file("dots/gitconfig"),
      file("prefix/etc/gitconfig"),
    ];
    file("prefix/bin/git");
    file("elsewhere/gitconfig");
    const found = gitConfigs(join(root, "repo", ".git"), {
      homes: [join(root, "home")],
      configHomes: [join(root, "moved")],
      named: [join(root, "dots", "gitconfig"), join(root, "absent")],
      path: `relative:${join(root, "prefix", "bin")}:${join(root, "empty", "bin")}`,
    });
    expect(found.filter((path) => path.startsWith(root)).toSorted()).toEqual(expected.toSorted());
    expect(found.filter((path) => !path.startsWith(root) && path !== "/etc/gitconfig")).toEqual([]);
  } finally {
    rmSync(root, { recursive: true });
  }
});
