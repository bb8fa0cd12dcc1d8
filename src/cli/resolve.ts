// What a person typed → the full id that it means.
import type { Client } from "../client/types.ts";
import type { Loop } from "../domain/loop.ts";
import { LooprError } from "../lib/errors.ts";
import { abbreviations, matchIds } from "../lib/ids.ts";
import { plainLine } from "../lib/plain.ts";
import { RpcError } from "../protocol/errors.ts";
import type { CliContext } from "./context.ts";
import { icon, shownState, titleOf, type Style } from "./format.ts";

export interface Resolved {
  loop: Loop;
  /** Every loop there is, of all projects. */
  loops: Loop[];
  /** The shortest way to write the id of any loop. */
  short: (id: string) => string;
}

/**
 * What could be several loops, but only one of the project that the person is in, is that one. Throws LooprError
 * `loop_not_found` or `ambiguous_id`, the latter listing what was meant, each with its project.
 */
export async function resolveLoop(
  client: Client,
  typed: string,
  style: Style,
  at: Pick<CliContext, "cwd">,
): Promise<Resolved> {
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
    const here = new Set((await loopsAt(client, at)).map(({ id }) => id));
    const [own, ...others] = candidates.filter(({ id }) => here.has(id));
    if (own && others.length === 0) return { loop: own, loops, short };
    const projects = new Set(candidates.map(({ project }) => project));
    const list = candidates.map((candidate) => {
      const mark = icon({ ...style, colour: false }, shownState(candidate));
      const where = projects.size > 1 ? `  in ${plainLine(candidate.project)}` : "";
      return `\n    ${short(candidate.id)}  ${mark} ${titleOf(candidate)}${where}`;
    });
    throw new LooprError(
      "ambiguous_id",
      `'${typed}' could be any of ${candidates.length} loops`,
      `type more of the id:${list.join("")}`,
    );
  }
  return { loop, loops, short };
}

/** None where the person is in no project, or in a directory that is gone. */
async function loopsAt(client: Client, at: Pick<CliContext, "cwd">): Promise<Loop[]> {
  try {
    return (await loopsHere(client, at.cwd)) ?? [];
  } catch {
    return []; // then the candidates are listed, as anywhere else
  }
}

/** Loops of the project around a directory. Null outside of a repository: there is no project to keep to. */
export async function loopsHere(client: Client, directory: string): Promise<Loop[] | null> {
  try {
    return (await client.call("loop.list", { project: directory })).loops;
  } catch (error) {
    const reason = error instanceof RpcError ? error.reason : "";
    if (reason === "not_a_repository") return null;
    if (reason === "no_commit") return []; // a repository so new that no run can have begun
    throw error;
  }
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
