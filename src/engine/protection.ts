// Which of a loop's changes are protected, manifests judged by their content: dependencies may change.
import { posix } from "node:path";
import { makeIncludes } from "../domain/make-includes.ts";
import {
  holdsSettings,
  newPackageSteers,
  onlyDependenciesChanged,
  packageScripts,
  packageScriptsChanged,
} from "../domain/manifests.ts";
import {
  checkFiles,
  classifyChanges,
  doubtfulTests,
  matcher,
  newTests,
  toolCommands,
  type Classes,
} from "../domain/protected.ts";
import { canSteer } from "../domain/steering.ts";
import { isSourceByContent } from "../domain/test-names.ts";
import type { Run } from "../domain/run.ts";
import type { FileChange, Repository } from "./git-port.ts";

export interface ProtectionRequest {
  repository: Repository;
  run: Run;
  base: string;
  commit: string;
  changes: readonly FileChange[];
  /** Globs of what the approved plan lets this loop change, beside the run's own. */
  mayChange: readonly string[];
}

interface Configured {
  /** `validation.protected`. */
  configured: readonly string[] | null;
}

/** Programs that read package.json when a check runs them. */
const readsPackageJson = /\b(npm|npx|pnpm|pnpx|yarn|bun|bunx|node|jest|vitest|mocha|ava|tap|c8|nyc)\b/;
/** The check's scripts are followed this far: a Makefile that runs a script that runs npm. */
const nestingMax = 3;
const nestedFilesMax = 20;

export async function classifyWork(request: ProtectionRequest): Promise<Classes> {
  const { repository, run, base, changes } = request;
  const command = run.config.validation.command ?? "";
  const configured = run.config.validation.protected;
  const mayChange = [...request.mayChange, ...run.may_change];
  const permitted = matcher(mayChange);
  const baseFiles = await repository.files(base);
  const { nested, included } = await nestedCommands(request, command, baseFiles);
  const commands = [command, ...nested];
  const manifest = posix.join(run.check_cwd, "package.json");
  const packageJson = (await repository.read(base, manifest)) ?? "";
  // By what they held at the base: that the work cannot change.
  const sources = await sourcesCalledTests({ repository, changes, configured }, base);
  const classes = classifyChanges({
    changes,
    sources,
    baseFiles,
    command,
    indirect: commands.flatMap((each) => packageScripts(packageJson, each)),
    nested,
    included,
    checkCwd: run.check_cwd,
    configured,
    mayChange,
  });
  const needSecondRun: string[] = [];
  for (const path of classes.needSecondRun)
    if (!(await onlyDependencies(request, path))) needSecondRun.push(path);
  const added = await addedSteering(request, newTests({ changes, configured }), baseFiles);
  needSecondRun.push(...added.filter((path) => !permitted(path) && !needSecondRun.includes(path)));
  const scripts = commands.some((each) => readsPackageJson.test(each)) ? await changedScripts(request) : [];
  const refused = scripts.filter((path) => !permitted(path)).map((path) => `${path} (its scripts)`);
  return {
    needSecondRun,
    forbidden: [...classes.forbidden, ...refused],
    allowed: [...classes.allowed, ...scripts.filter(permitted)],
  };
}

/**
 * Changed files that are called like tests and are part of the program, as their content in a commit says: a
 * test's protection would forbid the work itself.
 */
export async function sourcesCalledTests(
  { repository, changes, configured }: Pick<ProtectionRequest, "repository" | "changes"> & Configured,
  commit: string,
): Promise<Set<string>> {
  const sources = new Set<string>();
  for (const path of doubtfulTests({ changes, configured })) {
    if (isSourceByContent((await repository.read(commit, path)) ?? "")) sources.add(path);
  }
  return sources;
}

/** Commands that the check's scripts and recipes run, and what recipes include, as they are at the base. */
async function nestedCommands(
  { repository, run, base }: ProtectionRequest,
  command: string,
  baseFiles: readonly string[],
): Promise<{ nested: string[]; included: string[] }> {
  const seen = new Set<string>();
  const found: string[] = [];
  const included = new Set<string>();
  let open: string[] = [];
  let level = [command];
  for (let depth = 0; depth < nestingMax && level.length + open.length > 0; depth++) {
    const files = [...open, ...level.flatMap((each) => checkFiles(each, run.check_cwd, baseFiles))];
    level = [];
    open = [];
    for (const file of files) {
      if (seen.has(file) || seen.size >= nestedFilesMax) continue;
      seen.add(file);
      const content = (await repository.read(base, file)) ?? "";
      level.push(...toolCommands(content));
      const includes = makeIncludes(file, content, run.check_cwd);
      for (const path of includes) included.add(path);
      open.push(...includes.filter((path) => baseFiles.includes(path)));
    }
    found.push(...level);
  }
  return { nested: found, included: [...included] };
}

/** New files that can change what the tests do that were there before. */
async function addedSteering(
  { repository, commit, changes }: ProtectionRequest,
  tests: readonly string[],
  baseFiles: readonly string[],
): Promise<string[]> {
  const found: string[] = [];
  for (const path of tests) if (canSteer((await repository.read(commit, path)) ?? "")) found.push(path);
  for (const { status, path } of changes) {
    if (status !== "added" || posix.basename(path) !== "package.json") continue;
    const directory = posix.dirname(path);
    const isAbove = directory === "." || baseFiles.some((file) => file.startsWith(`${directory}/`));
    if (isAbove && newPackageSteers((await repository.read(commit, path)) ?? "")) found.push(path);
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
async function changedScripts({ repository, base, commit, changes }: ProtectionRequest) {
  const found: string[] = [];
  for (const { path } of changes) {
    if (posix.basename(path) !== "package.json") continue;
    const before = await repository.read(base, path);
    const after = await repository.read(commit, path);
    if (before !== null && packageScriptsChanged(before, after)) found.push(path);
  }
  return found;
}
