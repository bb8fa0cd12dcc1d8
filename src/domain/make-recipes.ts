// The recipes of a Makefile that a check runs, as text of the shell.
import { isMakefile } from "./make-includes.ts";
import { statementsOf } from "./shell-words.ts";
import { joinPath } from "./tree-paths.ts";

interface Rule {
  names: string[];
  needs: string[];
  recipe: string[];
}

/** The targets that commands give to make; none where they leave it the first one. */
function makeTargets(commands: readonly string[]): { targets: string[]; first: boolean } {
  const targets: string[] = [];
  let first = false;
  for (const { words } of commands.flatMap(statementsOf)) {
    const at = words.findIndex((word) => /(^|\/)g?make$/.test(word));
    if (at < 0) continue;
    const named = words
      .slice(at + 1)
      .filter((word, index, all) => !/^-|=/.test(word) && !/^-[CfIoW]$/.test(all[index - 1] ?? ""));
    if (named.length === 0) first = true;
    targets.push(...named);
  }
  return { targets, first };
}

/**
 * What make runs for these targets and all that they need. A target whose rule has a pattern or a variable in the
 * place of its name is taken as needed: it may be.
 */
export function makeRecipes(path: string, content: string, commands: readonly string[]): string {
  if (!isMakefile(path)) return "";
  return takenRules(rulesOf(content), commands)
    .flatMap(({ recipe }) => recipe)
    .join("\n");
}

/**
 * What make runs for the very targets that these commands ask for, and, where such a target does nothing itself, for
 * those that it needs: with the Makefile's own variables, as text of the shell.
 */
export function ownRecipes(path: string, content: string, commands: readonly string[]): string {
  if (!isMakefile(path)) return "";
  const rules = rulesOf(content);
  const wanted = wantedNames(rules, commands);
  const recipes: string[] = [];
  for (const name of wanted) {
    const own = rules.filter(({ names }) => names.includes(name));
    const lines = own.flatMap(({ recipe }) => recipe).filter((line) => line !== "");
    recipes.push(...lines);
    if (lines.every((line) => /^(echo|printf|true|:)\b[^|;&$`]*$|^:$/.test(line)))
      for (const need of own.flatMap(({ needs }) => needs)) wanted.add(need);
  }
  return recipes.length === 0 ? "" : [...variablesOf(content), ...recipes].join("\n");
}

/** `X := a b` as what the shell would make of it, once for each word; values that are computed are not known. */
function variablesOf(content: string): string[] {
  const setting = /^(?:(?:export|override)\s+)*(\w+)\s*(?:[:+?]{0,3})=([^#\n]*)/gm;
  return [...content.replaceAll("\\\n", " ").matchAll(setting)].flatMap(([, name = "", value = ""]) =>
    value
      .split(/\s+/)
      .filter((word) => /^[\w./-]+$/.test(word))
      .map((word) => `${name}=${word}`),
  );
}

/**
 * Paths that are called like targets which the check runs: where such a file is there, make takes the target as
 * made, unless the Makefile says that it is none (`.PHONY`).
 */
export function makeTargetFiles(path: string, content: string, commands: readonly string[]): string[] {
  if (!isMakefile(path)) return [];
  const rules = rulesOf(content);
  const phony = new Set(rules.flatMap(({ names, needs }) => (names.includes(".PHONY") ? needs : [])));
  const directory = path.split("/").slice(0, -1).join("/");
  return takenRules(rules, commands)
    .flatMap(({ names }) => names)
    .filter((name) => !phony.has(name) && !/^\.|[%$]/.test(name))
    .map((name) => joinPath(directory, name));
}

/** The rules of the targets that these commands ask for, and of all that they need. */
function takenRules(rules: readonly Rule[], commands: readonly string[]): Rule[] {
  const wanted = wantedNames(rules, commands);
  const taken = new Set<Rule>();
  for (let size = -1; size !== taken.size;) {
    size = taken.size;
    for (const rule of rules) {
      if (!rule.names.some((name) => wanted.has(name) || /[%$]/.test(name))) continue;
      taken.add(rule);
      for (const need of rule.needs) wanted.add(need);
    }
  }
  return rules.filter((rule) => taken.has(rule));
}

function wantedNames(rules: readonly Rule[], commands: readonly string[]): Set<string> {
  const { targets, first } = makeTargets(commands);
  const own = rules.find(({ names }) => names.some((name) => !name.startsWith(".")));
  return new Set([...targets, ...(first ? (own?.names ?? []) : [])]);
}

function rulesOf(content: string): Rule[] {
  const rules: Rule[] = [];
  for (const line of content.replaceAll("\\\n", " ").split("\n")) {
    if (line.startsWith("\t")) {
      rules.at(-1)?.recipe.push(shellOf(line));
      continue;
    }
    const [, names = "", rest = ""] = /^([^\s#:=][^#:=]*?)\s*::?(?![:=])([^#]*)/.exec(line) ?? [];
    if (names === "") continue;
    const [needs = "", ...inline] = rest.split(";");
    const recipe = inline.length > 0 ? [shellOf(inline.join(";"))] : [];
    rules.push({
      names: names.split(/\s+/),
      needs: needs.split(/\s+/).filter((word) => word !== ""),
      recipe,
    });
  }
  return rules;
}

/** A line of a recipe as the shell gets it: `$$` is its `$`, and `$(X)` make's own variable. */
function shellOf(line: string): string {
  return line
    .replace(/^\s*[@+-]*\s*/, "")
    .replace(/\$\((\w+)\)/g, "${$1}")
    .replaceAll("$$", "$");
}
