// The person's checkouts of a repository: where they are, which branch each has, and what goes on in them.
// They are only looked at here.
import { copyFile, mkdtemp, readFile, realpath, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve as resolvePath } from "node:path";
import type { Project } from "../domain/run.ts";
import { askConfiguration } from "./configuration.ts";
import { neutralDrivers } from "./drivers.ts";
import { gitAt, line, type Environment, type RunGit } from "./exec.ts";
import { lstatOf } from "./files.ts";
import { decodeName, splitNames, splitNul } from "./names.ts";
import { persistently, serialized } from "./serialize.ts";
import { registrationOf } from "./worktrees.ts";

export interface Checkout {
  path: string;
  gitDir: string;
  /** Full ref; null where HEAD is detached. */
  branch: string | null;
}

const operations: readonly (readonly [file: string, name: string])[] = [
  ["rebase-merge", "rebase"],
  ["rebase-apply", "rebase"],
  ["MERGE_HEAD", "merge"],
  ["CHERRY_PICK_HEAD", "cherry-pick"],
  ["REVERT_HEAD", "revert"],
  ["sequencer", "cherry-pick or revert"],
  ["BISECT_LOG", "bisect"],
];
/** Files in which an operation remembers the branch that it left and will come back to. */
const headNames = ["rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"];

/** Git compares whole seconds where it was built without USE_NSEC. */
const newerBySeconds = 2;

/** All checkouts, the main one first; bare ones and those whose directory is gone are left out. */
export async function checkouts(
  environment: Environment,
  objects: RunGit,
  project: Project,
): Promise<Checkout[]> {
  const { stdout } = await serialized(project.common_dir, () =>
    persistently(() => objects(["worktree", "list", "--porcelain", "-z"])),
  );
  const found: Checkout[] = [];
  for (const [index, record] of records(stdout).entries()) {
    if (record.has("bare")) continue;
    const isMain = index === 0;
    const listed = record.get("worktree") ?? "";
    const path = isMain ? await mainCheckout(environment, project) : listed;
    const gitDir = isMain ? project.common_dir : await registrationOf(project.common_dir, listed);
    if (path === null || gitDir === null || !(await lstatOf(path))) continue;
    found.push({ path, gitDir, branch: record.get("branch") ?? null });
  }
  return found;
}

/** Attributes of each worktree: `label value` or `label` fields, an empty field after each worktree. */
function records(output: Buffer): Map<string, string>[] {
  const all: Map<string, string>[] = [];
  let record = new Map<string, string>();
  for (const field of splitNul(output).map(decodeName)) {
    if (field === "") {
      all.push(record);
      record = new Map();
      continue;
    }
    const space = field.indexOf(" ");
    record.set(space < 0 ? field : field.slice(0, space), space < 0 ? "" : field.slice(space + 1));
  }
  return record.size > 0 ? [...all, record] : all;
}

/** `git worktree list` guesses the main checkout from the git directory's name; core.worktree may say otherwise. */
async function mainCheckout(environment: Environment, project: Project): Promise<string | null> {
  const { common_dir: commonDir, root } = project;
  const git = gitAt(environment, { kind: "objects", gitDir: commonDir });
  const configured = await git(["config", "--file", join(commonDir, "config"), "core.worktree"], {
    accept: [1],
  });
  if (configured.code === 0) return resolvePath(commonDir, line(configured));
  if (basename(commonDir) === ".git") return dirname(commonDir);
  // `git init --separate-git-dir`: only the checkout's .git file knows.
  const text = await readFile(join(root, ".git"), "utf8").catch(() => "");
  const target = resolvePath(root, text.replace(/^gitdir: /, "").trimEnd());
  return text !== "" && (await realpath(target).catch(() => "")) === commonDir ? root : null;
}

export interface CheckoutGit {
  git: RunGit;
  /** Filters that do not run in it (drivers.ts). */
  filters: string[];
}

export async function gitInCheckout(environment: Environment, checkout: Checkout): Promise<CheckoutGit> {
  const place = { kind: "worktree", gitDir: checkout.gitDir, workTree: checkout.path, ours: false } as const;
  const configured = await askConfiguration(gitAt(environment, place));
  const { settings, filters } = neutralDrivers(environment, configured);
  return { git: gitAt(environment, place, settings), filters };
}

/** Name of the operation (merge, rebase, …) that a checkout is in the middle of; null: none. */
export async function operationIn(checkout: Checkout): Promise<string | null> {
  for (const [file, name] of operations) if (await lstatOf(join(checkout.gitDir, file))) return name;
  return null;
}

/** Whether a checkout that has another HEAD now will come back to the branch when its rebase or bisect ends. */
export async function willReturnTo(checkout: Checkout, branch: string): Promise<boolean> {
  for (const file of headNames) {
    const text = (await readFile(join(checkout.gitDir, file), "utf8").catch(() => "")).trim();
    if (text === `refs/heads/${branch}` || (file === "BISECT_START" && text === branch)) return true;
  }
  return false;
}

/** Tracked files that are staged or modified. Writes nothing to the checkout, not even its index. */
export async function trackedChanges({ git, filters }: CheckoutGit, gitDir: string): Promise<string[]> {
  const args = [
    "status",
    "--porcelain=v2",
    "-z",
    "--untracked-files=no",
    "--ignore-submodules=all",
    "--no-renames",
  ];
  const changed = statusNames((await git(args)).stdout);
  if (changed.length === 0 || filters.length === 0) return changed;
  // Git compares the content of files as old as its index, which without their filter always differs. In a
  // newer copy of the index their size and times count, as for every other file.
  const scratch = await mkdtemp(join(tmpdir(), "loopr-index-"));
  try {
    const variables = { GIT_INDEX_FILE: join(scratch, "index") };
    await copyFile(join(gitDir, "index"), variables.GIT_INDEX_FILE);
    const later = Date.now() / 1000 + newerBySeconds;
    await utimes(variables.GIT_INDEX_FILE, later, later);
    return statusNames((await git(args, { variables })).stdout);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Names in `git status --porcelain=v2 -z`: after 8 fields of a changed entry, after 10 of an unmerged one. */
function statusNames(output: Buffer): string[] {
  return splitNames(output).map((entry) =>
    entry
      .split(" ")
      .slice(entry.startsWith("u ") ? 10 : 8)
      .join(" "),
  );
}
