// The command line. A command's code is imported only when it is chosen, and where the first word says which
// one that is, only that command is made known to the parser: all of them would cost it a fifth of its time.
import { Command, CommanderError } from "commander";
import { resolve } from "node:path";
import { version, build } from "../lib/version.ts";
import { LooprError } from "../lib/errors.ts";
import { writeOut } from "../lib/stdio.ts";
import { commands, helpHint } from "./commands.ts";
import { createContext, exitCodes, reportError, type CliContext } from "./context.ts";

export type Action = (
  context: CliContext,
  args: string[],
  options: Record<string, unknown>,
) => Promise<number>;

/** Help goes to stdout; what commander would say of errors is said by reportError. */
const outputFor = (json: boolean) => ({
  writeOut: (text: string) => writeOut(1, json ? `${JSON.stringify({ help: text.trimEnd() })}\n` : text),
  writeErr: () => {},
});

/** What the command line can turn into, handed in so that it need not know the daemon. */
export interface Roles {
  /** Runs the daemon in this process until it is stopped; its failures have been reported. */
  runDaemon(): Promise<number>;
}

/** Runs the command line and returns the exit code. */
export async function main(argv: string[], roles: Roles): Promise<number> {
  let exitCode: number = exitCodes.done;
  const json = argv.includes("--json");
  const program = createProgram((code) => (exitCode = code), roles, json, commandOf(argv));
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

/**
 * `json` decides the form of what is written before a command is chosen: help and version. `only`: the one
 * command that is wanted; null for all.
 */
export function createProgram(
  onExit: (code: number) => void,
  roles: Roles,
  json = false,
  only: string | null = null,
): Command {
  const output = outputFor(json);
  const program = new Command("loopr");
  program
    .description("Autonomous coding loops: describe a change, approve a plan, wake up to verified commits.")
    .option("--version", "show the version")
    .option("-c, --config <path>", "an explicit configuration file")
    .option("-v, --verbose", "more detail on stderr")
    .option("--json", "machine-readable output on stdout")
    .exitOverride()
    .configureOutput(output)
    .enablePositionalOptions(false)
    .showSuggestionAfterError();

  /** Registers what a command does: its code is loaded when it runs. */
  const does = (command: Command, load: () => Promise<Action>): Command => {
    if (command !== program) {
      command
        .allowExcessArguments(false)
        .option("--json", "machine-readable output on stdout")
        .option("-v, --verbose", "more detail on stderr");
    }
    return command
      .exitOverride()
      .configureOutput(output)
      .action(async () => {
        const all: Record<string, unknown> = command.optsWithGlobals();
        const explicit = typeof all["config"] === "string" ? all["config"] : process.env["LOOPR_CONFIG"];
        const context = createContext({
          json: all["json"] === true,
          verbose: all["verbose"] === true,
          config: explicit ? resolve(explicit) : null,
        });
        try {
          refuseBlank(command);
          const action = await load();
          onExit(await action(context, command.args, command.opts()));
        } catch (error) {
          onExit(reportError(context, error));
        }
      });
  };

  program.on("option:version", () => {
    writeOut(1, json ? `${JSON.stringify({ version, build })}\n` : `loopr ${version} (${build})\n`);
    throw new CommanderError(exitCodes.done, "commander.version", version);
  });

  // A word that is no command comes here too: the interface says so instead of opening.
  does(program.allowExcessArguments(), async () => (await import("./tui.ts")).tui);

  for (const [name, register] of Object.entries(commands)) {
    if (only === null || only === name) register({ program, does, output, roles });
  }
  return program;
}

/** Null where the first word does not say it, and where help speaks of all commands. Empty: none at all. */
function commandOf([word]: string[]): string | null {
  if (word === undefined) return "";
  return word !== "help" && Object.hasOwn(commands, word) ? word : null;
}

/** An id that is empty is a variable that was not set. A task's words are looked at by the command. */
function refuseBlank(command: Command): void {
  command.registeredArguments.forEach((argument, index) => {
    if (argument.variadic || command.args[index]?.trim() !== "") return;
    throw new LooprError("usage", `the ${argument.name()} is empty`, `loopr help ${command.name()}`);
  });
}
