// Which types of loops a run has, and which of them are its levels: settled when it is created.
import { settleLevels } from "../config/levels.ts";
import type { LoadedConfig } from "../config/load.ts";
import { requireTypeTrust } from "../config/type-trust.ts";
import type { TrustedProject } from "../config/trust.ts";
import { loadTypes, type TypePlaces } from "../config/types.ts";
import { isA, type TypeDefinition } from "../domain/loop-types.ts";

export interface RunTypes {
  types: Record<string, TypeDefinition>;
  /** The root's type first. `auto`: a plan, which decides about what is below it. */
  levels: "auto" | string[];
  warnings: string[];
}

/** Throws `config_invalid`, `not_trusted`, `bad_levels`. */
export function settleTypes(loaded: LoadedConfig, places: TypePlaces, project: TrustedProject): RunTypes {
  const { types, files, warnings } = loadTypes(loaded.config, places);
  if (places.projectRoot !== null) requireTypeTrust(project, files, places.projectRoot);
  const levels = settleLevels(loaded, types);
  return { types: levels === "auto" ? types : reachable(types, levels), levels, warnings };
}

/** The types that can come up where the levels are given: a plan that decides may take any that it allows. */
function reachable(types: Record<string, TypeDefinition>, levels: string[]): Record<string, TypeDefinition> {
  const last = levels.at(-1) ?? "";
  if (isA(types, last, "plan")) return types;
  return Object.fromEntries(levels.flatMap((name) => (types[name] ? [[name, types[name]]] : [])));
}
