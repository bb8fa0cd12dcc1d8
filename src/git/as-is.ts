// Whether git stores the content of files, and writes it out, as it is: no conversion of line ends, no filter, no
// encoding. Then the bytes of a file are those of its blob, and no process is needed to turn one into the other.
import { lstatSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemCode } from "../lib/errors.ts";
import type { ConfigEntry } from "./configuration.ts";
import type { Environment } from "./exec.ts";

/** Where the file is that git was built to read for the whole system, if not there. */
const systemAttributes = "/etc/gitattributes";
const yes = /^(true|yes|on|1|)$/i;
const no = /^(false|no|off|0)$/i;

/** By key: the values that leave contents, modes and names as they are. Other keys of `core` have no say in it. */
const harmless: readonly (readonly [key: RegExp, value: RegExp])[] = [
  [/^core\.(autocrlf|ignorecase|splitindex)$/, no],
  [/^core\.(filemode|symlinks)$/, yes],
];
const harmful = /^(core\.(attributesfile|bigfilethreshold|checkstat|sharedrepository)|attr\..*)$/;

/** What the files `.gitattributes` of the worktree say comes on top: `hasAttributes`. */
export function isStoredAsIs(
  { environment, commonDir }: { environment: Environment; commonDir: string },
  configured: readonly ConfigEntry[],
  systemConfig: string | null,
): boolean {
  const isPlain = configured.every(({ key, value }) => {
    const wanted = harmless.find(([name]) => name.test(key))?.[1];
    return wanted === undefined ? !harmful.test(key) : wanted.test(value);
  });
  const home = environment["HOME"];
  if (!isPlain || systemConfig === null || home === undefined) return false;
  const config = environment["XDG_CONFIG_HOME"] || join(home, ".config");
  return [
    join(commonDir, "info", "attributes"),
    join(config, "git", "attributes"),
    join(dirname(systemConfig), "gitattributes"),
    systemAttributes,
  ].every(isNothing);
}

export const attributesName = ".gitattributes";

/** Whether a directory on the way to one of these files says how they are stored. */
export function hasAttributes(root: string, directories: Iterable<string>): boolean {
  return [root, ...[...directories].map((directory) => join(root, directory))].some(
    (directory) => !isNothing(join(directory, attributesName)),
  );
}

/** Nothing is there; what cannot be looked at may be something. */
function isNothing(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) === undefined;
  } catch (error) {
    if (systemCode(error) === "") throw error;
    return systemCode(error) === "ENOTDIR";
  }
}

/**
 * Names that mean the same on every file system and to every git: letters, digits and a few signs, and no part that
 * could be taken for `.git`.
 */
export function isPlainName(name: string): boolean {
  return name
    .split("/")
    .every((part) => /^[A-Za-z0-9_.+@=,-]{1,200}$/.test(part) && !/^(\.{1,2}|\.git.*|.*\.)$/i.test(part));
}
