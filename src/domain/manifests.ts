// Files that hold dependencies, which a task may add, beside what decides how a check runs, which it may not.
import { isRedirected } from "./package-sources.ts";

/** Parts of package.json that decide what a check runs; dependencies may change. */
const checkParts = [
  "scripts",
  "jest",
  "mocha",
  "ava",
  "vitest",
  "nyc",
  "c8",
  "tap",
  "babel",
  "config",
  "type",
  "eslintConfig",
  "eslintIgnore",
  "xo",
  "standard",
  "pnpm",
  "patchedDependencies",
];
const dependencyParts = [
  "dependencies",
  "devDependencies",
  "optionalDependencies",
  "overrides",
  "resolutions",
];
/** Sources of a package that is not the registry's of that name. */
const otherSource =
  /^(file|link|portal|workspace|patch|exec|npm|git[^:]*|https?|github|gitlab|bitbucket):|^[.~/]|^[\w-]+\//;

/**
 * Whether package.json changed in what a check through npm, pnpm, yarn or bun runs: its scripts, settings of
 * test tools, or a package that it already had coming from elsewhere. Added packages and versions do not
 * count. Removed (null) or unreadable counts as changed. Where `commands` are given, all that the check runs, only
 * the scripts that they call count.
 */
export function packageScriptsChanged(
  before: string,
  after: string | null,
  commands: readonly string[] | null = null,
): boolean {
  const old = parseObject(before);
  const now = after === null ? null : parseObject(after);
  if (now === null) return true;
  if (old === null) return before !== after;
  const parts = checkParts.filter((part) => stable(old[part]) !== stable(now[part]));
  if (parts.some((part) => part !== "scripts")) return true;
  if (parts.length > 0 && scriptsDiffer(old, now, commands)) return true;
  if (leavesOut(old["workspaces"], now["workspaces"])) return true;
  return dependencyParts.some((part) => redirected(asObject(old[part]) ?? {}, asObject(now[part]) ?? {}));
}

/** npm runs these by itself, in the set-up. */
const lifecycle =
  /^(pre|post)?(install|prepare|prepublish|prepack|pack)$|^(dependencies|pnpm:devPreinstall)$/;
/** Tools that take scripts by patterns or in many packages: which ones, their words alone do not tell. */
const runsMany =
  /\b(npm-run-all2?|run-[sp]|concurrently|wireit|turbo|nx|lerna|rush|wsrun|workspaces?|recursive|filter|npm_lifecycle\w*)\b|\s-(ws?|r|F)\b|[\w-]*:?\*/;

/** Whether the scripts differ in what these commands run, or in any where that cannot be told. */
function scriptsDiffer(
  old: Record<string, unknown>,
  now: Record<string, unknown>,
  commands: readonly string[] | null,
): boolean {
  if (commands === null) return true;
  const [before, after] = [asObject(old["scripts"]), asObject(now["scripts"])];
  if (before === null || after === null) return true;
  const names = Object.keys({ ...before, ...after }).filter((name) => before[name] !== after[name]);
  if (names.some((name) => lifecycle.test(name))) return true;
  const [used, usedNow] = [before, after].map((scripts) =>
    commands.flatMap((command) => packageScripts(JSON.stringify({ scripts }), command)),
  );
  if ([...commands, ...(used ?? [])].some((command) => runsMany.test(command))) return true;
  // A program of the check may call one by name.
  const texts = [...commands, ...(used ?? []), ...(usedNow ?? [])];
  return (
    stable(used) !== stable(usedNow) ||
    names.some(
      (name) => before[name] !== undefined && texts.some((text) => text.split(/[^\w:.-]+/).includes(name)),
    )
  );
}

/** Packages that were the workspace's are no longer. */
function leavesOut(before: unknown, after: unknown): boolean {
  const [old, now] = [before, after].map((value) => {
    const list: unknown = asObject(value)?.["packages"] ?? value ?? [];
    return Array.isArray(list) ? list.map(String) : null;
  });
  if (!old || !now) return stable(before) !== stable(after);
  return (
    old.some((each) => !now.includes(each)) || now.some((each) => /^!/.test(each) && !old.includes(each))
  );
}

/** Whether a new package.json decides how tests that were there before are run. Its scripts are its own. */
export function newPackageSteers(content: string): boolean {
  const now = parseObject(content);
  return now === null || checkParts.some((part) => part !== "scripts" && part in now);
}

function redirected(old: Record<string, unknown>, now: Record<string, unknown>): boolean {
  return Object.entries(now).some(
    ([name, source]) =>
      name in old &&
      stable(old[name]) !== stable(source) &&
      (typeof source !== "string" || otherSource.test(source)),
  );
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return null;
  }
}

function asObject(value: unknown): Record<string, unknown> | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  return Object.fromEntries(Object.entries(value));
}

/** JSON with sorted keys: the order of keys is no change. */
function stable(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) => {
      const object = asObject(inner);
      return object ? Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1))) : inner;
    }) ?? ""
  );
}

/** Runs of a script by name: `npm test`, `npm run x`, `pnpm x`, `yarn x`, `bun run x`, `node --run x`. */
const scriptRun =
  /(?:^|[\s;|&(])(?:npm|pnpm|yarn|bun)(?:\s+(?:--?[\w-]+(?:=\S+)?))*\s+(?:run(?:-script)?\s+)?(?:--?[\w-]+\s+)*([\w:.-]+)|node\s+--run[\s=]([\w:.-]+)/g;
const indirectionMax = 20;

/** The commands that a check runs by way of package.json's scripts, `pre` and `post` ones included. */
export function packageScripts(packageJson: string, command: string): string[] {
  const scripts = asObject(parseObject(packageJson)?.["scripts"]) ?? {};
  const found = new Set<string>();
  const queue = [command];
  for (let at = 0; at < queue.length && at < indirectionMax; at++)
    for (const match of (queue[at] ?? "").matchAll(scriptRun)) {
      const called = match[1] ?? match[2] ?? "";
      const name = called === "t" ? "test" : called;
      for (const each of [`pre${name}`, name, `post${name}`]) {
        const script = scripts[each];
        if (typeof script !== "string" || found.has(script)) continue;
        found.add(script);
        queue.push(script);
      }
    }
  return [...found];
}

/** Tables in which a package says what it is and needs; every other one may be a tool's settings. */
const dependencyTables: readonly (readonly [file: string, tables: RegExp])[] = [
  [
    "pyproject.toml",
    /^(project(\.(optional-dependencies|urls|scripts|authors))?|dependency-groups|tool\.(poetry(\.group\.[\w-]+)?\.(dev-)?dependencies|pdm\.dev-dependencies))$/,
  ],
  ["setup.cfg", /^(metadata|options(\.\w+)?)$/],
  ["Cargo.toml", /^((workspace\.|target\..+\.)?((dev|build)-)?dependencies(\..+)?|features)$/],
];

/** Whether a file holds dependencies and test settings both, so that its two forms are worth a comparison. */
export function holdsSettings(path: string): boolean {
  return isGoModule(path) || tablesOf(path) !== undefined;
}

/** Whether nothing but dependencies and a package's description differs. Comments and empty lines do not count. */
export function onlyDependenciesChanged(path: string, before: string, after: string): boolean {
  if (isGoModule(path)) return !goRedirected(before, after) && !goIgnores(before, after);
  const tables = tablesOf(path);
  if (tables === undefined || isRedirected(before, after)) return false;
  return otherTables(before, tables) === otherTables(after, tables);
}

function tablesOf(path: string): RegExp | undefined {
  return dependencyTables.find(([file]) => path === file || path.endsWith(`/${file}`))?.[1];
}

/**
 * The lines outside the tables. Read line by line: what looks like a table's head inside a string or array
 * only moves lines into the comparison, or stands behind a line that is in it.
 */
function otherTables(text: string, tables: RegExp): string {
  let exempt = false;
  const kept: string[] = [];
  for (const line of text.split(/\r?\n/).map((each) => each.trim())) {
    if (line.startsWith("["))
      exempt = tables.test(/^\[([\w.'"() =,-]+)\]\s*(#.*)?$/.exec(line)?.[1]?.trim() ?? "");
    if (!exempt && line !== "" && !line.startsWith("#")) kept.push(line);
  }
  return kept.join("\n");
}

function isGoModule(path: string): boolean {
  return path === "go.mod" || path.endsWith("/go.mod");
}

/** Whether a module that was needed before now comes from elsewhere. */
function goRedirected(before: string, after: string): boolean {
  const old = new Set(goReplacements(before));
  return goReplacements(after).some((line) => {
    const module = line.split(/\s+/)[0] ?? "";
    return !old.has(line) && before.split(/\s+/).includes(module);
  });
}

/** Whether `./...` leaves out directories that it did not leave out before. */
function goIgnores(before: string, after: string): boolean {
  const old = new Set(goDirectives(before, "ignore"));
  return goDirectives(after, "ignore").some((line) => !old.has(line));
}

/** `old => new` of each replace directive. */
function goReplacements(text: string): string[] {
  return goDirectives(text, "replace").filter((line) => line.includes("=>"));
}

/** What stands behind a directive, each time, alone or in a block. */
function goDirectives(text: string, name: string): string[] {
  const found: string[] = [];
  let block: string | null = null;
  for (const line of text.split(/\r?\n/).map((each) => each.replace(/\/\/.*$/, "").trim())) {
    const [, word = "", rest = ""] = /^(\w+)\s*(.*)$/.exec(line) ?? [];
    if (line === ")") block = null;
    else if (block !== null && line !== "") {
      if (block === name) found.push(line.replace(/\s+/g, " "));
    } else if (rest === "(") block = word;
    else if (word === name && /^\w+\s/.test(line)) found.push(rest.replace(/\s+/g, " "));
  }
  return found;
}
