// What a command is registered with.
import type { Action, CommandWords, Roles } from "../grammar.ts";

export interface Registration {
  program: CommandWords;
  /** Registers what a command does. */
  does: (command: CommandWords, load: () => Promise<Action>) => CommandWords;
  roles: Roles;
}

/** By the first words of the commands, in the order of the help. */
export type Registrations = Readonly<Record<string, (to: Registration) => unknown>>;
