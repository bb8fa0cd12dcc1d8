// Loops as a tree: one line a loop, children below their parents.
import type { Loop } from "../domain/loop.ts";
import { typeNameOf } from "../domain/loop-states.ts";
import { plainLine } from "../lib/plain.ts";
import {
  age,
  fit,
  icon,
  money,
  paint,
  shownState,
  stateName,
  stateText,
  titleOf,
  type Style,
} from "./format.ts";
import { waitingText } from "./narrate.ts";
import { withShortIds } from "./resolve.ts";

export interface TreeOptions {
  style: Style;
  short: (id: string) => string;
  nowMs: number;
  costOf: (loop: Loop) => number;
  /** Loops that are only shown because something below them is: dimmed. */
  isContext?: (loop: Loop) => boolean;
}

/** What a loop and everything below it has cost: a run is shown with the cost of the whole. */
export function costWithDescendants(loop: Loop, loops: readonly Loop[]): number {
  return loops.reduce(
    (sum, { id, cost_usd }) => (id.startsWith(`${loop.id}-`) ? sum + cost_usd : sum),
    loop.cost_usd,
  );
}

interface Row {
  loop: Loop;
  /** The lines that lead to it, and its id. */
  id: string;
}

const branches = {
  unicode: { fork: "├─ ", last: "└─ ", pass: "│  ", none: "   " },
  ascii: { fork: "|- ", last: "`- ", pass: "|  ", none: "   " },
};

/** The longest of the built-in names: the column does not move with what is listed. */
const typeWidthMin = 5;

/** Roots with the newest change first; children in their order. */
export function treeLines(loops: readonly Loop[], options: TreeOptions): string[] {
  const rows = rowsOf(loops, options);
  const widest = (of: (row: Row) => string) => Math.max(0, ...rows.map((row) => of(row).length));
  const widths = {
    id: widest(({ id }) => id),
    type: Math.max(
      typeWidthMin,
      widest(({ loop }) => typeNameOf(loop)),
    ),
    state: widest(({ loop }) => stateName(shownState(loop))),
    iteration: widest(({ loop }) => iterationText(loop)),
    cost: widest(({ loop }) => money(options.costOf(loop))),
  };
  return rows.map((row) => lineOf(row, widths, options));
}

function rowsOf(loops: readonly Loop[], { style, short }: TreeOptions): Row[] {
  const ids = new Set(loops.map(({ id }) => id));
  const children = Map.groupBy(loops, ({ parent_id }) =>
    parent_id !== null && ids.has(parent_id) ? parent_id : "",
  );
  const lines = style.unicode ? branches.unicode : branches.ascii;
  const below = (id: string, lead: string): Row[] => {
    const own = (children.get(id) ?? []).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    return own.flatMap((loop, index) => {
      const isLast = index === own.length - 1;
      const row = { loop, id: lead + (isLast ? lines.last : lines.fork) + short(loop.id) };
      return [row, ...below(loop.id, lead + (isLast ? lines.none : lines.pass))];
    });
  };
  const roots = (children.get("") ?? []).toSorted((a, b) => newestIn(loops, b) - newestIn(loops, a));
  return roots.flatMap((loop) => [{ loop, id: short(loop.id) }, ...below(loop.id, "")]);
}

/** A run is as new as the newest of its loops. */
function newestIn(loops: readonly Loop[], root: Loop): number {
  return loops.reduce(
    (newest, { root_id, updated_at }) => (root_id === root.root_id ? Math.max(newest, updated_at) : newest),
    root.updated_at,
  );
}

function lineOf(
  { loop, id }: Row,
  widths: Readonly<Record<"id" | "type" | "state" | "iteration" | "cost", number>>,
  options: TreeOptions,
): string {
  const { style, nowMs } = options;
  const state = shownState(loop);
  const columns = [
    id.padEnd(widths.id),
    typeNameOf(loop).padEnd(widths.type),
    null,
    iterationText(loop).padStart(widths.iteration),
    age(nowMs - loop.created_at).padStart(4),
    money(options.costOf(loop)).padStart(widths.cost),
  ];
  const used = 2 + columns.reduce((sum, column) => sum + (column?.length ?? widths.state) + 2, 0);
  const title = fit(style, titleOf(loop), used);
  const note = fit(style, noteOf(loop, options.short), used + title.length + 2);
  if (options.isContext?.(loop)) {
    const cells = columns.map((column) => column ?? stateName(state).padEnd(widths.state));
    return paint(
      style,
      "dim",
      [`${icon({ ...style, colour: false }, state)} ${cells.join("  ")}`, title].join("  "),
    );
  }
  const cells = columns.map((column) => column ?? stateText(style, state, widths.state));
  return [
    `${icon(style, state)} ${cells.join("  ")}`,
    title,
    ...(note ? [paint(style, "dim", note)] : []),
  ].join("  ");
}

function iterationText(loop: Loop): string {
  return `${loop.iteration}/${loop.max_iterations}`;
}

/** What it does or waits for right now, or why it ended. */
function noteOf(loop: Loop, short: (id: string) => string): string {
  const state = shownState(loop);
  if (state === "merged" || state === "complete" || state === "cancelled") return "";
  if (loop.failure) return withShortIds(plainLine(loop.failure.message), short);
  return waitingText(loop) || plainLine(loop.progress);
}
