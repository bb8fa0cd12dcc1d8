// The configuration files of git that a command reads by itself: the repository's, and the person's own.
import { lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

const includesDepthMax = 4;
/** The nesting of submodules' directories, whose names may hold slashes. */
const modulesDepthMax = 4;
/** A longer one is no configuration that anybody has written. */
const configBytesMax = 1024 * 1024;

/** Where the configuration beside the repository's is. Absolute paths, of which none need exist. */
export interface ConfigPlaces {
  homes: readonly string[];
  /** What XDG_CONFIG_HOME says. */
  configHomes: readonly string[];
  /** Files that git is told of by name. */
  named: readonly string[];
  /** PATH: a git that is installed elsewhere than the system's has its system's configuration there. */
  path: string;
}

/** Those that exist, links resolved, with what they include. */
export function gitConfigs(commonDir: string, { homes, configHomes, named, path }: ConfigPlaces): string[] {
  const found = new Set<string>();
  const own = [
    ...homes.flatMap((home) => [join(home, ".gitconfig"), join(home, ".config", "git", "config")]),
    ...configHomes.map((home) => join(home, "git", "config")),
    ...named,
    ...systemConfigs(path),
  ];
  const worktrees = join(commonDir, "worktrees");
  const linked = entries(worktrees).map((name) => join(worktrees, name, "config.worktree"));
  const start = [join(commonDir, "config"), join(commonDir, "config.worktree"), ...linked];
  for (const file of [...start, ...modules(join(commonDir, "modules"), 0), ...own])
    follow(file, { found, homes, depth: 0 });
  return [...found];
}

/** Of the system's git, and of each that was built with a prefix of its own. */
function systemConfigs(path: string): string[] {
  const prefixes = path.split(":").flatMap((entry) => (entry.startsWith("/") ? [dirname(entry)] : []));
  return ["/etc/gitconfig", ...new Set(prefixes.map((prefix) => join(prefix, "etc", "gitconfig")))];
}

/** Null where there is none, or none that is ours to read. */
export function readConfig(path: string): string | null {
  try {
    const stat = lstatSync(path);
    return stat.isFile() && stat.size <= configBytesMax ? readFileSync(path, "utf8") : null;
  } catch {
    return null;
  }
}

interface Following {
  found: Set<string>;
  homes: readonly string[];
  depth: number;
}

function follow(path: string, { found, homes, depth }: Following): void {
  const real = realPath(path);
  if (real === null || found.has(real) || depth > includesDepthMax) return;
  found.add(real);
  for (const [, quoted, bare] of (readConfig(real) ?? "").matchAll(
    /^\s*path\s*=\s*(?:"([^"\n]*)"|([^\n#;]*))/gim,
  )) {
    const included = (quoted ?? bare ?? "").trim();
    if (included === "") continue;
    const places = included.startsWith("~/")
      ? homes.map((home) => join(home, included.slice(2)))
      : [resolve(dirname(real), included)];
    for (const place of places) follow(place, { found, homes, depth: depth + 1 });
  }
}

function modules(directory: string, depth: number): string[] {
  const names = depth > modulesDepthMax ? [] : entries(directory);
  if (names.includes("config") && names.includes("HEAD")) {
    return [join(directory, "config"), ...modules(join(directory, "modules"), depth + 1)];
  }
  return names.flatMap((name) => modules(join(directory, name), depth + 1));
}

function entries(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // absent, or not a directory
  }
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}
