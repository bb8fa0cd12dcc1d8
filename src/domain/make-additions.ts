// Whether a changed Makefile only has more rules than before, none of which the check could run: an honest task adds
// `clean:`, and the check is `make test`. Whatever is not understood here counts as a change of the check's recipes.

export interface MakefileChange {
  before: string;
  after: string;
  /** The other Makefiles that the check reads, as they are at the base. */
  makefiles: readonly string[];
  /** The check's commands, and the other files of its own. */
  texts: readonly string[];
  /** Tracked paths, before and after. */
  files: readonly string[];
}

/** A rule with its recipe, or any other line of make's; comments and empty lines are in none. */
interface Item {
  /** The line, joined with those that continue it. */
  line: string;
  /** Lines that begin with a tab, as they are. */
  recipe: string[];
  /** Null: no rule, or one that is not plain. */
  rule: { names: string[]; needs: string[] } | null;
  /** In how many conditionals it stands. */
  depth: number;
}

/** Only such names are new targets: one with a dot or a slash may be what an implicit rule would make. */
const plainName = /^[A-Za-z][A-Za-z0-9_-]*$/;
/** make makes its own files anew before anything else. */
const makesItself = /^(gnu)?makefile$/i;
/** By these a line is not what it looks like, or there are rules that cannot be read here. */
const notRead =
  /\$[({]\s*(eval|guile)\b|^\s*(override\s+)?(define|endef|undefine)\b|^\s*-?load\s|\.SECONDEXPANSION|\.RECIPEPREFIX|^\s*(-?include|sinclude)\s.*[$*?[%]|\\\\$/m;
const conditional = /^(ifn?eq|ifn?def|else|endif)\b/;
const controls = /[^\P{Cc}\t\n]/u;

/** True only where every change is a complete new rule that nothing of the check can need, or `.PHONY` naming one. */
export function onlyAddsRules({ before, after, makefiles, texts, files }: MakefileChange): boolean {
  const read = [before, ...makefiles];
  if ([...read, after].some((text) => notRead.test(text) || controls.test(text))) return false;
  const old = itemsOf(before);
  const now = itemsOf(after);
  if (old === null || now === null) return false;
  const isKnown = knownNames(read, texts, files);
  const added = new Set(now.flatMap(({ rule }) => rule?.names ?? []).filter((name) => !isKnown(name)));
  const extra = extraItems(withoutNew(old, new Set()), withoutNew(now, added));
  const needed = new Set([...files, ...added, ...old.flatMap(({ rule }) => rule?.names ?? [])]);
  return (
    extra?.every(
      ({ rule, depth }) =>
        depth === 0 &&
        rule !== null &&
        rule.names.every((name) => added.has(name)) &&
        rule.needs.every((name) => needed.has(name)),
    ) ?? false
  );
}

/** Null where a line that begins with a tab belongs to something else than a rule. */
function itemsOf(text: string): Item[] | null {
  const items: Item[] = [];
  let depth = 0;
  for (const line of text.replace(/\n$/, "").split(/(?<!\\)\n/)) {
    if (line.endsWith("\\")) return null;
    const last = items.at(-1);
    if (line.startsWith("\t")) {
      if (last === undefined || !takesRecipe(last.line)) return null;
      last.recipe.push(line);
      continue;
    }
    const plain = line.replaceAll("\\\n", " ").trim();
    if (plain === "" || plain.startsWith("#")) continue;
    if (/^endif\b/.test(plain)) depth -= 1;
    items.push({ line: plain, recipe: [], rule: ruleOf(plain), depth });
    if (/^ifn?(eq|def)\b/.test(plain)) depth += 1;
  }
  return items;
}

function takesRecipe(line: string): boolean {
  const isRule = /^[^=#]*?:(?!:*=)/.test(line) && !conditional.test(line);
  return isRule && !/:\s*((export|override|private)\s+)*[\w.-]+\s*[:+?!]*=/.test(line);
}

/** `name other: need need | need`, all of it as it stands, with a comment at most. */
function ruleOf(line: string): Item["rule"] {
  const [, names = "", needs = ""] = /^([\w.][^:=#$%;&|\\]*):([^:=#$%;&\\]*)(#[^\\]*)?$/.exec(line) ?? [];
  const words = (text: string) => text.split(/[\s|]+/).filter((word) => word !== "");
  return names === "" ? null : { names: words(names), needs: words(needs) };
}

/** With the new names taken off `.PHONY`. */
function withoutNew(items: readonly Item[], added: ReadonlySet<string>): Item[] {
  return items.flatMap((item) => {
    const { rule } = item;
    if (rule === null || rule.names.join(" ") !== ".PHONY" || item.recipe.length > 0) return [item];
    const needs = rule.needs.filter((name) => !added.has(name));
    const line = `.PHONY: ${needs.join(" ")}`;
    return needs.length === 0 ? [] : [{ ...item, line, rule: { ...rule, needs } }];
  });
}

/** What is there beside the old items, all of them in their order. Null where one is missing, or the first goal is new. */
function extraItems(old: readonly Item[], now: readonly Item[]): Item[] | null {
  const extra: Item[] = [];
  let at = 0;
  let hasGoal = false;
  for (const item of now) {
    const wanted = old[at];
    if (wanted !== undefined && textOf(wanted) === textOf(item)) {
      at += 1;
      hasGoal ||= item.depth === 0 && item.rule !== null && plainName.test(item.rule.names[0] ?? "");
    } else if (hasGoal) extra.push(item);
    else return null;
  }
  return at === old.length ? extra : null;
}

function textOf({ line, recipe }: Item): string {
  return [line, ...recipe].join("\n");
}

/** A line whose names are told when make runs, other than the setting of a variable. */
const computed = /^(?!\t|\s*#|\s*((export|override|private)\s+)*[\w.-]+\s*(:*|\+|\?)=).*\$/m;
const fromElsewhere = /^(?!\t).*(\$[({]\s*(shell|file)\b|!=)/m;
const computedGoal = /(\$[({]MAKE[)}]|\bg?make\b)[^\n;&|]*[$`]|\bxargs\b.*\bg?make\b/;
/** The goals may be taken from the rules themselves. */
const readsRules = /makefile|\bmake\b.*\s-\w*[npq]/i;

/** Whether a name is, or could be, one that is known already: something may need a target of that name. */
function knownNames(
  makefiles: readonly string[],
  texts: readonly string[],
  files: readonly string[],
): (name: string) => boolean {
  const read = makefiles.map((text) => text.replaceAll("\\\n", " ").replace(/^[ ]*#.*$/gm, ""));
  const all = [...read, ...texts];
  const words = new Set(all.flatMap((text) => text.split(/[^\w-]+/)));
  for (const part of files.flatMap((path) => path.split("/"))) words.add(part);
  const lines = read.flatMap((text) => text.split("\n")).filter((line) => !line.startsWith("\t"));
  const patterns = lines.flatMap((line) => line.match(/[^\s:=,()|;&]*%[^\s:=,()|;&]*/g) ?? []).map(patternOf);
  const goals = all.filter((text) => computedGoal.test(text));
  const told = lines.filter((line) => !conditional.test(line.trim()) && computed.test(line));
  const ofPieces = goals.length + told.length > 0;
  const isHidden =
    goals.some((text) => readsRules.test(text)) ||
    (goals.length > 0 ? lines : valuesOf(told, lines)).some((line) => fromElsewhere.test(line));
  const pieces = new Set(ofPieces ? [...words].flatMap((word) => word.split(/[^A-Za-z0-9]+/)) : []);
  return (name) =>
    isHidden ||
    !plainName.test(name) ||
    makesItself.test(name) ||
    words.has(name) ||
    patterns.some((pattern) => pattern.test(name)) ||
    isMadeOf(name.replace(/[-_]/g, ""), pieces);
}

const setting = /^\s*(?:(?:export|override|private)\s+)*([\w.-]+)\s*(?:[:+?!]*)=(.*)$/;

/** Lines of a Makefile, and those that set the variables which they name, or whose values do. */
function valuesOf(told: readonly string[], lines: readonly string[]): readonly string[] {
  // The name of a variable may be told by another one.
  if (lines.some((line) => /\$[({][^(){}\s]*\$/.test(line))) return [...told, ...lines];
  const found = new Set(told);
  for (const line of found)
    for (const other of lines) {
      const name = setting.exec(other)?.[1];
      if (name !== undefined && line.split(/[^\w.-]+/).includes(name)) found.add(other);
    }
  return [...found];
}

function patternOf(word: string): RegExp {
  const parts = word.split("%").map((part) => part.replace(/[^\w]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}

function isMadeOf(name: string, pieces: ReadonlySet<string>): boolean {
  const ends = [true];
  for (let to = 1; to <= name.length; to++)
    ends[to] = ends.some((isEnd, from) => isEnd && from < to && pieces.has(name.slice(from, to)));
  return ends[name.length] ?? false;
}
