// Which types of loops a run has, and which of them are its levels: settled when it is created.
import type { LoadedConfig } from "../config/load.ts";
import { requireTypeTrust } from "../config/type-trust.ts";
import type { TrustedProject } from "../config/trust.ts";
import { loadTypes, type TypePlaces } from "../config/types.ts";
import { defaultLevels, isA, levelsProblem, type TypeDefinition } from "../domain/loop-types.ts";
import { parseLevels } from "../domain/run-options.ts";
import { LooprError } from "../lib/errors.ts";

export interface RunTypes {
  types: Record<string, TypeDefinition>;
  /** The root's type first. `auto`: a plan, which decides about what is below it. */
  levels: "auto" | string[];
  warnings: string[];
}

/** Throws `config_invalid`, `not_trusted`, `bad_levels`. */
export function settleTypes(
  { config, origins }: LoadedConfig,
  places: TypePlaces,
  project: TrustedProject,
): RunTypes {
  const { types, files, warnings } = loadTypes(config, places);
  if (places.projectRoot !== null) requireTypeTrust(project, files, places.projectRoot);
  const origin = origins.get("levels");
  const levels = levelsOf(config.levels, types, origin?.file ? `${origin.file}:${origin.line ?? 1}` : null);
  return { types: levels === "auto" ? types : reachable(types, levels), levels, warnings };
}

function levelsOf(
  text: string,
  types: Record<string, TypeDefinition>,
  place: string | null,
): "auto" | string[] {
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

/** The types that can come up where the levels are given: a plan that decides may take any that it allows. */
function reachable(types: Record<string, TypeDefinition>, levels: string[]): Record<string, TypeDefinition> {
  const last = levels.at(-1) ?? "";
  if (isA(types, last, "plan")) return types;
  return Object.fromEntries(levels.flatMap((name) => (types[name] ? [[name, types[name]]] : [])));
}
