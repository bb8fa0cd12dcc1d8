// The commands: their words, their options, and how the code behind each is loaded when it is chosen.
import { planCommands } from "./words/gate.ts";
import type { Registrations } from "./words/registration.ts";
import { runCommands } from "./words/runs.ts";
import { setupCommands } from "./words/setup.ts";
import { actingCommands } from "./words/signals.ts";
import { viewCommands } from "./words/views.ts";

/** By their first words, in the order of the help. */
export const commands: Registrations = {
  ...setupCommands,
  ...runCommands,
  ...viewCommands,
  ...planCommands,
  ...actingCommands,
};
