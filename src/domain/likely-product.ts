// Files that a check's command names and that look like the product: they are protected as a part of the check, so
// that no work may change them. Whoever starts a run should know.
import { checkScripts } from "./check-files.ts";
import { protectedDefaults } from "./protected.ts";
import { isEntrance, isInfrastructure, isInProduct, scriptRuns } from "./script-runs.ts";
import { matcher } from "./tree-paths.ts";

/** By their names they say how something is done, not what the product does. */
const isSetting =
  /\.(json5?|jsonc|ya?ml|toml|ini|cfg|conf|lock|xml|properties|env)$|(^|[./-])(config|setup|hooks?|rc|preload|register)\.|(^|\/)\.[^/]+$|(^|\/)(Makefile|Dockerfile|[Jj]ustfile|Rakefile)$/;

export interface Named {
  /** The check, and what it runs by way of package.json. */
  commands: readonly string[];
  /** Files that the recipes of the check's own targets run. */
  ofRecipes?: readonly string[];
  checkCwd: string;
  /** Tracked paths. */
  files: readonly string[];
  /** `validation.protected`. */
  configured: readonly string[] | null;
}

export function likelyProduct({ commands, ofRecipes = [], checkCwd, files, configured }: Named): string[] {
  const isTest = matcher(configured ?? protectedDefaults);
  const tracked = new Set(files);
  const isOpen = (path: string) => !isTest(path) && !isInfrastructure(path) && !isSetting.test(path);
  const programs = ofRecipes.filter((path) => isOpen(path) && (isInProduct(path) || isEntrance(path)));
  const found = commands.flatMap((command) => {
    // What is run as it stands is most likely a script of the check; what is read, or only named, is not.
    const runs = scriptRuns({ content: command, path: "", cwd: checkCwd }, files);
    const run = new Set(runs.map(({ path }) => path));
    return checkScripts(command, checkCwd, tracked).filter(
      (path) => isOpen(path) && (isInProduct(path) || isEntrance(path) || !run.has(path)),
    );
  });
  return [...new Set([...found, ...programs])];
}
