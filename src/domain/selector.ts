// Selectors: which loops a signal is for. One term, or several joined by commas that all have to hold:
// `descendants:<id>`, `children:<id>`, `type:<t>`, `status:<s>`, or an id alone. Pure.
import type { Loop, LoopStatus } from "./loop.ts";
import { loopStatuses, loopTypes } from "./loop-states.ts";
import { isTypeName } from "./run-options.ts";

export type Term =
  | { by: "id" | "descendants" | "children"; id: string }
  /** A built-in type means its variants, too; which others there are is known where the loops are. */
  | { by: "type"; type: string }
  | { by: "status"; status: LoopStatus };

export type Parsed =
  { kind: "selector"; terms: Term[] } | { kind: "malformed"; message: string; hint: string };

const forms = "an id, descendants:<id>, children:<id>, type:<type> or status:<status>, joined by commas";

export function parseSelector(text: string): Parsed {
  const terms: Term[] = [];
  for (const part of text.split(",").map((one) => one.trim())) {
    const term = parseTerm(part);
    if ("message" in term) return { kind: "malformed", ...term };
    terms.push(term);
  }
  return { kind: "selector", terms };
}

function parseTerm(part: string): Term | { message: string; hint: string } {
  const colon = part.indexOf(":");
  const [key, value] = colon < 0 ? ["id", part] : [part.slice(0, colon), part.slice(colon + 1)];
  if (value === "") return { message: `the selector "${part}" names nothing`, hint: `give ${forms}` };
  switch (key) {
    case "id":
    case "descendants":
    case "children":
      return { by: key, id: value };
    case "type": {
      return isTypeName(value) ? { by: "type", type: value } : noSuchType(value, loopTypes);
    }
    case "status": {
      const status = loopStatuses.find((known) => known === value.replaceAll("-", "_"));
      if (status) return { by: "status", status };
      return { message: `there is no status "${value}"`, hint: `they are ${loopStatuses.join(", ")}` };
    }
    default:
      return { message: `"${key}:" is no selector`, hint: `give ${forms}` };
  }
}

/** What is wrong with a selector that names a type which is none of these. */
export function noSuchType(type: string, known: Iterable<string>): { message: string; hint: string } {
  return { message: `there is no loop type "${type}"`, hint: `the types are ${[...known].join(", ")}` };
}

/** The text of a selector that was parsed; its ids may have been completed meanwhile. */
export function renderSelector(terms: readonly Term[]): string {
  return terms
    .map((term) => {
      if (term.by === "type") return `type:${term.type}`;
      if (term.by === "status") return `status:${term.status}`;
      return term.by === "id" ? term.id : `${term.by}:${term.id}`;
    })
    .join(",");
}

/** The loops for which every term holds. */
export function selectLoops(terms: readonly Term[], loops: readonly Loop[]): Loop[] {
  return loops.filter((loop) => terms.every((term) => holds(term, loop)));
}

function holds(term: Term, loop: Loop): boolean {
  switch (term.by) {
    case "id":
      return loop.id === term.id;
    case "children":
      return loop.parent_id === term.id;
    case "descendants":
      return loop.id.startsWith(`${term.id}-`);
    case "type":
      return loop.loop_type === term.type || loop.type_name === term.type;
    case "status":
      return loop.status === term.status;
  }
}
