// What a plan asks of its specs' types that its own type does not allow.
import type { PlanArtifact } from "../domain/artifacts.ts";
import type { Loop } from "../domain/loop.ts";
import { typeNameOf } from "../domain/loop-states.ts";
import { choosableTypes, chosenLevels, typesOf } from "../domain/loop-types.ts";
import type { Parts } from "./parts.ts";

/** The problems as sentences, for the model or the person; empty where there are none. */
export function typeProblems(plan: PlanArtifact, parts: Pick<Parts, "ledger">, loop: Loop): string[] {
  const types = typesOf(parts.ledger.run(loop.root_id));
  const name = typeNameOf(loop);
  const known = choosableTypes(types, name).map((type) => type.name);
  return plan.specs.flatMap((spec) => {
    if (loop.context.levels.length > 0) {
      if (spec.type === undefined) return [];
      return [
        `Spec "${spec.name}" names a type, but the person has chosen the levels of all: leave type out.`,
      ];
    }
    if (chosenLevels(types, name, spec) !== null) return [];
    if (spec.type === undefined) {
      return [
        `Spec "${spec.name}": there is no level "${spec.level}" below a ${name}; choose the other one.`,
      ];
    }
    const choice = known.length > 0 ? `one of ${known.join(", ")}, or leave type out` : "leave type out";
    return [`Spec "${spec.name}": "${spec.type}" is no type that a ${name} may choose; ${choice}.`];
  });
}
