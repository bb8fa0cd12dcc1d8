// What a check runs beside the files that it names: the scripts that its scripts run, the recipes that they call.
import { posix } from "node:path";
import { checkFiles, toolCommands } from "../domain/check-files.ts";
import { makeIncludes } from "../domain/make-includes.ts";
import { makeRecipes, makeTargetFiles, ownRecipes } from "../domain/make-recipes.ts";
import { packageScripts } from "../domain/manifests.ts";
import { moduleImports, pythonModules } from "../domain/module-imports.ts";
import { protectedDefaults } from "../domain/protected.ts";
import {
  isCheckName,
  isEntrance,
  isInfrastructure,
  isInProduct,
  isShellScript,
  scriptRuns,
} from "../domain/script-runs.ts";
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
  /** What the recipes of the check's own targets run, as its command might. */
  ofRecipes: string[];
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

/** `make test` in a script of the check, other than `make build`. */
function makesCheck(command: string): boolean {
  return /^g?make\b/.test(command) && command.split(/\s+/).slice(1).some(isCheckName);
}

/** Whether a path is most likely the product's own program, which a script of the check may well end in. */
function isProgram(path: string): boolean {
  return isInProduct(path) || isEntrance(path);
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
    ofRecipes: [],
    read: new Map(),
  };
  let open: Open[] = [];
  let level = [command];
  // Commands by which the check is run, not what it tries out: its own, package.json's, and those of make's own targets.
  const direct = new Set([command]);
  for (let depth = 0; depth < depthMax && level.length + open.length > 0; depth++) {
    const indirect = level.flatMap((each) => packageScripts(packageJson, each));
    found.indirect.push(...indirect);
    for (const each of indirect) direct.add(each);
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
      const own = ownRecipes(path, content, [...direct, ...found.nested.filter(makesCheck)]);
      for (const each of toolCommands(own)) direct.add(each);
      const ofOwn = scriptRuns({ content: own, path, cwd }, baseFiles).map((each) => each.path);
      found.ofRecipes.push(...ofOwn);
      const shell = isShellScript(path, content)
        ? content
        : `${own}\n${makeRecipes(path, content, commands)}`;
      // What a program imports from elsewhere is what it tries out.
      const imports = moduleImports({ path, content, cwd }, atBase)
        .filter(isInfrastructure)
        .map((each) => ({
          path: each,
          how: "imports" as const,
          isInfrastructure: true,
          isHandedOver: false,
        }));
      for (const run of [...scriptRuns({ content: shell, path, cwd }, baseFiles), ...imports]) {
        const reason = `${participle[run.how]} by ${path}, ${why}`;
        const isOwn =
          run.isInfrastructure || ofOwn.includes(run.path) || (run.isHandedOver && !isProgram(run.path));
        if (!isOwn) found.unclear.set(run.path, reason);
        else if (!found.scripts.has(run.path)) found.scripts.set(run.path, reason);
        // What a test runs is what it tests, unless it is a runner of tests.
        const isRunner = isOwn && (!isTest(run.path) || isCheckName(run.path));
        if (isRunner) open.push({ path: run.path, why: `which ${path} ${run.how}` });
      }
    }
    found.nested.push(...level);
  }
  return found;
}
