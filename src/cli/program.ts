// The command line. A command's code is imported only when it is chosen, and the parser only where it takes one.
import { resolve } from "node:path";
import { LooprError } from "../lib/errors.ts";
import { commands } from "./commands.ts";
import { createContext, reportError } from "./context.ts";
import { programWords, type CommandWords, type Leaf, type Roles } from "./grammar.ts";
import { read } from "./read.ts";

/** Runs the command line and returns the exit code. */
export async function main(argv: string[], roles: Roles): Promise<number> {
  const reading = read(argv, knownWords(roles, argv[0]));
  if (reading !== null) return perform(reading.command, reading.args, reading.options);
  const { parse } = await import("./parser.ts");
  return parse(argv, knownWords(roles));
}

/** The program with all of its commands, or with the one that is wanted. */
export function knownWords(roles: Roles, only?: string): Leaf {
  const program = programWords();
  const does = (command: CommandWords, load: Leaf["load"]): Leaf => Object.assign(command, { load });
  for (const [name, register] of Object.entries(commands)) {
    if (only === undefined || only === name) register({ program, does, roles });
  }
  return program;
}

/** What a command line asks for, its global options among the others. Returns the exit code. */
export async function perform(
  command: Leaf,
  args: string[],
  options: Record<string, unknown>,
): Promise<number> {
  const explicit = typeof options["config"] === "string" ? options["config"] : process.env["LOOPR_CONFIG"];
  const context = createContext({
    json: options["json"] === true,
    verbose: options["verbose"] === true,
    config: explicit ? resolve(explicit) : null,
  });
  try {
    refuseBlank(command, args);
    const action = await command.load();
    return await action(context, args, options);
  } catch (error) {
    return reportError(context, error);
  }
}

/** An id that is empty is a variable that was not set. A task's words are looked at by the command. */
function refuseBlank(command: CommandWords, args: readonly string[]): void {
  for (const [index, argument] of command.args.entries()) {
    if (argument.includes("...") || args[index]?.trim() !== "") continue;
    throw new LooprError(
      "usage",
      `the ${argument.replace(/[^\w-]/g, "")} is empty`,
      `loopr help ${command.name}`,
    );
  }
}
