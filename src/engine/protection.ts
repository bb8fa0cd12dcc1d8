// Which of a loop's changes are protected, manifests judged by their content: dependencies may change.
import { posix } from "node:path";
import {
  holdsSettings,
  onlyDependenciesChanged,
  packageScripts,
  packageScriptsChanged,
} from "../domain/manifests.ts";
import { classifyChanges, matcher, type Classes } from "../domain/protected.ts";
import type { Run } from "../domain/run.ts";
import type { FileChange, Repository } from "./ports.ts";

export interface ProtectionRequest {
  repository: Repository;
  run: Run;
  base: string;
  commit: string;
  changes: readonly FileChange[];
  /** Globs of what the approved plan lets this loop change, beside the run's own. */
  mayChange: readonly string[];
}

/** Programs that read package.json when a check runs them. */
const readsPackageJson = /\b(npm|npx|pnpm|pnpx|yarn|bun|bunx|node|jest|vitest|mocha|ava|tap|c8|nyc)\b/;

export async function classifyWork(request: ProtectionRequest): Promise<Classes> {
  const { repository, run, base, changes } = request;
  const command = run.config.validation.command ?? "";
  const mayChange = [...request.mayChange, ...run.may_change];
  const manifest = posix.join(run.check_cwd, "package.json");
  const indirect = packageScripts((await repository.read(base, manifest)) ?? "", command);
  const classes = classifyChanges({
    changes,
    baseFiles: await repository.files(base),
    command,
    indirect,
    checkCwd: run.check_cwd,
    configured: run.config.validation.protected,
    mayChange,
  });
  const needSecondRun: string[] = [];
  for (const path of classes.needSecondRun)
    if (!(await onlyDependencies(request, path))) needSecondRun.push(path);
  const scripts = readsPackageJson.test(command) ? await changedScripts(request) : [];
  const permitted = matcher(mayChange);
  const refused = scripts.filter((path) => !permitted(path)).map((path) => `${path} (its scripts)`);
  return {
    needSecondRun,
    forbidden: [...classes.forbidden, ...refused],
    allowed: [...classes.allowed, ...scripts.filter(permitted)],
  };
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
