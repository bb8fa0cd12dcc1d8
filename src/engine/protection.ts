// Which of a loop's changes are protected, manifests judged by their content: dependencies may change.
import { posix } from "node:path";
import { holdsSettings, onlyDependenciesChanged, packageScriptsChanged } from "../domain/manifests.ts";
import { isManifest, newManifestSteers } from "../domain/new-manifests.ts";
import { onlyAddsRules } from "../domain/make-additions.ts";
import { isMakefile } from "../domain/make-includes.ts";
import { classifyChanges, doubtfulTests, newTests, type Classes } from "../domain/protected.ts";
import { isLock, lockRedirected } from "../domain/package-sources.ts";
import { canSteer } from "../domain/steering.ts";
import type { ChangedTests } from "../domain/rust-tests.ts";
import { isSourceByContent } from "../domain/test-names.ts";
import { matcher } from "../domain/tree-paths.ts";
import type { Run } from "../domain/run.ts";
import { followCheck, type Followed } from "./follow-check.ts";
import type { FileChange, Repository } from "./git-port.ts";
import { inSourceTests } from "./in-source-tests.ts";

export interface ProtectionRequest {
  repository: Repository;
  run: Run;
  base: string;
  commit: string;
  changes: readonly FileChange[];
  /** Globs of what the approved plan lets this loop change, beside the run's own. */
  mayChange: readonly string[];
  /** What a plan lets it change that nobody has read: tests alone. */
  unreadMayChange?: readonly string[];
}

interface Configured {
  /** `validation.protected`. */
  configured: readonly string[] | null;
}

/** Programs that read package.json when a check runs them. */
const readsPackageJson = /\b(npm|npx|pnpm|pnpx|yarn|bun|bunx|node|jest|vitest|mocha|ava|tap|c8|nyc)\b/;

export async function classifyWork(request: ProtectionRequest): Promise<Classes> {
  const { repository, run, base, changes } = request;
  const command = run.config.validation.command ?? "";
  const configured = run.config.validation.protected;
  const mayChange = [...request.mayChange, ...run.may_change];
  const permitted = matcher(mayChange);
  const baseFiles = await repository.files(base);
  const cwd = run.check_cwd;
  const followed = await followCheck({ repository, base, command, cwd, baseFiles, configured });
  const commands = [command, ...followed.nested];
  // By what they held at the base: that the work cannot change.
  const sources = await sourcesCalledTests({ repository, changes, configured }, base);
  const classes = classifyChanges({
    changes,
    sources,
    harmless: await addedRules(request, followed, baseFiles),
    baseFiles,
    command,
    indirect: followed.indirect,
    nested: followed.nested,
    included: followed.included,
    targets: followed.targets,
    followed: followed.scripts,
    unclear: followed.unclear,
    checkCwd: cwd,
    configured,
    mayChange,
    unreadMayChange: request.unreadMayChange ?? [],
  });
  const needSecondRun: string[] = [];
  for (const path of classes.needSecondRun)
    if (!(await onlyDependencies(request, path))) needSecondRun.push(path);
  const added = [
    ...(await addedSteering(request, newTests({ changes, configured }), baseFiles)),
    ...(await redirectedLocks(request)),
  ];
  needSecondRun.push(...added.filter((path) => !permitted(path) && !needSecondRun.includes(path)));
  const inSources = await inSourceTests({ ...request, configured });
  const isNamedByPlan = matcher(request.unreadMayChange ?? []);
  const known = new Set([...needSecondRun, ...classes.allowed, ...classes.forbidden.map(({ path }) => path)]);
  const tests = inSources.changed.filter((path) => !known.has(path));
  const mayChangeTests = (path: string) => permitted(path) || isNamedByPlan(path);
  needSecondRun.push(...tests.filter((path) => !mayChangeTests(path)));
  const scripts = commands.some((each) => readsPackageJson.test(each))
    ? await changedScripts(request, commands)
    : [];
  const why = "its scripts and settings say what the check runs";
  const refused = scripts.filter((path) => !permitted(path)).map((path) => ({ path, why }));
  return {
    ...classes,
    needSecondRun,
    forbidden: [...classes.forbidden, ...refused],
    allowed: [...classes.allowed, ...tests.filter(mayChangeTests), ...scripts.filter(permitted)],
    ...leftOut(inSources, (path) => known.has(path) || mayChangeTests(path)),
  };
}

/**
 * Changed files that are called like tests and are part of the program, as their content in a commit says: a
 * test's protection would forbid the work itself.
 */
async function sourcesCalledTests(
  { repository, changes, configured }: Pick<ProtectionRequest, "repository" | "changes"> & Configured,
  commit: string,
): Promise<Set<string>> {
  const sources = new Set<string>();
  for (const path of doubtfulTests({ changes, configured })) {
    if (isSourceByContent((await repository.read(commit, path)) ?? "")) sources.add(path);
  }
  return sources;
}

/** What the run without changed tests takes off the sources, other than what stays, or is put back, as a whole. */
function leftOut(
  { added, asBefore }: ChangedTests,
  isOther: (path: string) => boolean,
): Pick<Classes, "moreTests" | "asBefore"> {
  const moreTests = added.filter((path) => !isOther(path));
  const texts = new Map([...asBefore].filter(([path]) => !isOther(path)));
  return { ...(moreTests.length > 0 && { moreTests }), ...(texts.size > 0 && { asBefore: texts }) };
}

/** Changed Makefiles of the check that do for it what they did: they only have more rules, which it does not need. */
async function addedRules(
  { repository, run, commit, changes }: ProtectionRequest,
  { read, indirect, nested, included }: Followed,
  baseFiles: readonly string[],
): Promise<Set<string>> {
  const harmless = new Set<string>();
  const changed = changes.filter(
    ({ status, path }) => status === "modified" && read.has(path) && isMakefile(path),
  );
  // What was not read may need anything.
  if (changed.length === 0 || included.some((path) => baseFiles.includes(path) && !read.has(path)))
    return harmless;
  const files = [...baseFiles, ...changes.map(({ path }) => path)];
  for (const { path } of changed) {
    const others = [...read].filter(([other]) => other !== path);
    const texts = [run.config.validation.command ?? "", ...indirect, ...nested];
    const isRules = onlyAddsRules({
      before: read.get(path) ?? "",
      after: (await repository.read(commit, path)) ?? "",
      makefiles: others.flatMap(([other, text]) => (isMakefile(other) ? [text] : [])),
      texts: [...texts, ...others.flatMap(([other, text]) => (isMakefile(other) ? [] : [text]))],
      files,
    });
    if (isRules) harmless.add(path);
  }
  return harmless;
}

/** New files that are tests, by their path and, where that is doubtful, by their content in a commit. */
export async function newTestsOf(
  named: Pick<ProtectionRequest, "repository" | "changes"> & Configured,
  commit: string,
): Promise<string[]> {
  return newTests({ ...named, sources: await sourcesCalledTests(named, commit) });
}

/** New files that can change what the tests do that were there before. */
async function addedSteering(
  { repository, commit, changes }: ProtectionRequest,
  tests: readonly string[],
  baseFiles: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  for (const path of tests) if (canSteer((await repository.read(commit, path)) ?? "")) found.push(path);
  const added = changes.filter(({ status }) => status === "added").map(({ path }) => path);
  for (const path of added.filter(isManifest)) {
    const content = (await repository.read(commit, path)) ?? "";
    if (!found.includes(path) && newManifestSteers({ path, content, baseFiles, added })) found.push(path);
  }
  return found;
}

/** Lock files in which a package that was there before comes from elsewhere. */
async function redirectedLocks({ repository, base, commit, changes }: ProtectionRequest): Promise<string[]> {
  const found: string[] = [];
  for (const { status, path } of changes) {
    if (status !== "modified" || !isLock(path)) continue;
    const [before, after] = [await repository.read(base, path), await repository.read(commit, path)];
    if (before !== null && after !== null && lockRedirected(path, before, after)) found.push(path);
  }
  return found;
}

async function onlyDependencies({ repository, base, commit }: ProtectionRequest, path: string) {
  if (!holdsSettings(path)) return false;
  const before = await repository.read(base, path);
  const after = await repository.read(commit, path);
  return before !== null && after !== null && onlyDependenciesChanged(path, before, after);
}

/** Each package.json whose part in checks differs. */
async function changedScripts(
  { repository, run, base, commit, changes }: ProtectionRequest,
  commands: readonly string[],
) {
  const own = posix.join(run.check_cwd, "package.json");
  const found: string[] = [];
  for (const { path } of changes) {
    if (posix.basename(path) !== "package.json") continue;
    const before = await repository.read(base, path);
    const after = await repository.read(commit, path);
    if (before !== null && packageScriptsChanged(before, after, path === own ? commands : null))
      found.push(path);
  }
  return found;
}
