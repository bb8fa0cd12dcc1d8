// The parser of command lines: help, version, everything that is written in an unusual way, and what is wrong.
import { Command, CommanderError, Option } from "commander";
import { LooprError } from "../lib/errors.ts";
import { writeOut } from "../lib/stdio.ts";
import { build, version } from "../lib/version.ts";
import { createContext, exitCodes, reportError, type CliContext } from "./context.ts";
import { everywhere, isLeaf, type Action, type CommandWords, type Leaf } from "./grammar.ts";
import { knownWords, perform } from "./program.ts";
import { usage } from "./usage.ts";

const helpHint = "loopr --help lists the commands and their options";

/** Runs the command line and returns the exit code. */
export async function parse(argv: string[], words: Leaf): Promise<number> {
  const json = argv.includes("--json");
  let exitCode: number = exitCodes.done;
  const program = createProgram(words, json, async (command, args, options) => {
    exitCode = await perform(command, args, options);
  });
  const report = (error: LooprError) =>
    reportError(createContext({ json, verbose: false, config: null }), error);
  try {
    await program.parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof LooprError) return report(error);
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return exitCodes.done; // --help, --version
    const message = error.message.replace(/^error: /, "");
    return report(new LooprError("usage", message, helpHint));
  }
}

type Chosen = (command: Leaf, args: string[], options: Record<string, unknown>) => Promise<void>;

/** `json` decides the form of what is written before a command is chosen: help and version. */
export function createProgram(words: Leaf, json: boolean, onChosen: Chosen): Command {
  const program = commandOf(words, json, onChosen);
  program.enablePositionalOptions(false).showSuggestionAfterError().allowExcessArguments();
  program.on("option:version", () => {
    writeOut(1, json ? `${JSON.stringify({ version, build })}\n` : `loopr ${version} (${build})\n`);
    throw new CommanderError(exitCodes.done, "commander.version", version);
  });
  return program;
}

function commandOf(words: CommandWords, json: boolean, onChosen: Chosen): Command {
  const command = new Command(words.name)
    .description(words.text)
    .allowExcessArguments(false)
    .configureOutput({
      // What commander would say of errors is said by reportError.
      writeOut: (text) => writeOut(1, json ? `${JSON.stringify({ help: text.trimEnd() })}\n` : text),
      writeErr: () => {},
    });
  for (const argument of words.args) command.argument(argument);
  for (const option of words.options) command.addOption(optionOf(option));
  refuseBoth(command, words);
  for (const inner of words.commands) {
    command.addCommand(commandOf(inner, json, onChosen));
  }
  if (!isLeaf(words)) return command.exitOverride(needsCommand(words));
  for (const { flags, text } of everywhere) {
    if (!words.options.some((own) => own.flags === flags)) command.option(flags, text);
  }
  return command.exitOverride().action(() => onChosen(words, command.args, command.optsWithGlobals()));
}

/** `--check <command>` and `--no-check` contradict each other: the parser would take the last one without a word. */
function refuseBoth(command: Command, words: CommandWords): void {
  for (const { flags } of words.options) {
    const name = /^--no-([\w-]+)$/.exec(flags)?.[1];
    if (name === undefined || !words.options.some((other) => other.flags.startsWith(`--${name} `))) continue;
    const given = new Set<string>();
    for (const one of [name, `no-${name}`]) {
      command.on(`option:${one}`, () => {
        given.add(one);
        if (given.size === 2)
          throw usage(
            `--${name} and --no-${name} are both given`,
            `give one of them; loopr help ${words.name} says what they do`,
          );
      });
    }
  }
}

function optionOf({ flags, text, required, collect }: CommandWords["options"][number]): Option {
  const option = new Option(flags, text).makeOptionMandatory(required);
  return collect === null ? option : option.argParser(collect);
}

/** A group of commands alone: what commander would answer with its help is an error that names the commands. */
function needsCommand(group: CommandWords): (error: CommanderError) => never {
  return (error) => {
    if (error.code !== "commander.help" || error.exitCode === 0) throw error;
    const names = group.commands.map(({ name }) => name);
    throw new LooprError(
      "usage",
      `'loopr ${group.name}' needs a command: ${names.join(", ")}`,
      `loopr ${group.name} --help says what each does`,
    );
  };
}

/** `loopr help daemon start`: of the command that the words name; `loopr help configuration`: of a topic. */
export const help: Action = async (context, words) => {
  const nothing = { runDaemon: () => Promise.resolve() };
  const program = createProgram(knownWords(nothing), context.json, () => Promise.resolve());
  let at: Command = program;
  for (const word of words) {
    const found = at.commands.find((command) => command.name() === word);
    if (!found) return topic(context, words);
    at = found;
  }
  at.outputHelp();
  if (at === program && !context.json)
    context.say(`\nTopics of loopr help: ${(await topicNames()).join(", ")}`);
  return exitCodes.done;
};

async function topicNames(): Promise<string[]> {
  return Object.keys((await import("./help-topics.ts")).helpTopics);
}

async function topic(context: CliContext, words: readonly string[]): Promise<number> {
  const { helpTopics } = await import("./help-topics.ts");
  const name = words.join(" ");
  const text = Object.hasOwn(helpTopics, name) ? helpTopics[name] : undefined;
  if (text === undefined) {
    throw new LooprError(
      "usage",
      `there is no command '${name}', and no topic`,
      `${helpHint}; topics: ${Object.keys(helpTopics).join(", ")}`,
    );
  }
  if (context.json) context.print({ help: text.trimEnd() });
  else context.say(text.trimEnd());
  return exitCodes.done;
}
