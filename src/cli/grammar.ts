// What the command line is made of, as data: a plain command line is read by it directly (read.ts), and the
// parser of all others, of help and of errors is made from it (parser.ts).
import type { CliContext } from "./context.ts";

export type Action = (
  context: CliContext,
  args: string[],
  options: Record<string, unknown>,
) => Promise<number>;

/** What the command line can turn into, handed in so that it need not know the daemon. */
export interface Roles {
  /** Runs the daemon in this process until it is stopped. Throws what it failed by. */
  runDaemon(onReady: (ready: { pid: number }) => void): Promise<void>;
}

export interface OptionWords {
  /** `-s, --status <status>`, `--no-merge`. */
  flags: string;
  text: string;
  required: boolean;
  /** For an option that may be given again: what becomes of its values. */
  collect: ((value: string, before: string[] | undefined) => string[]) | null;
}

/** The name and arguments of a command as `status <id>` or `plan [task...]`, and its options. */
export class CommandWords {
  readonly name: string;
  readonly args: readonly string[];
  readonly options: OptionWords[] = [];
  /** Those of a group: `daemon start`. */
  readonly commands: CommandWords[] = [];
  text = "";
  /** Its code, which is loaded when it is chosen. Null for a group. */
  load: (() => Promise<Action>) | null = null;

  constructor(nameAndArgs: string) {
    const [name = "", ...args] = nameAndArgs.split(" ").filter((word) => word !== "");
    this.name = name;
    this.args = args;
  }

  command(nameAndArgs: string): CommandWords {
    const command = new CommandWords(nameAndArgs);
    this.commands.push(command);
    return command;
  }

  description(text: string): this {
    this.text = text;
    return this;
  }

  option(flags: string, text: string, collect: OptionWords["collect"] = null): this {
    this.options.push({ flags, text, required: false, collect });
    return this;
  }

  requiredOption(flags: string, text: string): this {
    this.options.push({ flags, text, required: true, collect: null });
    return this;
  }
}

/** A command that does something. */
export type Leaf = CommandWords & { load: () => Promise<Action> };

export function isLeaf(words: CommandWords): words is Leaf {
  return words.load !== null;
}

/** What `loopr` itself takes. */
export function programWords(): Leaf {
  const program = new CommandWords("loopr")
    .description("Autonomous coding loops: describe a change, approve a plan, wake up to verified commits.")
    .option("--version", "show the version")
    .option("-c, --config <path>", "an explicit configuration file");
  for (const { flags, text } of everywhere) program.option(flags, text);
  // A word that is no command comes here too: the interface says so instead of opening.
  return Object.assign(program, { load: async () => (await import("./tui.ts")).tui });
}

/** Options of every command, and of the program. */
export const everywhere = [
  { flags: "-v, --verbose", text: "more detail on stderr" },
  { flags: "--json", text: "machine-readable output on stdout" },
] as const;
