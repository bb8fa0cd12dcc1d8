// A command line read without the parser, which costs a short command a third of its time. Only what is plain:
// known words, each option on its own, each value a word that is no option. Everything else is the parser's,
// errors above all. A test holds the two to the same reading.
import { everywhere, isLeaf, type CommandWords, type Leaf, type OptionWords } from "./grammar.ts";

export interface Reading {
  command: Leaf;
  args: string[];
  options: Record<string, unknown>;
}

/** Null where it takes the parser. `program` has to know the command that the first word names. */
export function read(argv: readonly string[], program: Leaf): Reading | null {
  if (argv.length === 0) return { command: program, args: [], options: {} };
  const found = commandOf(argv, program);
  if (found === null) return null;
  const { command, rest } = found;
  const known = knownOptions(command, program);
  const options: Record<string, unknown> = {};
  for (const { key, negates } of known.values()) if (negates && !takesValue(known, key)) options[key] = true;
  const args: string[] = [];
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at] ?? "";
    if (!word.startsWith("-")) {
      args.push(word);
      continue;
    }
    const option = known.get(word);
    if (option === undefined) return null;
    const value = option.value ? rest[++at] : !option.negates;
    if (value === undefined || (typeof value === "string" && value.startsWith("-"))) return null;
    const before = options[option.key];
    if (before !== undefined && takesValue(known, option.key) && (before === false) !== (value === false))
      return null;
    options[option.key] = value;
  }
  const isWhole = command.options.every(({ flags, required }) => !required || keyOf(flags) in options);
  return isWhole && takes(command, args.length) ? { command, args, options } : null;
}

function commandOf(
  [first, ...rest]: readonly string[],
  group: CommandWords,
): { command: Leaf; rest: string[] } | null {
  const command = group.commands.find(({ name }) => name === first);
  if (command === undefined) return null;
  return isLeaf(command) ? { command, rest } : commandOf(rest, command);
}

function takes(command: CommandWords, count: number): boolean {
  const least = command.args.filter((arg) => arg.startsWith("<")).length;
  const isVariadic = command.args.some((arg) => arg.includes("..."));
  return count >= least && (isVariadic || count <= command.args.length);
}

interface KnownOption {
  key: string;
  value: boolean;
  /** `--no-merge` */
  negates: boolean;
}

/** By each of their flags. Those that take more than a look at the word are left out, for the parser. */
function knownOptions(command: CommandWords, program: CommandWords): Map<string, KnownOption> {
  const ofProgram = program.options.filter(({ flags }) => flags.includes("--config"));
  const all: Pick<OptionWords, "flags" | "collect">[] = [
    ...command.options,
    ...ofProgram,
    ...everywhere.map(({ flags }) => ({ flags, collect: null })),
  ];
  const known = new Map<string, KnownOption>();
  for (const { flags, collect } of all) {
    if (collect !== null || flags.includes("[")) continue;
    const option = {
      key: keyOf(flags),
      value: flags.includes("<"),
      negates: flags.includes("--no-"),
    };
    for (const word of flags.split(/[ ,]+/)) if (word.startsWith("-")) known.set(word, option);
  }
  return known;
}

/** An option that can be both, such as `--check <command>` and `--no-check`, is neither before it is given. */
function takesValue(known: ReadonlyMap<string, KnownOption>, key: string): boolean {
  return [...known.values()].some((option) => option.key === key && !option.negates);
}

/** `--max-iterations <n>` → `maxIterations`; of a negation, what it negates. */
function keyOf(flags: string): string {
  const [, name = ""] = /--(?:no-)?([\w-]+)/.exec(flags) ?? [];
  return name.replace(/-(\w)/g, (_all, letter: string) => letter.toUpperCase());
}
