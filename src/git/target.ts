// Bringing the target branch forward: the only thing that Loopr ever does to a person's checkout.
import { setTimeout as wait } from "node:timers/promises";
import { join } from "node:path";
import type { Project } from "../domain/run.ts";
import type { TargetBlocked } from "../engine/git-port.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { quote } from "../lib/shell.ts";
import {
  checkouts,
  gitInCheckout,
  trackedChanges,
  operationIn,
  willReturnTo,
  type Checkout,
} from "./checkouts.ts";
import { changes } from "./diff.ts";
import { longTimeoutMs, type Environment, type RunGit } from "./exec.ts";
import { lstatOf } from "./files.ts";
import { joinNames, pathOf, showName, splitNames } from "./names.ts";
import { isAncestor, resolve, updateRef } from "./refs.ts";

const lockWaitMs = 5_000;
const lockPollMs = 100;
const namesShownMax = 5;

export interface TargetSurroundings {
  environment: Environment;
  project: Project;
  /** Git without a worktree. */
  objects: RunGit;
}

type Outcome = { kind: "done" } | TargetBlocked;

/** See `Repository.targetBlocked`. */
export async function targetBlocked(at: TargetSurroundings, branch: string): Promise<TargetBlocked | null> {
  const all = await checkouts(at.environment, at.objects, at.project);
  const returning = await findReturning(all, branch);
  if (returning) return inProgress(returning.checkout, returning.operation, branch);
  for (const checkout of all) {
    if (checkout.branch !== `refs/heads/${branch}`) continue;
    const blocked = await checkoutBlocked(at, checkout, branch);
    if (blocked) return blocked;
  }
  return null;
}

/** See `Repository.fastForward`. */
export async function fastForward(at: TargetSurroundings, branch: string, commit: string): Promise<Outcome> {
  const ref = `refs/heads/${branch}`;
  const current = await resolve(at.objects, ref);
  if (current === null) return gone(at.project, branch, commit);
  if (await isAncestor(at.objects, commit, current)) return { kind: "done" };
  if (!(await isAncestor(at.objects, current, commit))) return moved(at.project, branch, commit);
  const all = await checkouts(at.environment, at.objects, at.project);
  const returning = await findReturning(all, branch);
  if (returning) return inProgress(returning.checkout, returning.operation, branch, commit);
  const having = all.filter((checkout) => checkout.branch === ref);
  const [checkout] = having;
  if (checkout === undefined) {
    const swapped = await updateRef(at.objects, at.project.common_dir, ref, commit, current);
    return swapped ? { kind: "done" } : moved(at.project, branch, commit);
  }
  if (having.length > 1) return twice(having, branch, commit);
  return mergeInto(at, checkout, branch, current, commit);
}

async function mergeInto(
  at: TargetSurroundings,
  checkout: Checkout,
  branch: string,
  current: string,
  commit: string,
): Promise<Outcome> {
  await waitForLock(checkout);
  const blocked = await checkoutBlocked(at, checkout, branch, commit);
  if (blocked) return blocked;
  const { git, filters } = await gitInCheckout(at.environment, checkout);
  const filtered = filters.length > 0 ? await filteredPaths(git, filters, current, commit) : [];
  if (filtered.length > 0) return needsFilter(checkout, filtered, commit);
  // Each option is named, since merge.* and branch.<name>.mergeOptions may say otherwise.
  const options = ["--ff-only", "--no-overwrite-ignore", "--no-autostash", "--no-verify-signatures"];
  const more = ["--no-squash", "--commit", "--no-edit", "--no-stat", "--quiet", "--no-progress"];
  const failure = await git(["merge", ...options, ...more, commit], { timeoutMs: longTimeoutMs }).then(
    () => new LooprError("git_failed", `git merge did not move ${branch} to ${commit}`),
    (error: unknown) => new LooprError("git_failed", messageOf(error), "", { cause: error }),
  );
  const now = await resolve(at.objects, `refs/heads/${branch}`);
  if (now === commit) return { kind: "done" };
  if (now !== current) return moved(at.project, branch, commit);
  const reason =
    (await untrackedInTheWay(at, checkout, current, commit)) ??
    (await checkoutBlocked(at, checkout, branch, commit));
  if (reason) return reason;
  throw failure;
}

/** Another git at work in the person's checkout is waited for; its lock is never removed. */
async function waitForLock(checkout: Checkout): Promise<void> {
  const deadline = Date.now() + lockWaitMs;
  while (Date.now() < deadline && (await lstatOf(join(checkout.gitDir, "index.lock"))))
    await wait(lockPollMs);
}

async function checkoutBlocked(
  at: TargetSurroundings,
  checkout: Checkout,
  branch: string,
  commit: string | null = null,
): Promise<TargetBlocked | null> {
  const operation = await operationIn(checkout);
  if (operation) return inProgress(checkout, operation, branch, commit);
  if (await lstatOf(join(checkout.gitDir, "index.lock"))) return locked(checkout, commit);
  const inside = await gitInCheckout(at.environment, checkout);
  const changed = await trackedChanges(inside, checkout.gitDir);
  return changed.length > 0 ? dirty(checkout, changed, commit) : null;
}

async function findReturning(all: Checkout[], branch: string) {
  for (const checkout of all) {
    if (checkout.branch === `refs/heads/${branch}` || !(await willReturnTo(checkout, branch))) continue;
    return { checkout, operation: (await operationIn(checkout)) ?? "rebase" };
  }
  return null;
}

/** Paths that the fast-forward would write and that pass through a filter which is not run. */
async function filteredPaths(git: RunGit, filters: readonly string[], current: string, commit: string) {
  const written = (await changes(git, current, commit)).filter((change) => change.status !== "deleted");
  // The person's .gitattributes as they are now say which of their files are filtered.
  const args = ["check-attr", "-z", "--stdin", "filter"];
  const fields = splitNames(
    (await git(args, { input: joinNames(written.map((change) => change.path)) })).stdout,
  );
  const paths: string[] = [];
  for (let at = 0; at + 2 < fields.length; at += 3)
    if (filters.includes(fields[at + 2] ?? "")) paths.push(fields[at] ?? "");
  return paths;
}

async function untrackedInTheWay(
  at: TargetSurroundings,
  checkout: Checkout,
  current: string,
  commit: string,
): Promise<TargetBlocked | null> {
  const inTheWay: string[] = [];
  for (const change of await changes(at.objects, current, commit)) {
    if (change.status !== "added") continue;
    // A file may also stand where the merge needs a directory.
    const parts = change.path.split("/");
    for (let depth = 1; depth <= parts.length; depth++) {
      const name = parts.slice(0, depth).join("/");
      const found = await lstatOf(pathOf(checkout.path, name));
      if (found && (depth === parts.length || !found.isDirectory())) inTheWay.push(name);
    }
  }
  if (inTheWay.length === 0) return null;
  return {
    kind: "blocked",
    reason: "untracked",
    message: `untracked files in ${checkout.path} would be overwritten: ${listed(inTheWay)}`,
    command: mergeCommand(checkout, commit),
  };
}

function inProgress(checkout: Checkout, operation: string, branch: string, commit: string | null = null) {
  return blocked(
    "in_progress",
    `a ${operation} is in progress in ${checkout.path}, which has ${branch}`,
    commit ? mergeCommand(checkout, commit) : statusCommand(checkout),
  );
}

function locked(checkout: Checkout, commit: string | null) {
  return blocked(
    "in_progress",
    `another git is at work in ${checkout.path}, or one has crashed: ${join(checkout.gitDir, "index.lock")} exists`,
    commit ? mergeCommand(checkout, commit) : statusCommand(checkout),
  );
}

function dirty(checkout: Checkout, changed: readonly string[], commit: string | null) {
  return blocked(
    "dirty",
    `${checkout.path} has changes that are not committed: ${listed(changed)}`,
    commit ? mergeCommand(checkout, commit) : statusCommand(checkout),
  );
}

function needsFilter(checkout: Checkout, paths: readonly string[], commit: string) {
  return blocked(
    "filtered",
    `a filter of ${checkout.path} that Loopr does not run is needed for ${listed(paths)}`,
    mergeCommand(checkout, commit),
  );
}

function twice(having: readonly Checkout[], branch: string, commit: string) {
  const [first] = having;
  const places = having.map((checkout) => checkout.path).join(" and ");
  return blocked(
    "in_progress",
    `${branch} is checked out more than once: in ${places}`,
    first ? mergeCommand(first, commit) : "",
  );
}

function moved(project: Project, branch: string, commit: string) {
  return blocked(
    "moved",
    `${branch} has moved on: ${commit.slice(0, 12)} is no fast-forward of it any more`,
    `git -C ${quote(project.root)} log --oneline ${commit}..${quote(branch)}`,
  );
}

function gone(project: Project, branch: string, commit: string) {
  return blocked(
    "moved",
    `the branch ${branch} does not exist any more`,
    `git -C ${quote(project.root)} branch ${quote(branch)} ${commit}`,
  );
}

function blocked(reason: TargetBlocked["reason"], message: string, command: string): TargetBlocked {
  return { kind: "blocked", reason, message, command };
}

function mergeCommand(checkout: Checkout, commit: string): string {
  return `git -C ${quote(checkout.path)} merge --ff-only --no-overwrite-ignore ${commit}`;
}

function statusCommand(checkout: Checkout): string {
  return `git -C ${quote(checkout.path)} status`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, namesShownMax).map(showName).join(", ");
  return names.length > namesShownMax ? `${shown} and ${names.length - namesShownMax} more` : shown;
}
