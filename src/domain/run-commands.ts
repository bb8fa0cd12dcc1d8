// Which commands decide about a state of a run's work: the project's check, and what the types of loops ask beside it.
import { typeOf } from "./loop-types.ts";
import type { Loop } from "./loop.ts";
import type { Run } from "./run.ts";

/** Those of them that types ask beside the project's check. */
export function typeCommandsOf(...of: Parameters<typeof commandsOf>): string[] {
  return commandsOf(...of).slice(1);
}

/** Loops whose work is on the run's branch. */
export function contributorsOf(loops: readonly Loop[]): Loop[] {
  return loops.filter(({ context }) => context.integrated_commit !== null);
}

/**
 * Every command that has to succeed on work that these loops have contributed to, each once, the project's check
 * first. None where validation is waived.
 */
export function commandsOf(
  run: Pick<Run, "config" | "types">,
  contributors: readonly Pick<Loop, "loop_type" | "type_name">[],
): string[] {
  const check = run.config.validation.command;
  if (check === null) return [];
  const ofTypes = contributors
    .filter(({ loop_type }) => loop_type === "code")
    .map((loop) => typeOf(run, loop).validation_command)
    .filter((command) => command !== null);
  return [...new Set([check, ...ofTypes])];
}
