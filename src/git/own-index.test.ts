// Commits and clean checkouts without a process: always what git itself would have made, and no process where the
// files are as plain as they mostly are.
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import * as fc from "fast-check";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gitFixture, type GitFixture } from "../../test/support/git-fixture.ts";
import { author, ref } from "../../test/support/git-worktree.ts";
import type { Repository } from "../engine/git-port.ts";
import { createGit } from "./git.ts";

const files = { "a.txt": "one\n", "src/b.txt": "two\n", "src/deep/c.sh": "#!/bin/sh\n" };

interface Bed {
  fixture: GitFixture;
  root: string;
  work: string;
  check: string;
  repository: Repository;
  head: string;
  /** The git commands that were started since the last look. */
  started: () => string[];
}

async function withBed(body: (bed: Bed) => Promise<void>): Promise<void> {
  const fixture = gitFixture();
  try {
    const root = fixture.repository("repo", files);
    const [work, check, bin, log] = ["work", "check", "bin", "log"].map((name) =>
      join(fixture.root, name),
    ) as [string, string, string, string];
    mkdirSync(bin);
    const path = fixture.env["PATH"] ?? "";
    const script = `#!/bin/sh\nfor a; do case $a in [a-z]*=*|-*) ;; *) echo "$a" >> '${log}'; break;; esac; done\nPATH='${path}' exec git "$@"\n`;
    writeFileSync(join(bin, "git"), script, { mode: 0o755 });
    writeFileSync(log, "");
    const { repository, head } = await createGit({ ...fixture.env, PATH: `${bin}:${path}` }).open(root);
    for (const place of [work, check]) await repository.ensureWorktree(place, head);
    const started = () => {
      const names = readFileSync(log, "utf8").split("\n").filter(Boolean);
      writeFileSync(log, "");
      return names;
    };
    await body({ fixture, root, work, check, repository, head, started });
  } finally {
    fixture.remove();
  }
}

/** The tree that the person's git makes of a worktree. */
function expectedTree({ fixture, work }: Bed): string {
  const script =
    'export GIT_INDEX_FILE="$1"; cp -p "$(git rev-parse --git-dir)/index" "$1"; git -c core.safecrlf=false add --all && git write-tree; rm "$1"';
  const run = spawnSync("sh", ["-c", script, "sh", join(fixture.root, "scratch")], {
    cwd: work,
    env: fixture.env,
    encoding: "utf8",
  });
  if (run.status !== 0) throw new Error(run.stderr);
  return run.stdout.trim();
}

/** Kind, permission and content of all that git tracks in a directory. */
function shown({ fixture }: Bed, directory: string): string[] {
  const names = fixture.git(directory, "ls-files", "-z").split("\0").filter(Boolean);
  return names.map((name) => {
    const stat = lstatSync(join(directory, name));
    const content = stat.isSymbolicLink()
      ? readlinkSync(join(directory, name))
      : readFileSync(join(directory, name), "latin1");
    return `${name} ${stat.isSymbolicLink()} ${(stat.mode & 0o100) !== 0} ${content}`;
  });
}

/** As it is, so that it stays as it is: git writes into it what it has found out. */
function indexed({ fixture }: Bed, directory: string): string {
  return fixture.git(directory, "ls-files", "-s");
}

const letters = { added: "A", deleted: "D", modified: "M" };

/** Commits and checks out; everything has to be as git says. */
async function round(bed: Bed, parent: string, isExact = true): Promise<string> {
  const { repository, fixture, work, check } = bed;
  const tree = expectedTree(bed);
  const made = await repository.commitAll(work, { parent, ref, message: "loopr: x", author });
  expect(made.tree).toBe(tree);
  const told = (await repository.changes(parent, made.commit)).map(
    ({ status, path }) => `${letters[status]}\t${path}`,
  );
  const byGit = [
    "-c",
    "core.quotePath=false",
    "diff-tree",
    "-r",
    "--name-status",
    "--no-renames",
    parent,
    made.commit,
  ];
  expect(told.join("\n")).toBe(fixture.git(work, ...byGit).replaceAll(/^T/gm, "M"));
  const listed = fixture.git(work, "ls-tree", "-r", "--format=%(objectmode) %(objectname) 0\t%(path)", tree);
  expect(indexed(bed, work)).toBe(listed);
  expect(fixture.git(work, "--no-optional-locks", "status", "--porcelain")).toBe("");
  await repository.checkoutClean(check, made.commit);
  expect(fixture.git(check, "rev-parse", "HEAD")).toBe(made.commit);
  expect(indexed(bed, check)).toBe(listed);
  expect(fixture.git(check, "--no-optional-locks", "status", "--porcelain", "--ignored")).toBe("");
  if (isExact) expect(shown(bed, check)).toEqual(shown(bed, work));
  return made.commit;
}

test(
  "plain files take no process but the first time: new, changed, removed, executable",
  () =>
    withBed(async (bed) => {
      let commit = bed.head;
      const edits: (() => void)[] = [
        () => bed.fixture.write(bed.work, { "a.txt": "first\n" }),
        () => bed.fixture.write(bed.work, { "a.txt": "two\n", "new/deep/d.txt": "new\n" }),
        () => bed.fixture.write(bed.work, { "t.txt": "new\r\n", "empty.txt": "" }),
        () => rmSync(join(bed.work, "new"), { recursive: true }),
        () => chmodSync(join(bed.work, "src/b.txt"), 0o755),
        () => {
          chmodSync(join(bed.work, "src/b.txt"), 0o644);
          rmSync(join(bed.work, "src/deep/c.sh"));
        },
      ];
      for (const [at, edit] of edits.entries()) {
        edit();
        commit = await round(bed, commit);
        const writing = bed
          .started()
          .filter((name) => /^(update-index|read-tree|checkout-index|write-tree)$/.test(name));
        if (at > 1) expect(writing).toEqual([]);
      }
      expect(bed.fixture.git(bed.root, "fsck", "--strict", "--no-dangling")).toBe("");
    }),
  60_000,
);

const settings: { name: string; set: (bed: Bed) => void; isExact?: boolean }[] = [
  {
    name: "core.autocrlf",
    set: ({ fixture, root }) => fixture.git(root, "config", "core.autocrlf", "input"),
  },
  {
    name: "core.autocrlf = true",
    isExact: false,
    set: ({ fixture, root }) => fixture.git(root, "config", "core.autocrlf", "true"),
  },
  {
    name: "core.fileMode",
    set: ({ fixture, root }) => fixture.git(root, "config", "core.fileMode", "false"),
  },
  {
    name: "attributes of the person",
    set: ({ fixture }) => fixture.write(fixture.root, { "home/.config/git/attributes": "* text=auto\n" }),
  },
  {
    name: "attributes of the repository's own",
    set: ({ fixture, root }) => fixture.write(root, { ".git/info/attributes": "* text\n" }),
  },
  {
    name: "core.attributesFile",
    set: ({ fixture, root }) => {
      fixture.write(fixture.root, { mine: "* text\n" });
      fixture.git(root, "config", "core.attributesFile", join(fixture.root, "mine"));
    },
  },
  {
    name: "attributes that are new",
    set: ({ fixture, work }) => fixture.write(work, { ".gitattributes": "* text\n" }),
  },
  {
    name: "attributes that are ignored",
    set: ({ fixture, work, root }) => {
      fixture.write(root, { ".git/info/exclude": ".gitattributes\n" });
      fixture.write(work, { "src/.gitattributes": "* text\n" });
    },
  },
];

for (const { name, set, isExact } of settings) {
  test(
    `content that is not stored as it is: ${name}`,
    () =>
      withBed(async (bed) => {
        let commit = bed.head;
        for (const content of ["1\r\n", "2\r\n"]) {
          bed.fixture.write(bed.work, { "a.txt": content, "src/b.txt": content });
          commit = await round(bed, commit);
        }
        set(bed);
        chmodSync(join(bed.work, "src/b.txt"), 0o755);
        for (const content of ["3\r\n", "4\r\n"]) {
          bed.fixture.write(bed.work, {
            "a.txt": content,
            "src/b.txt": content,
            [`src/${content.trim()}.txt`]: content,
          });
          const tree = expectedTree(bed);
          const options = { parent: commit, ref, message: "loopr: x", author };
          const made = await bed.repository.commitAll(bed.work, options);
          expect(made.tree).toBe(tree);
          commit = made.commit;
          await bed.repository.checkoutClean(bed.check, commit);
          expect(bed.fixture.git(bed.check, "--no-optional-locks", "status", "--porcelain")).toBe("");
          if (isExact === false) expect(readFileSync(join(bed.check, "a.txt"), "utf8")).toBe(content);
        }
      }),
    60_000,
  );
}

test(
  "line ends that the attributes would have otherwise: a file that nobody touched is not committed",
  () =>
    withBed(async (bed) => {
      const { fixture, root, work, check, repository } = bed;
      // Stored before there were attributes: to git it is changed from the first checkout on.
      fixture.write(root, { "crlf.txt": "one\r\n", "tests/t.txt": "two\r\n" });
      fixture.git(root, "add", "--all");
      fixture.git(root, "commit", "--quiet", "--message=crlf");
      fixture.write(root, { ".gitattributes": "* text\n" });
      fixture.git(root, "add", ".gitattributes");
      fixture.git(root, "commit", "--quiet", "--message=attributes");
      const head = fixture.git(root, "rev-parse", "HEAD");
      await repository.resetWorktree(work, head);
      let parent = head;
      for (const content of ["1\n", "2\n", "3\n"]) {
        fixture.write(work, { "a.txt": content });
        const made = await repository.commitAll(work, { parent, ref, message: "loopr: x", author });
        const changes = await repository.changes(parent, made.commit);
        expect(changes).toEqual([{ status: "modified", path: "a.txt" }]);
        await repository.checkoutClean(check, made.commit);
        const contents = ["a.txt", "crlf.txt", "tests/t.txt"].map((name) =>
          readFileSync(join(check, name), "utf8"),
        );
        expect(contents).toEqual([content, "one\r\n", "two\r\n"]);
        parent = made.commit;
      }
      // Who changes it means it.
      fixture.write(work, { "crlf.txt": "other\n" });
      const made = await repository.commitAll(work, { parent, ref, message: "loopr: x", author });
      expect(await repository.changes(parent, made.commit)).toEqual([
        { status: "modified", path: "crlf.txt" },
      ]);
    }),
  60_000,
);

const paths = [
  "a.txt",
  "a",
  "a-b.txt",
  "a0",
  "src",
  "src/b.txt",
  "src/deep",
  "src/deep/c.sh",
  "x/y",
  "x",
  "Größe",
  "-o",
  "a b",
  "git~1x",
  "x.log",
  ".gitignore",
];
const edit = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("write"),
      path: fc.constantFrom(...paths),
      content: fc.oneof(fc.string(), fc.constantFrom("one\n", "*.log\n")),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("remove", "chmod", "link", "racy"),
      path: fc.constantFrom(...paths),
      content: fc.constant(""),
    }),
  },
);

test("random edits, some of them odd: the tree, the index and the checkout are git's", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(edit, { maxLength: 4 }), { minLength: 2, maxLength: 5 }), (rounds) =>
      withBed(async (bed) => {
        let commit = bed.head;
        for (const edits of rounds) {
          for (const each of edits) apply(bed.work, each);
          commit = await round(bed, commit);
        }
        expect(bed.fixture.git(bed.root, "fsck", "--strict", "--no-dangling")).toBe("");
      }),
    ),
    { numRuns: 12, interruptAfterTimeLimit: 25_000, markInterruptAsFailure: false },
  );
}, 60_000);

/** Something that is no directory. */
function isOther(path: string): boolean {
  try {
    return !lstatSync(path).isDirectory();
  } catch {
    return false;
  }
}

function apply(root: string, { kind, path, content }: { kind: string; path: string; content: string }): void {
  const file = join(root, path);
  if (kind === "write" || kind === "link") {
    for (let at = dirname(file); at !== root; at = dirname(at)) if (isOther(at)) rmSync(at);
    rmSync(file, { recursive: true, force: true });
    mkdirSync(dirname(file), { recursive: true });
    if (kind === "write") writeFileSync(file, content);
    else symlinkSync("a.txt", file);
  } else if (!existsSync(file)) return;
  else if (kind === "remove") rmSync(file, { recursive: true });
  else if (lstatSync(file).isFile()) {
    if (kind === "chmod") chmodSync(file, 0o755);
    // The same size, within the same step of the clock.
    else writeFileSync(file, readFileSync(file, "latin1").replace(/^./s, "z"), "latin1");
  }
}
