// What a person typed → the full id that it means.
import type { Client } from "../client/types.ts";
import type { Loop } from "../domain/loop.ts";
import { LooprError } from "../lib/errors.ts";
import { abbreviations, matchIds } from "../lib/ids.ts";
import { icon, shownState, titleOf, type Style } from "./format.ts";

export interface Resolved {
  loop: Loop;
  /** Every loop there is, of all projects. */
  loops: Loop[];
  /** The shortest way to write the id of any loop. */
  short: (id: string) => string;
}

/** Throws LooprError `loop_not_found` or `ambiguous_id`, the latter listing what was meant. */
export async function resolveLoop(client: Client, typed: string, style: Style): Promise<Resolved> {
  const { loops } = await client.call("loop.list", {});
  const short = shortener(loops);
  const matches = new Set(
    matchIds(
      typed.trim(),
      loops.map(({ id }) => id),
    ),
  );
  const candidates = loops.filter(({ id }) => matches.has(id));
  const [loop] = candidates;
  if (!loop) {
    throw new LooprError(
      "loop_not_found",
      `Loop not found: ${typed}`,
      "`loopr list --all-projects` shows them all",
    );
  }
  if (candidates.length > 1) {
    const list = candidates.map(
      (candidate) =>
        `\n    ${short(candidate.id)}  ${icon({ ...style, colour: false }, shownState(candidate))} ${titleOf(candidate)}`,
    );
    throw new LooprError(
      "ambiguous_id",
      `'${typed}' could be any of ${candidates.length} loops`,
      `type more of the id:${list.join("")}`,
    );
  }
  return { loop, loops, short };
}

export function shortener(loops: readonly Pick<Loop, "id">[]): (id: string) => string {
  const known = abbreviations(loops.map(({ id }) => id));
  return (id) => known.get(id) ?? abbreviations([...known.keys(), id]).get(id) ?? id;
}

/** Where a full id is a word of its own, not a part of a path or of a ref. */
const fullIds = /(?<![\w/.-])\d{13}-[0-9a-f]{16}(?:-\d{3})*(?![\w/-])/g;

/** What the daemon says names loops by their full ids; people see and type the short ones. */
export function withShortIds(text: string, short: (id: string) => string): string {
  return text.replace(fullIds, (id) => short(id));
}
