// A repository with a worktree as the daemon makes one, anew for each test of a file.
import { afterEach, beforeEach } from "bun:test";
import { join } from "node:path";
import type { CommitResult, Repository } from "../../src/engine/git-port.ts";
import { createGit } from "../../src/git/git.ts";
import { gitFixture, type GitFixture } from "./git-fixture.ts";

export interface WorktreeFixture {
  /** Of the running test. */
  readonly fixture: GitFixture;
  /** The person's checkout. */
  readonly root: string;
  readonly worktree: string;
  readonly repository: Repository;
  /** The commit that the worktree was made at. */
  readonly head: string;
  /** Commits the worktree on top of `parent`, by default `head`. */
  commit(parent?: string, message?: string): Promise<CommitResult>;
  /** What the daemon's git sees changed from `head` to a commit: `<status> <path>`. */
  paths(to: string): Promise<string[]>;
}

export const author = "Ada Person <ada@example.com>";
export const ref = "refs/loopr/loops/1-abc";
export const interrupted = "refs/loopr/interrupted/1-abc/1";

const odd = { "a.txt": "one\n", "src/b.txt": "two\n", ".gitignore": "*.log\n", "Case.txt": "c\n" };

/** Registers the hooks of the calling test file. `prepare` may add commits before the worktree is made. */
export function useWorktree(
  options: {
    files?: Record<string, string>;
    name?: string;
    worktree?: string;
    prepare?: (fixture: GitFixture, root: string) => void;
  } = {},
): WorktreeFixture {
  const { files = odd, name = "repo", worktree: place = "wt/work", prepare } = options;
  let now: Pick<WorktreeFixture, "fixture" | "root" | "worktree" | "repository" | "head">;
  beforeEach(async () => {
    const fixture = gitFixture();
    const root = fixture.repository(name, files);
    prepare?.(fixture, root);
    const worktree = join(fixture.root, place);
    const { repository, head } = await createGit(fixture.env).open(root);
    await repository.ensureWorktree(worktree, head);
    now = { fixture, root, worktree, repository, head };
  });
  afterEach(() => {
    now.fixture.remove();
  });
  return {
    get fixture() {
      return now.fixture;
    },
    get root() {
      return now.root;
    },
    get worktree() {
      return now.worktree;
    },
    get repository() {
      return now.repository;
    },
    get head() {
      return now.head;
    },
    commit: (parent = now.head, message = "loopr: x") =>
      now.repository.commitAll(now.worktree, { parent, ref, message, author }),
    paths: async (to) =>
      (await now.repository.changes(now.head, to)).map(({ status, path }) => `${status} ${path}`),
  };
}
