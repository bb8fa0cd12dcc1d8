// Git's configuration at a place, asked again only when one of the files that it is made of has become another.
import { statSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { systemCode } from "../lib/errors.ts";
import { line, type Environment, type RunGit } from "./exec.ts";
import { decodeName, splitNul } from "./names.ts";
import { remembered, type Remembered } from "./remembered.ts";

export interface ConfigEntry {
  /** As git prints it: section and key in small letters. */
  key: string;
  value: string;
}

interface Watched {
  entries: readonly ConfigEntry[];
  /** All files that have a say in it, those included that are not there. */
  files: readonly string[];
  print: string;
}

export interface KnownConfigurations {
  /** By git directory: a condition of an include may name it. */
  watched: Remembered<Watched>;
  /** The file of the whole system, by PATH: it depends on how git was built. */
  systemFiles: Remembered<string | null>;
}

const placesMax = 1_000;
const commandLine = "command line:";
/** Times of files have steps; one that was just written could be written again within the same step. */
const settledMs = 50;
const nsPerMs = 1_000_000n;

export function noConfigurations(): KnownConfigurations {
  return { watched: remembered(placesMax, () => 1), systemFiles: remembered(placesMax, () => 1) };
}

export interface ConfiguredPlace {
  environment: Environment;
  git: RunGit;
  gitDir: string;
  commonDir: string;
}

/** What the place's configuration says of filters, merges, attributes, the core and extensions. */
export async function configurationAt(
  at: ConfiguredPlace,
  known: KnownConfigurations,
  now: () => number = Date.now,
): Promise<readonly ConfigEntry[]> {
  const found = known.watched.find(at.gitDir);
  if (found !== undefined && printOf(found.files).text === found.print) return found.entries;
  const startedAt = now();
  const system = await systemConfigFile(at.environment, at.git, known);
  const { entries, origins } = await ask(at.git);
  const files = system === null ? null : filesOf(at, system, entries, origins);
  if (files !== null) {
    const print = printOf(files);
    if (print.newestMs < startedAt - settledMs)
      known.watched.learn(at.gitDir, { entries: used(entries, origins), files, print: print.text });
  }
  return used(entries, origins);
}

/** What anybody here asks about: the rest, and what our own command line says, need not be kept for each worktree. */
function used(entries: readonly ConfigEntry[], origins: readonly string[]): ConfigEntry[] {
  return entries.filter(
    ({ key }, at) => /^(filter|merge|core|extensions|attr)\./.test(key) && origins[at] !== commandLine,
  );
}

export async function askConfiguration(git: RunGit): Promise<readonly ConfigEntry[]> {
  return (await ask(git)).entries;
}

async function ask(git: RunGit): Promise<{ entries: ConfigEntry[]; origins: string[] }> {
  return parse((await git(["config", "--null", "--show-origin", "--list"])).stdout);
}

/** The file of the whole system that git reads; null where it does not tell. */
export async function systemConfigFile(
  environment: Environment,
  git: RunGit,
  known: KnownConfigurations,
): Promise<string | null> {
  return known.systemFiles.answer(environment["PATH"] ?? "", () => systemFile(git));
}

/** Git says it in no other way: as what an editor is given. Null where it says nothing of the kind. */
async function systemFile(git: RunGit): Promise<string | null> {
  const said = await git(["config", "--system", "--edit"], {
    accept: [1, 128],
    variables: { GIT_EDITOR: "echo" },
  });
  const path = line(said);
  return said.code === 0 && isAbsolute(path) && !path.includes("\n") ? path : null;
}

/** `<origin> NUL <key> LF <value> NUL`, or without LF and value where a key alone stands for true. */
function parse(output: Buffer): { entries: ConfigEntry[]; origins: string[] } {
  const fields = splitNul(output).map(decodeName);
  const entries: ConfigEntry[] = [];
  const origins: string[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [key = "", ...value] = (fields[at + 1] ?? "").split("\n");
    entries.push({ key, value: value.join("\n") });
    origins.push(fields[at] ?? "");
  }
  return { entries, origins };
}

/** Null where what is configured depends on more than on the content of files that are known here. */
function filesOf(
  { environment, gitDir, commonDir }: ConfiguredPlace,
  system: string,
  entries: readonly ConfigEntry[],
  origins: readonly string[],
): string[] | null {
  const home = environment["HOME"];
  if (home === undefined || !isAbsolute(home)) return null;
  const files = new Set([
    system,
    join(home, ".gitconfig"),
    join(environment["XDG_CONFIG_HOME"] || join(home, ".config"), "git", "config"),
    join(commonDir, "config"),
    join(gitDir, "config.worktree"),
  ]);
  for (const [at, { key, value }] of entries.entries()) {
    const origin = origins[at] ?? "";
    if (origin === commandLine) continue;
    const file = origin.slice("file:".length);
    if (!origin.startsWith("file:") || !isAbsolute(file)) return null;
    files.add(file);
    if (!/^include(if\..*)?\.path$/s.test(key)) continue;
    if (key.startsWith("includeif.") && !/^includeif\.gitdir(\/i)?:/.test(key)) return null;
    const included = value.startsWith("~/") ? join(home, value.slice(2)) : value;
    if (/^(~|%\()/.test(included)) return null;
    files.add(isAbsolute(included) ? included : join(dirname(file), included));
  }
  return [...files];
}

function printOf(files: readonly string[]): { text: string; newestMs: number } {
  const parts: string[] = [];
  let newest = 0n;
  for (const file of files) {
    try {
      const found = statSync(file, { bigint: true, throwIfNoEntry: false });
      parts.push(found ? [found.dev, found.ino, found.size, found.mtimeNs, found.ctimeNs].join() : "none");
      if (found && found.ctimeNs > newest) newest = found.ctimeNs;
    } catch (error) {
      parts.push(systemCode(error));
    }
  }
  return { text: parts.join("\n"), newestMs: Number(newest / nsPerMs) };
}
