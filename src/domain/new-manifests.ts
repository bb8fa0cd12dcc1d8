// New manifests above files that were there before: some take these out of what the check runs, or run before them.
import { newPackageSteers } from "./manifests.ts";
import { canSteer } from "./steering.ts";

export interface NewManifest {
  path: string;
  content: string;
  /** Tracked paths at the base. */
  baseFiles: readonly string[];
  /** All new paths. */
  added: readonly string[];
}

type Steers = (manifest: NewManifest) => boolean;

const kinds: readonly (readonly [name: RegExp, steers: Steers])[] = [
  [/^package\.json$/, ({ content }) => newPackageSteers(content)],
  // Other modules come in the place of those that are named.
  [
    /^(tsconfig[\w.-]*|jsconfig)\.json$/,
    ({ content }) => /"(paths|baseUrl|extends|jsxImportSource)"\s*:/.test(content),
  ],
  [/^deno\.jsonc?$/, ({ content }) => /"(test|include|exclude)"\s*:/.test(content)],
  // A directory with a module of its own is no part of the one above.
  [/^go\.mod$/, (manifest) => isBelowAnother(manifest)],
  [
    /^Cargo\.toml$/,
    (manifest) =>
      isBelowAnother(manifest) || /^\s*\[(profile|patch|replace|workspace\.lints)\b/m.test(manifest.content),
  ],
  // One beside the tests comes before the one at the root.
  [
    /^pyproject\.toml$/,
    ({ content }) => /^\s*\[+tool\.(pytest|coverage|mypy|pyright|basedpyright|ruff|pylint)\b/m.test(content),
  ],
  [/^setup\.cfg$/, ({ content }) => /^\s*\[(tool:pytest|coverage:\w+|mypy|flake8|pylint)\b/m.test(content)],
  // Python runs it before the tests in its directory.
  [/^__init__\.py$/, (manifest) => initialisesTests(manifest)],
  // What is installed for the check; npm takes a shrinkwrap before the lock.
  [
    /^(npm-shrinkwrap|package-lock)\.json$/,
    ({ path, content, baseFiles }) =>
      baseFiles.includes(path.replace("npm-shrinkwrap", "package-lock")) ||
      /"resolved"\s*:\s*"(file:|git|https?:\/\/(?!registry\.(npmjs\.org|yarnpkg\.com)\/))/.test(content),
  ],
  // It says which packages are the workspace's.
  [/^pnpm-workspace\.yaml$/, ({ baseFiles }) => baseFiles.some((file) => /\/package\.json$/.test(file))],
];

/** Whether a new file is one that decides how, or whether, tests below it are run that were there before. */
export function newManifestSteers(manifest: NewManifest): boolean {
  const { path, baseFiles } = manifest;
  const steers = kindOf(path);
  const directory = directoryOf(path);
  return (
    steers !== undefined &&
    (directory === "" || baseFiles.some((file) => file.startsWith(`${directory}/`))) &&
    steers(manifest)
  );
}

/** Whether a path is called like a manifest whose content is worth a look. */
export function isManifest(path: string): boolean {
  return kindOf(path) !== undefined;
}

function kindOf(path: string): Steers | undefined {
  return kinds.find(([name]) => name.test(path.split("/").at(-1) ?? ""))?.[1];
}

/**
 * Where there are tests alone beside it, it is a part of them; where the program is, too, it is the program's, other
 * than what meddles with the tools of tests.
 */
function initialisesTests({ path, content, baseFiles }: NewManifest): boolean {
  const directory = directoryOf(path);
  const below = baseFiles.filter(
    (file) => file.endsWith(".py") && (directory === "" || file.startsWith(`${directory}/`)),
  );
  if (!below.some((file) => pythonTest.test(file))) return false;
  const isCode = content.split("\n").some((line) => !/^\s*(#.*)?$/.test(line));
  const ofTestsAlone =
    below.every((file) => directoryOf(file) !== directory || pythonTest.test(file)) && directory !== "";
  return isCode && (ofTestsAlone || canSteer(content) || /\b(unittest|_?pytest|nose2?|mock)\b/.test(content));
}

const pythonTest = /(^|\/)(test_[^/]*|[^/]*_tests?|tests?|conftest|__init__)\.py$/;

/** The first one of a repository takes nothing out of another. */
function isBelowAnother({ path, baseFiles, added }: NewManifest): boolean {
  const name = path.split("/").at(-1) ?? "";
  const others = new Set([...baseFiles, ...added]);
  for (let at = directoryOf(path); at !== "";) {
    at = directoryOf(at);
    if (others.has(at === "" ? name : `${at}/${name}`)) return true;
  }
  return false;
}

function directoryOf(path: string): string {
  return path.split("/").slice(0, -1).join("/");
}
