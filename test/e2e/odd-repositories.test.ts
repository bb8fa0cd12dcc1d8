// Whole runs in repositories that are not the usual ones: what git can be, a run works in.
import { describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Home } from "../support/harness.ts";
import { text, tool, type Handler } from "../support/model-server.ts";
import { goodGreet, sampleFiles, withRuns, type RunBed } from "../support/runs.ts";

const run = ["run", "--depth", "code", "--check", "sh test.sh", "Greet the world", "--yes"];
const solved = tool("write_file", { path: "greet.sh", content: goodGreet });

/** Solves the task, after a command of its own in the worktree. */
const solving = (command?: string): Handler => {
  return (request) =>
    request.turn > 0
      ? [text("Done.")]
      : command === undefined
        ? [solved]
        : [solved, tool("run_command", { command })];
};

interface Place {
  /** The checkout to run in. */
  dir: string;
  git: (...args: string[]) => string;
}

function gitIn(home: Home, dir: string): Place["git"] {
  return (...args) => {
    const result = Bun.spawnSync(["git", "-C", dir, ...args], { env: { ...home.env } });
    if (result.exitCode !== 0) throw new Error(`git ${args.join(" ")}: ${result.stderr.toString()}`);
    return result.stdout.toString().trim();
  };
}

/** A repository made by hand, with the sample's files in its first commit. */
function made({ home }: RunBed, name: string, ...init: string[]): Place {
  const dir = join(home.root, name);
  mkdirSync(dir, { recursive: true });
  const git = gitIn(home, dir);
  git("init", "-q", "-b", "main", ...init);
  git("config", "user.name", "Test Person");
  git("config", "user.email", "person@example.com");
  put(dir, sampleFiles);
  git("add", "-A");
  git("commit", "-qm", "First");
  return { dir, git };
}

function put(dir: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), content);
  }
}

const inPlace = ({ repo }: RunBed): Place => ({ dir: repo.dir, git: (...args) => repo.git(...args) });

const cases: {
  name: string;
  command?: string;
  prepare?: (bed: RunBed) => Place;
  after?: (place: Place) => void;
}[] = [
  {
    name: "objects named by SHA-256",
    prepare: (bed) => made(bed, "sha256", "--object-format=sha256"),
    after: ({ git }) => expect(git("rev-parse", "main")).toHaveLength(64),
  },
  {
    name: "a shallow clone",
    prepare: (bed) => {
      const origin = made(bed, "origin");
      put(origin.dir, { "later.txt": "x\n" });
      origin.git("add", "-A");
      origin.git("commit", "-qm", "Second");
      const dir = join(bed.home.root, "shallow");
      gitIn(bed.home, bed.home.root)("clone", "-q", "--depth", "1", `file://${origin.dir}`, dir);
      return { dir, git: gitIn(bed.home, dir) };
    },
    after: ({ git }) => {
      expect(git("rev-parse", "--is-shallow-repository")).toBe("true");
      expect(git("log", "--format=%s", "main").split("\n")).toEqual(["Greet the world", "Second"]);
    },
  },
  {
    name: "a sparse checkout, which stays as sparse as it is",
    prepare: (bed) => {
      const { dir, git } = inPlace(bed);
      put(dir, { "far/away.txt": "away\n", "near/by.txt": "by\n" });
      git("add", "-A");
      git("commit", "-qm", "More");
      git("sparse-checkout", "set", "near");
      return { dir, git };
    },
    command: "cat far/away.txt && echo more >> far/away.txt",
    after: ({ dir, git }) => {
      expect(existsSync(join(dir, "far"))).toBe(false);
      expect(git("show", "main:far/away.txt")).toBe("away\nmore");
    },
  },
  {
    name: "a bare repository with linked worktrees",
    prepare: (bed) => {
      const origin = made(bed, "plain");
      const bare = join(bed.home.root, "bare.git");
      gitIn(bed.home, bed.home.root)("clone", "-q", "--bare", origin.dir, bare);
      const dir = join(bed.home.root, "linked");
      gitIn(bed.home, bare)("worktree", "add", "-q", dir, "main");
      return { dir, git: gitIn(bed.home, dir) };
    },
    after: ({ git }) => expect(git("worktree", "list").split("\n")).toHaveLength(2),
  },
  {
    name: "branches and worktrees that are called as Loopr's",
    prepare: (bed) => {
      const { dir, git } = inPlace(bed);
      git("branch", "loopr/greet-the-world");
      git("worktree", "add", "-q", join(bed.home.root, "work"), "loopr/greet-the-world");
      git("worktree", "add", "-q", "--detach", join(bed.home.root, "check"));
      git("update-ref", "refs/loopr/other", "HEAD");
      return { dir, git };
    },
    after: ({ git }) => {
      expect(git("worktree", "list").split("\n")).toHaveLength(3);
      expect(git("rev-parse", "loopr/greet-the-world")).toBe(git("rev-parse", "main~1"));
    },
  },
  {
    name: "a submodule, which nobody looks into",
    prepare: (bed) => {
      const inner = made(bed, "inner");
      const { dir, git } = inPlace(bed);
      git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", inner.dir, "mod");
      git("commit", "-qm", "Submodule");
      put(join(dir, "mod"), { "mine.txt": "not committed\n" });
      return { dir, git };
    },
    command: "ls mod",
    after: ({ dir, git }) => {
      expect(git("rev-parse", "main:mod")).toBe(git("rev-parse", "main~1:mod"));
      expect(readFileSync(join(dir, "mod", "mine.txt"), "utf8")).toBe("not committed\n");
    },
  },
  {
    name: "LFS without git-lfs: pointers stay pointers",
    prepare: (bed) => {
      const { dir, git } = inPlace(bed);
      put(dir, { ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", "big.bin": pointer });
      git("add", "-A");
      git("commit", "-qm", "Pointer");
      // As `git lfs install` leaves it; the program itself is not there.
      for (const [key, value] of [
        ["clean", "git-lfs clean -- %f"],
        ["smudge", "git-lfs smudge -- %f"],
        ["process", "git-lfs filter-process"],
        ["required", "true"],
      ] as const)
        git("config", `filter.lfs.${key}`, value);
      return { dir, git };
    },
    command: "grep -q '^oid' big.bin",
    after: ({ dir, git }) => {
      expect(git("show", "main:big.bin")).toBe(pointer.trim());
      expect(readFileSync(join(dir, "big.bin"), "utf8")).toBe(pointer);
    },
  },
  {
    name: "a rename by case, a link, a mode, and a name with a line end",
    prepare: (bed) => {
      const { dir, git } = inPlace(bed);
      put(dir, { "Notes.md": "notes\n" });
      git("add", "-A");
      git("commit", "-qm", "Notes");
      return { dir, git };
    },
    command:
      "mv Notes.md notes.md && ln -s notes.md link && chmod +x greet.sh && printf x > \"$(printf 'a\\nb')\" && printf x > 'ü \"q\".txt'",
    after: ({ dir, git }) => {
      expect(git("ls-tree", "--name-only", "-z", "main").split("\0")).toContain("a\nb");
      expect(readFileSync(join(dir, "notes.md"), "utf8")).toBe("notes\n");
      expect(existsSync(join(dir, "Notes.md"))).toBe(false);
      expect(readlinkSync(join(dir, "link"))).toBe("notes.md");
      expect(lstatSync(join(dir, "greet.sh")).mode & 0o111).not.toBe(0);
      expect(git("status", "--porcelain")).toBe("");
    },
  },
  {
    name: "a detached HEAD with --target, whose checkout stays where it is",
    prepare: (bed) => {
      const { dir, git } = inPlace(bed);
      git("checkout", "-q", "--detach");
      return { dir, git };
    },
    after: ({ dir, git }) => {
      expect(git("rev-parse", "HEAD")).toBe(git("rev-parse", "main~1"));
      expect(readFileSync(join(dir, "greet.sh"), "utf8")).toBe(sampleFiles["greet.sh"]);
    },
  },
];

const pointer =
  "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

describe("a run works with", () => {
  for (const { name, command, prepare = inPlace, after } of cases) {
    test(name, async () => {
      await withRuns(solving(command), async (bed) => {
        const place = prepare(bed);
        const target = name.startsWith("a detached") ? ["--target", "main"] : [];
        expect(await bed.loopr([...run, ...target], { cwd: place.dir })).toMatchObject({ code: 0 });
        expect(place.git("show", "main:greet.sh")).toBe(goodGreet.trim());
        expect(place.git("log", "-1", "--format=%s", "main")).toBe("Greet the world");
        expect(place.git("fsck", "--no-dangling")).toBe("");
        after?.(place);
        expect(bed.server.requests.every(({ results }) => results.every(({ isError }) => !isError))).toBe(
          true,
        );
      });
    });
  }

  test("a huge file: refused with the reason as feedback, and what the person has of that size is no obstacle", async () => {
    const handler: Handler = (request) => {
      if (request.turn > 0) return [text("Done.")];
      return request.prompt.includes("<feedback")
        ? [tool("run_command", { command: "rm huge.bin" })]
        : [solved, tool("run_command", { command: "head -c 12000000 /dev/zero > huge.bin" })];
    };
    await withRuns(handler, async ({ repo, server, loopr }) => {
      writeFileSync(join(repo.dir, "own.bin"), Buffer.alloc(12_000_000));
      repo.git("add", "-A");
      repo.git("commit", "-qm", "Large");
      expect(await loopr(run)).toMatchObject({ code: 0 });
      expect(server.requests[2]?.prompt).toMatch(/11\.\d MB together, more than 10 MB: huge\.bin/);
      expect(repo.git("ls-tree", "--name-only", "main").split("\n")).not.toContain("huge.bin");
    });
  });
});

describe("a loop stalls, with the reason, when", () => {
  test("three iterations end with the same files and the same failure", async () => {
    await withRuns(
      () => [text("I think it is done.")],
      async ({ server, loopr }) => {
        const result = await loopr([...run, "--json"]);
        expect(result.code).toBe(1);
        expect(result.stdout).toMatch(/"stalled"[^]*no progress: 3 iterations ended with the same files/);
        expect(server.requests).toHaveLength(3);
      },
    );
  });

  test("three turns in a row have no call that fits its tool's schema", async () => {
    await withRuns(
      () => [tool("write_file", { file: "greet.sh" })],
      async ({ server, loopr }) => {
        const result = await loopr([...run, "--json"]);
        expect(result.code).toBe(1);
        expect(result.stdout).toMatch(/"stalled"[^]*3 turns in a row without a call whose parameters fit/);
        expect(server.requests).toHaveLength(3);
      },
    );
  });
});
