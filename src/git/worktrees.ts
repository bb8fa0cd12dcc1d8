// Loopr's worktrees: made, found, mended and removed. Which git directory belongs to a worktree is known from
// the repository's registration (`worktrees/<id>/gitdir`), which jobs cannot write; what the worktree's own
// .git file says is never asked, and put right where it differs.
import { realpathSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve as resolvePath } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { LooprError } from "../lib/errors.ts";
import { readRegular } from "../lib/regular-file.ts";
import { isStoredAsIs } from "./as-is.ts";
import { configurationAt, systemConfigFile, type KnownConfigurations } from "./configuration.ts";
import { neutralDrivers } from "./drivers.ts";
import { writesPlainObjects } from "./loose.ts";
import { gitAt, type Environment, type RunGit } from "./exec.ts";
import { resetWorktree } from "./checkout.ts";
import { lstatNow, removeTree } from "./files.ts";
import { isMissing, repositoryGone, worktreeGone } from "./gone.ts";
import { remembered } from "./remembered.ts";

const lockReason = "in use by loopr";
/** A lock file that is still there after this long was left by a git that is gone. */
const lockWaitMs = 3_000;
const lockPollMs = 50;
const pathsMax = 2_000;

export interface Worktree {
  path: string;
  gitDir: string;
  git: RunGit;
  /** Where new objects go; null where all objects and refs are left to git. */
  looseObjects: string | null;
  /** The bytes of files are those of their blobs, as far as no `.gitattributes` says otherwise. */
  storesAsIs: boolean;
}

/** What worktree operations need of their repository. */
export interface Surroundings {
  environment: Environment;
  commonDir: string;
  /** Git without a worktree. */
  objects: RunGit;
  configurations: KnownConfigurations;
}

/** See `Repository.ensureWorktree`. Checks of the file system alone where nothing is broken. */
export async function ensureWorktree(at: Surroundings, asked: string, commit: string): Promise<void> {
  await mkdir(dirname(asked), { recursive: true });
  const path = canonical(asked);
  const directory = lstatNow(path);
  if (directory && !directory.isDirectory()) await removeTree(path);
  const gitDir = await registrationOf(at.commonDir, path);
  if (gitDir && (await resolveHead(at, gitDir, path)) === null) await removeTree(gitDir);
  else if (gitDir && directory?.isDirectory()) return finish(at, path, gitDir);
  else if (gitDir) await removeTree(gitDir);
  if (directory?.isDirectory()) await adopt(at, path, commit);
  else await register(at, path, commit);
  const made = await registrationOf(at.commonDir, path);
  if (!made) throw new LooprError("git_failed", `git did not register the worktree ${path}`);
  await finish(at, path, made);
}

/** A registration is made without files, so that a crash in between leaves what `finish` completes. */
async function register(at: Surroundings, path: string, commit: string): Promise<void> {
  const options = ["--no-checkout", "--detach", "--lock", "--reason", lockReason];
  await at.objects(["worktree", "add", "--quiet", ...options, path, commit]);
}

/** Registers a directory that has lost its registration. Its files stay, as changes against the commit. */
async function adopt(at: Surroundings, path: string, commit: string): Promise<void> {
  const beside = `${path}.new`;
  await removeWorktree(at, beside);
  await register(at, beside, commit);
  const gitDir = await registrationOf(at.commonDir, beside);
  if (!gitDir) throw new LooprError("git_failed", `git did not register the worktree ${beside}`);
  const git = gitAt(at.environment, { kind: "worktree", gitDir, workTree: path, ours: true });
  await git(["read-tree", commit]);
  await removeTree(beside);
  await writeFile(join(gitDir, "gitdir"), `${path}/.git\n`);
}

/** Puts right the .git file, and completes a checkout that a crash cut off. */
async function finish(at: Surroundings, path: string, gitDir: string): Promise<void> {
  await restoreGitFile(path, gitDir);
  if (lstatNow(join(gitDir, "index"))) return;
  await resetWorktree(await openWorktree(at, path), "HEAD");
}

/** Null where the registration is damaged: git says then that it is no repository at all. */
async function resolveHead(at: Surroundings, gitDir: string, path: string): Promise<string | null> {
  const place = { kind: "worktree", gitDir, workTree: dirname(path), ours: true } as const;
  const { code, stdout } = await gitAt(at.environment, place)(
    ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"],
    { accept: [1, 128] },
  );
  return code === 0 ? stdout.toString("latin1").trim() : null;
}

/** See `Repository.isWorktree`. */
export async function isWorktree(at: Surroundings, asked: string): Promise<boolean> {
  const path = canonical(asked);
  const directory = lstatNow(path);
  const gitDir = directory?.isDirectory() ? await registrationOf(at.commonDir, path) : null;
  return gitDir !== null && (await resolveHead(at, gitDir, path)) !== null;
}

/** A worktree whose drivers are still to be asked for. */
export interface Opening {
  /** For git that looks at no file of the worktree: its drivers are as they are configured. */
  placed: Worktree;
  open: () => Promise<Worktree>;
}

/** The worktree at a path, ready for git. `worktree_gone` where it is not one of this repository. */
export async function openWorktree(at: Surroundings, asked: string): Promise<Worktree> {
  return (await findWorktree(at, asked)).open();
}

/** As `openWorktree` does, for callers that have something to do beside. */
export async function findWorktree(at: Surroundings, asked: string): Promise<Opening> {
  const path = canonical(asked);
  const gitDir = await registrationOf(at.commonDir, path);
  const directory = lstatNow(path);
  if (!gitDir || !directory?.isDirectory()) throw worktreeGone(asked, at.commonDir);
  await restoreGitFile(path, gitDir);
  for (const name of ["index.lock", "HEAD.lock"]) await removeStaleLock(join(gitDir, name));
  const place = { kind: "worktree", gitDir, workTree: path, ours: true } as const;
  const git = gitAt(at.environment, place);
  const open = async () => {
    const configured = await configurationAt({ ...at, git, gitDir }, at.configurations);
    const { settings } = neutralDrivers(at.environment, configured);
    const looseObjects = writesPlainObjects(configured) ? join(at.commonDir, "objects") : null;
    const system = await systemConfigFile(at.environment, git, at.configurations);
    const storesAsIs = isStoredAsIs(at, configured, system);
    return { path, gitDir, git: gitAt(at.environment, place, settings), looseObjects, storesAsIs };
  };
  return { placed: { path, gitDir, git, looseObjects: null, storesAsIs: false }, open };
}

/** The git directory that is registered for a worktree's path; null where there is none. */
export async function registrationOf(commonDir: string, path: string): Promise<string | null> {
  const registrations = join(commonDir, "worktrees");
  if (await isMissing(commonDir)) throw repositoryGone(commonDir);
  // Where it was found last it is found again; among hundreds of loops' that saves reading all the others.
  const before = foundAt.find(path);
  if (before !== undefined && dirname(before) === registrations && isRegistration(before, path))
    return before;
  for (const id of await readdir(registrations).catch(() => [])) {
    const gitDir = join(registrations, id);
    if (!isRegistration(gitDir, path)) continue;
    foundAt.learn(path, gitDir);
    return gitDir;
  }
  return null;
}

const foundAt = remembered<string>(pathsMax, () => 1);

function isRegistration(gitDir: string, path: string): boolean {
  const text = textOf(join(gitDir, "gitdir"));
  return text !== "" && resolvePath(gitDir, text.replace(/\n$/, "")) === `${path}/.git`;
}

/** Empty where it cannot be read. Such a file is read in less time than it takes to wait for it. */
function textOf(file: string): string {
  try {
    return readRegular(file).toString("utf8");
  } catch {
    return "";
  }
}

async function restoreGitFile(path: string, gitDir: string): Promise<void> {
  const file = join(path, ".git");
  const expected = `gitdir: ${gitDir}\n`;
  const found = lstatNow(file);
  if (found?.isFile() && found.nlink === 1 && textOf(file) === expected) return;
  await removeTree(file);
  await writeFile(file, expected, { flag: "wx" });
}

/** Waits for another git of ours to end; a lock that stays is a crashed one's. Only in our own worktrees. */
async function removeStaleLock(lock: string): Promise<void> {
  const deadline = Date.now() + lockWaitMs;
  while (lstatNow(lock)) {
    if (Date.now() >= deadline) return rm(lock, { force: true });
    await wait(lockPollMs);
  }
}

/** The path with its directory's links resolved, as git registers it. */
function canonical(path: string): string {
  const parent = dirname(resolvePath(path));
  try {
    return join(realpathSync(parent), basename(path));
  } catch {
    return join(parent, basename(path));
  }
}

/** Removes directory, then registration: a crash in between leaves what the next call removes. */
export async function removeWorktree(at: Surroundings, asked: string): Promise<void> {
  const path = canonical(asked);
  // A repository that is gone has taken its registrations with it.
  const gitDir = (await isMissing(at.commonDir)) ? null : await registrationOf(at.commonDir, path);
  await removeTree(path);
  if (gitDir) await removeTree(gitDir);
}
