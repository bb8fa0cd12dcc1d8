// What the key `levels` says, against the types of loops that there are: its file alone cannot tell.
import { defaultLevels, levelsProblem, type TypeDefinition } from "../domain/loop-types.ts";
import { parseLevels } from "../domain/run-options.ts";
import { LooprError } from "../lib/errors.ts";
import type { LoadedConfig } from "./load.ts";

/**
 * The levels that the configuration asks for, of the types that there are: the root's first. `auto`: a plan, which
 * decides about what is below it. Throws `config_invalid` naming file and line, or `bad_levels` where they were
 * given as an option.
 */
export function settleLevels(
  { config, origins }: Pick<LoadedConfig, "config" | "origins">,
  types: Record<string, TypeDefinition>,
): "auto" | string[] {
  const text = config.levels;
  const origin = origins.get("levels");
  const place = origin?.file ? `${origin.file}:${origin.line ?? 1}` : null;
  const refused = (problem: string) =>
    new LooprError(
      place === null ? "bad_levels" : "config_invalid",
      place === null
        ? `the list of levels "${text.replace(/,auto$/, "")}" ${problem}`
        : `${place}: levels "${text}" ${problem}`,
      "auto, or some of plan,spec,phase,code and of the types in .loopr/loops, ending in one of code",
    );
  const parsed = parseLevels(text);
  if (parsed === null) throw refused("is no list of names");
  if (parsed === "auto") return "auto";
  const isOpen = parsed.at(-1) === "auto";
  const named = isOpen ? parsed.slice(0, -1) : parsed;
  const last = named.at(-1) ?? "";
  // What is below a plan that is last it decides itself; below any other type comes what its data says.
  const isDecided = isOpen && types[last]?.loop_type !== "plan";
  const levels = isDecided ? [...named, ...defaultLevels(types, last).slice(1)] : named;
  const problem = levelsProblem(types, isOpen && !isDecided ? [...levels, ...choiceOf(types, last)] : levels);
  if (problem !== null) throw refused(problem);
  return levels;
}

/** A plan's own default, to see that its levels come to an end. */
function choiceOf(types: Record<string, TypeDefinition>, plan: string): string[] {
  return defaultLevels(types, plan).slice(1);
}
