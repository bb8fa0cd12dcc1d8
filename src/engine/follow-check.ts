// What a check runs beside the files that it names: the scripts that its scripts run, the recipes that they call.
import { posix } from "node:path";
import { checkFiles, toolCommands } from "../domain/check-files.ts";
import { makeIncludes } from "../domain/make-includes.ts";
import { makeRecipes, makeTargetFiles } from "../domain/make-recipes.ts";
import { packageScripts } from "../domain/manifests.ts";
import { moduleImports, pythonModules } from "../domain/module-imports.ts";
import { protectedDefaults } from "../domain/protected.ts";
import { isCheckName, isInfrastructure, isShellScript, scriptRuns } from "../domain/script-runs.ts";
import { matcher } from "../domain/tree-paths.ts";
import type { Repository } from "./git-port.ts";

export interface Followed {
  /** Commands that the check's scripts and recipes run: they name tools, and code under test too. */
  nested: string[];
  /** Commands that the check runs by way of package.json. */
  indirect: string[];
  /** Files that recipes include, whether they are there or not. */
  included: string[];
  /** Paths that make would take as its targets, which the check runs, made already. */
  targets: string[];
  /** What the check's scripts run and source of the check's own, with the reason why each counts. */
  scripts: Map<string, string>;
  /** What they run that may as well be the product, with how they do. */
  unclear: Map<string, string>;
  /** All that was read, by path. */
  read: Map<string, string>;
}

export interface Check {
  repository: Pick<Repository, "read">;
  /** The commit at which the files are read. */
  base: string;
  command: string;
  cwd: string;
  /** Tracked paths at the base. */
  baseFiles: readonly string[];
  /** `validation.protected`. */
  configured: readonly string[] | null;
}

/** So far are they followed: a Makefile that runs a script that sources another that runs npm. */
const depthMax = 6;
const filesMax = 60;

const participle = { runs: "run", sources: "sourced", imports: "imported" } as const;

/** One file that is to be read, and why it counts as a part of the check. */
interface Open {
  path: string;
  why: string;
}

export async function followCheck(check: Check): Promise<Followed> {
  const { repository, base, command, cwd, baseFiles } = check;
  const packageJson = (await repository.read(base, posix.join(cwd, "package.json"))) ?? "";
  const isTest = matcher(check.configured ?? protectedDefaults);
  const atBase = new Set(baseFiles);
  const found: Followed = {
    nested: [],
    indirect: [],
    included: [],
    targets: [],
    scripts: new Map(),
    unclear: new Map(),
    read: new Map(),
  };
  let open: Open[] = [];
  let level = [command];
  for (let depth = 0; depth < depthMax && level.length + open.length > 0; depth++) {
    const indirect = level.flatMap((each) => packageScripts(packageJson, each));
    found.indirect.push(...indirect);
    const named = [...level, ...indirect].flatMap((each) => checkFiles(each, cwd, baseFiles));
    const modules = [...level, ...indirect].flatMap((each) => pythonModules(each, cwd, atBase));
    for (const path of modules)
      (isInfrastructure(path) ? found.scripts : found.unclear).set(path, "run by the check");
    const run = [...named, ...modules.filter(isInfrastructure)];
    const files = [...open, ...run.map((path) => ({ path, why: "which the check runs" }))];
    level = [];
    open = [];
    for (const { path, why } of files) {
      if (found.read.has(path) || found.read.size >= filesMax) continue;
      const content = (await repository.read(base, path)) ?? "";
      found.read.set(path, content);
      level.push(...toolCommands(content));
      const includes = makeIncludes(path, content, cwd).map((each) => ({ path: each, why }));
      found.included.push(...includes.map((each) => each.path));
      open.push(...includes.filter((each) => baseFiles.includes(each.path)));
      const commands = [command, ...found.indirect, ...found.nested];
      found.targets.push(...makeTargetFiles(path, content, commands));
      const shell = isShellScript(path, content) ? content : makeRecipes(path, content, commands);
      // What a program imports from elsewhere is what it tries out.
      const imports = moduleImports({ path, content, cwd }, atBase)
        .filter(isInfrastructure)
        .map((each) => ({ path: each, how: "imports" as const, isInfrastructure: true }));
      for (const run of [...scriptRuns({ content: shell, path, cwd }, baseFiles), ...imports]) {
        const reason = `${participle[run.how]} by ${path}, ${why}`;
        if (!run.isInfrastructure) found.unclear.set(run.path, reason);
        else if (!found.scripts.has(run.path)) found.scripts.set(run.path, reason);
        // What a test runs is what it tests, unless it is a runner of tests.
        const isRunner = run.isInfrastructure && (!isTest(run.path) || isCheckName(run.path));
        if (isRunner) open.push({ path: run.path, why: `which ${path} ${run.how}` });
      }
    }
    found.nested.push(...level);
  }
  return found;
}
