// New manifests above files that were there before: some take these out of what the check runs.
import { newPackageSteers } from "./manifests.ts";

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
  // It says which packages are the workspace's.
  [/^pnpm-workspace\.yaml$/, ({ baseFiles }) => baseFiles.some((file) => /\/package\.json$/.test(file))],
];

/** Whether a new file is a manifest that decides how, or whether, tests below it are run that were there before. */
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
