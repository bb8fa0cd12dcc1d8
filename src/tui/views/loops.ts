// The tree of loops.
import { typeNameOf } from "../../domain/loop-states.ts";
import { abbreviations } from "../../lib/ids.ts";
import { basename } from "node:path";
import type { Line, Span } from "../paint.ts";
import type { State } from "../state.ts";
import { cleanLine, fit } from "../text.ts";
import type { Glyphs, Style } from "../theme.ts";
import { treeRows, type TreeRow } from "../tree.ts";
import { age, doing, money, shownState, stateGlyph, stateStyle, titleOf } from "../words.ts";
import { blank, cell, cellRight, heading, paragraph, spansWidth } from "./lines.ts";

/** Narrower terminals do without ids: the detail view has them. */
const idFromColumns = 100;
const gap: Span = { text: " " };
const wideGap: Span = { text: "  " };

/** Of what the figures leave, the rest being the tree's. */
const doingShare = 0.35;

interface Columns {
  tree: number;
  id: number;
  iteration: number;
  age: number;
  cost: number;
  doing: number;
}

/** `height` lines, the first of them the names of the columns. */
export function loopsView(state: State, height: number): Line[] {
  const rows = treeRows(state);
  if (rows.length === 0) return empty(state);
  const columns = columnsFor(state.columns);
  const ids = columns.id > 0 ? abbreviations([...state.loops.keys()]) : null;
  const shown = rows.slice(state.top, state.top + Math.max(0, height - 1));
  return [columnNames(state, columns), ...shown.map((row) => treeLine(state, row, columns, ids))];
}

function columnsFor(width: number): Columns {
  const id = width >= idFromColumns ? 10 : 0;
  const figures = { iteration: 5, age: 4, cost: 6 };
  const gaps = 2 * wideGap.text.length + 2 * gap.text.length;
  const used = figures.iteration + figures.age + figures.cost + (id > 0 ? id + wideGap.text.length : 0);
  const free = Math.max(0, width - used - gaps);
  const doing = Math.floor(free * doingShare);
  return { tree: free - doing, id, ...figures, doing };
}

interface Cells {
  /** Exactly as wide as the tree's column. */
  tree: Span[];
  id: string;
  iteration: string;
  age: string;
  cost: string;
  doing: string;
}

/** One row of the table, its names or a loop; `last`: the style of what it does. */
function tableRow(cells: Cells, columns: Columns, glyphs: Glyphs, style: Style, last: Style): Span[] {
  return [
    ...cells.tree,
    wideGap,
    ...(columns.id > 0 ? [cell(cells.id, columns.id, glyphs, "dim"), wideGap] : []),
    cellRight(cells.iteration, columns.iteration, glyphs, style),
    gap,
    cellRight(cells.age, columns.age, glyphs, style),
    gap,
    cellRight(cells.cost, columns.cost, glyphs, style),
    wideGap,
    { text: fit(cells.doing, columns.doing, glyphs.ellipsis), style: last },
  ];
}

function columnNames(state: State, columns: Columns): Line {
  const { glyphs, scope } = state;
  const where = scope.all ? "all projects" : cleanLine(scope.name ?? "");
  const what = state.filter === "" ? where : `${where} /${cleanLine(state.filter)}`;
  const tree = [cell(`LOOPS  ${what}`, columns.tree, glyphs, "dim")];
  const names = { tree, id: "ID", iteration: "ITER", age: "AGE", cost: "COST", doing: "NOW" };
  return { spans: tableRow(names, columns, glyphs, "dim", "dim") };
}

function treeLine(state: State, row: TreeRow, columns: Columns, ids: Map<string, string> | null): Line {
  const { glyphs } = state;
  const { loop } = row;
  const shown = shownState(loop);
  const style = stateStyle(shown);
  const fold = row.folded === null ? " " : row.folded ? glyphs.closed : glyphs.open;
  const before: Span[] = [
    { text: "  ".repeat(row.depth) + fold + " ", style: "dim" },
    { text: stateGlyph(glyphs, shown) + " ", style },
    { text: `${typeNameOf(loop).padEnd(5)} `, style: "dim" },
  ];
  const room = Math.max(0, columns.tree - spansWidth(before));
  const project = state.scope.all && row.depth === 0 ? `[${cleanLine(basename(loop.project))}] ` : "";
  const cells: Cells = {
    tree: [...before, cell(project + titleOf(loop), room, glyphs)],
    id: ids?.get(loop.id) ?? "",
    iteration: loop.iteration === 0 ? "" : `${loop.iteration}/${loop.max_iterations}`,
    age: age(state.now - loop.created_at),
    cost: money(loop.cost_usd),
    doing: doing(loop, state.loops),
  };
  return {
    selected: loop.id === state.cursor,
    spans: tableRow(cells, columns, glyphs, "plain", style),
  };
}

function empty(state: State): Line[] {
  const width = Math.max(1, state.columns - 2);
  const say = (title: string, text: string): Line[] => [
    blank,
    heading(`  ${title}`),
    ...indented(text, width),
  ];
  const { ellipsis } = state.glyphs;
  if (!state.loaded) {
    if (state.snapshot.phase === "failed") {
      return say("The loops could not be read.", "Ctrl+L asks for them again.");
    }
    if (state.silentSince !== null) {
      return say(
        "The daemon does not answer.",
        "loopr daemon restart replaces it; the loops go on with the new one.",
      );
    }
    const what = state.connection === "connected" ? "Loading the loops" : "Connecting to the daemon";
    return say(what + ellipsis, state.connecting);
  }
  if (state.filter !== "")
    return say(`Nothing matches "${cleanLine(state.filter)}".`, "Esc shows everything again.");
  const elsewhere = state.loops.size > 0 ? ` (${state.loops.size} in other projects: press a)` : "";
  const where = state.scope.all ? "" : ` in ${cleanLine(state.scope.name ?? "")}`;
  return say(
    `No loops${where} yet${elsewhere}.`,
    'In another terminal, in a repository: loopr run "what should change"\nor, to see it work without a key: loopr demo',
  );
}

function indented(text: string, width: number): Line[] {
  return text === "" ? [] : [blank, ...paragraph(text, width, "dim", "  ")];
}
