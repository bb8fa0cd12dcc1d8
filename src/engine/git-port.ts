// What the engine needs of git, in its own words. Its adapter is git/.
import type { Project } from "../domain/run.ts";

export interface CommitResult {
  /** The new commit, or the parent where nothing was changed. */
  commit: string;
  tree: string;
  changed: boolean;
  /** Where nothing was changed: up to 20 ignored paths that are in the worktree, as they are shown. */
  ignored?: string[];
}

export interface FileChange {
  status: "added" | "modified" | "deleted";
  /** A rename is a deletion and an addition. */
  path: string;
}

export type Conflict = { kind: "conflict"; files: string[]; text: string };

/** How a target could not be moved; `command` is what the person may run. */
export type TargetBlocked = {
  kind: "blocked";
  reason: "dirty" | "in_progress" | "untracked" | "moved" | "filtered";
  message: string;
  command: string;
};

/**
 * One repository. Every call runs the hardened git (no hooks, no fsmonitor, no signing, no prompts).
 * Throws LooprError `git_failed` with git's own words, or the code named at the method.
 */
export interface Repository {
  readonly project: Project;
  /** Commit of a branch, ref or revision; null where there is none. */
  resolve(revision: string): Promise<string | null>;
  /** Whether a commit is still there, asked anew: what is known of it outlives a `git gc`. */
  has(commit: string): Promise<boolean>;
  treeOf(commit: string): Promise<string>;
  isAncestor(ancestor: string, descendant: string): Promise<boolean>;
  /** The person's identity as `Name <email>`, else `Loopr <loopr@localhost>`. */
  identity(): Promise<string>;
  /** Makes `loopr/<slug>-<hex>` at the commit (another name where a branch called `loopr` blocks it). Idempotent. */
  createRunBranch(slug: string, hex: string, commit: string): Promise<string>;
  /** Compare-and-swap. False where the ref is not at `expected` (null: must not exist). */
  updateRef(ref: string, commit: string, expected: string | null): Promise<boolean>;
  deleteRef(ref: string): Promise<void>;

  /**
   * A detached worktree at the commit, created locked. Idempotent: a whole one is kept as it is, a broken
   * one (a missing directory, a replaced .git file) is rebuilt.
   */
  ensureWorktree(path: string, commit: string): Promise<void>;
  /** Whether a worktree of ours is there, whole enough to look for uncommitted work. */
  isWorktree(path: string): Promise<boolean>;
  /** Removes worktree and registration; neither needs to exist. The caller has made sure that nothing in it is lost. */
  removeWorktree(path: string): Promise<void>;
  /** Puts the worktree at a commit; ignored files stay. What was uncommitted is gone: save it before. */
  resetWorktree(path: string, commit: string): Promise<void>;
  /**
   * For validation: puts the checkout at a tree or commit and removes everything else (`clean -ffdx`).
   * The tracked files are afterwards exactly the tree's, whatever an earlier check did to them.
   */
  checkoutClean(path: string, treeish: string): Promise<void>;
  headOf(path: string): Promise<string>;
  /** Everything in the worktree that is not tracked, ignored or not; whole directories with a final slash. */
  untrackedPaths(path: string): Promise<string[]>;
  /** Whether the worktree has changes or untracked files that are not committed. */
  isDirty(path: string): Promise<boolean>;
  /**
   * Commits everything in the worktree (not what is ignored) on `parent` and moves `ref` and the
   * worktree's HEAD there. `work_refused`: a nested .git, a file over 10 MB, more than 1,000 new files,
   * conflict markers left from a merge, a symbolic link that is absolute or leads out of the worktree and is
   * not as it was at `base` (default: the parent), what git cannot store: its message is feedback for the model.
   */
  commitAll(
    path: string,
    options: { parent: string; ref: string; message: string; author: string; base?: string },
  ): Promise<CommitResult>;
  /**
   * Keeps the uncommitted state of a worktree under a ref, nested repositories and limits notwithstanding.
   * What cannot be kept is left out and named in the commit's message. False: it was clean.
   */
  saveInterrupted(path: string, ref: string, author: string): Promise<boolean>;

  changes(from: string, to: string): Promise<FileChange[]>;
  /** Unified diff, without external diff drivers or textconv; cut at `bytesMax`. */
  diff(from: string, to: string, bytesMax: number): Promise<{ diff: string; truncated: boolean }>;
  /** `3 files changed, 10 insertions(+), 2 deletions(-)`. */
  diffstat(from: string, to: string): Promise<string>;
  /** Tracked paths of a tree or commit. */
  files(treeish: string): Promise<string[]>;
  /** A file's content in a tree; null where there is none. */
  read(treeish: string, path: string): Promise<string | null>;
  /**
   * A tree like `treeish`, but with the given paths as they are in `base` (absent there: removed), and with these
   * texts (path → content) in files of other paths.
   */
  treeWithPathsFrom(
    treeish: string,
    base: string,
    paths: string[],
    texts?: ReadonlyMap<string, string>,
  ): Promise<string>;

  /**
   * A commit on `parent` in which `directory` holds exactly these texts (name below it → content); the parent
   * where it does already. No worktree and no ref is touched.
   */
  commitFiles(options: {
    parent: string;
    directory: string;
    files: ReadonlyMap<string, string>;
    message: string;
    author: string;
    date: number;
  }): Promise<{ commit: string; tree: string; changed: boolean }>;
  /** Which of these names git ignores in a worktree, whether or not they exist or are tracked. */
  ignored(path: string, names: readonly string[]): Promise<string[]>;
  /**
   * One commit on `tip` that holds everything between `base` and `work` (a three-way merge in memory; no
   * worktree is touched). `date` (ms) makes it reproducible.
   */
  squashOnto(options: {
    tip: string;
    base: string;
    work: string;
    message: string;
    author: string;
    date: number;
  }): Promise<{ kind: "commit"; commit: string; tree: string } | Conflict>;
  /** Replays the commits of `base..tip`, in order, on `onto`. Messages, authors and dates stay. */
  replay(options: {
    base: string;
    tip: string;
    onto: string;
    /** How the two sides are called in conflict markers. */
    names?: { ours: string; theirs: string };
  }): Promise<{ kind: "commits"; commits: string[]; tip: string } | Conflict>;
  /** Messages of `base..tip`, newest first. */
  log(base: string, tip: string): Promise<{ commit: string; message: string }[]>;

  /** Whether the target could be fast-forwarded now: for the warning at the start. Null: it could. */
  targetBlocked(branch: string): Promise<TargetBlocked | null>;
  /**
   * Fast-forwards a branch: in the checkout that has it (only if clean, never overwriting an untracked or
   * ignored file), else by compare-and-swap. Idempotent: already there is done. `moved`: no fast-forward.
   */
  fastForward(branch: string, commit: string): Promise<{ kind: "done" } | TargetBlocked>;
  /** Adds text to the commit's note under refs/notes/loopr. */
  addNote(commit: string, text: string): Promise<void>;
  /** The commit's note under refs/notes/loopr; null where it has none. */
  readNote(commit: string): Promise<string | null>;
  /** Real paths that a sandboxed git needs to read: the common directory and its alternates. */
  readPaths(): Promise<string[]>;
}

export interface Git {
  /**
   * The repository around a directory. Throws `not_a_repository`, `no_commit` (unborn branch),
   * `repository_unusable` (git's reason: owner, corrupt, version).
   */
  open(directory: string): Promise<OpenedRepository>;
  /** The hash of the project around a directory, cheaply: for looking up its loops. Throws as `open` does. */
  projectOf(directory: string): Promise<string>;
  /** The repository of a stored project, wherever the person's directory is now. `repository_gone`. */
  reopen(project: Project): Promise<Repository>;
}

export interface OpenedRepository {
  repository: Repository;
  /** Branch checked out in that directory; null: detached. */
  branch: string | null;
  head: string;
  /** The directory relative to the checkout's root; "" is the root. */
  subdir: string;
}
