// The rows of the loops tree: which loops are shown, in which order, how deep. Pure.
import { isTerminal, type Loop } from "../domain/loop.ts";
import type { State } from "./state.ts";
import { searchable } from "./words.ts";

export interface TreeRow {
  loop: Loop;
  depth: number;
  /** `null`: it has no children. */
  folded: boolean | null;
}

/** The last tree by what it was made of: most frames change neither loops nor filter. */
const memo: { key: unknown[]; rows: TreeRow[] } = { key: [], rows: [] };

/**
 * Depth first. Runs that changed last come first, as of the last snapshot: under the person's eyes none jumps.
 * Children in their order. A filter keeps the way to what it finds.
 */
export function treeRows(state: State): TreeRow[] {
  const { loops, changedAt, scope, folded, filter } = state;
  const key = [loops, changedAt, scope, folded, filter];
  if (key.every((part, index) => part === memo.key[index])) return memo.rows;
  memo.key = key;
  memo.rows = buildRows(state);
  return memo.rows;
}

function buildRows(state: State): TreeRow[] {
  const shown = shownLoops(state);
  const wanted = state.filter === "" ? null : matching(shown, state.filter);
  const children = new Map<string | null, Loop[]>();
  const ids = new Set(shown.map((loop) => loop.id));
  for (const loop of shown) {
    // A child whose parent is not there is shown as a root rather than not at all.
    const parent = loop.parent_id !== null && ids.has(loop.parent_id) ? loop.parent_id : null;
    const siblings = children.get(parent);
    if (siblings) siblings.push(loop);
    else children.set(parent, [loop]);
  }
  const rows: TreeRow[] = [];
  const visit = (loop: Loop, depth: number): void => {
    if (wanted && !wanted.has(loop.id)) return;
    const own = (children.get(loop.id) ?? []).sort((a, b) => compareText(a.id, b.id));
    const folded = own.length === 0 ? null : wanted === null && state.folded.has(loop.id);
    rows.push({ loop, depth, folded });
    if (folded !== true) for (const child of own) visit(child, depth + 1);
  };
  const changed = (loop: Loop) => state.changedAt.get(loop.root_id) ?? loop.created_at;
  const roots = (children.get(null) ?? []).sort(
    (a, b) => changed(b) - changed(a) || b.created_at - a.created_at || compareText(b.id, a.id),
  );
  for (const root of roots) visit(root, 0);
  return rows;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The loops of the scope, whether folded away or not. */
export function shownLoops(state: Pick<State, "loops" | "scope">): Loop[] {
  const all = [...state.loops.values()];
  const { projects, all: everything } = state.scope;
  return everything || projects === null ? all : all.filter((loop) => projects.has(loop.project));
}

function matching(loops: Loop[], filter: string): Set<string> {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  const byId = new Map(loops.map((loop) => [loop.id, loop]));
  const found = new Set<string>();
  for (const loop of loops) {
    const text = searchable(loop);
    if (!words.every((word) => text.includes(word))) continue;
    for (let at: Loop | undefined = loop; at && !found.has(at.id);) {
      found.add(at.id);
      at = at.parent_id === null ? undefined : byId.get(at.parent_id);
    }
  }
  return found;
}

export function selectedLoop(state: State): Loop | null {
  return state.cursor === null ? null : (state.loops.get(state.cursor) ?? null);
}

/** Loops below this one that have not ended. */
export function livingDescendants(state: Pick<State, "loops">, id: string): number {
  return [...state.loops.values()].filter((loop) => loop.id.startsWith(id + "-") && !isTerminal(loop.status))
    .length;
}

/** Plans of the scope that wait for the person, the longest waiting first. */
export function waitingPlans(state: Pick<State, "loops" | "scope">): Loop[] {
  return shownLoops(state)
    .filter((loop) => loop.status === "awaiting_approval")
    .sort((a, b) => a.updated_at - b.updated_at);
}
