// The tree of loops.
import { abbreviations } from "../../lib/ids.ts";
import { basename } from "node:path";
import type { Line, Span } from "../paint.ts";
import { line } from "../paint.ts";
import type { State } from "../state.ts";
import { cleanLine, fit, widthOf } from "../text.ts";
import { treeRows, type TreeRow } from "../tree.ts";
import { age, doing, money, shownState, stateGlyph, stateStyle, titleOf } from "../words.ts";
import { blank, cell, cellRight, heading, paragraph } from "./lines.ts";

/** Narrower terminals do without ids: the detail view has them. */
const idFromColumns = 100;
const gap: Span = { text: "  " };

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
  const used = figures.iteration + figures.age + figures.cost + (id > 0 ? id + gap.text.length : 0);
  const free = Math.max(0, width - used - 4 * gap.text.length);
  const doing = Math.floor(free * 0.4);
  return { tree: free - doing, id, ...figures, doing };
}

function columnNames(state: State, columns: Columns): Line {
  const { glyphs, scope } = state;
  const where = scope.all ? "all projects" : cleanLine(scope.name ?? "");
  const what = state.filter === "" ? where : `${where} /${cleanLine(state.filter)}`;
  return line(
    cell(`LOOPS  ${what}`, columns.tree, glyphs, "dim"),
    gap,
    ...(columns.id > 0 ? [cell("ID", columns.id, glyphs, "dim"), gap] : []),
    cellRight("ITER", columns.iteration, glyphs, "dim"),
    gap,
    cellRight("AGE", columns.age, glyphs, "dim"),
    gap,
    cellRight("COST", columns.cost, glyphs, "dim"),
    gap,
    cell("NOW", columns.doing, glyphs, "dim"),
  );
}

function treeLine(state: State, row: TreeRow, columns: Columns, ids: Map<string, string> | null): Line {
  const { glyphs } = state;
  const { loop } = row;
  const shown = shownState(loop);
  const style = stateStyle(shown);
  const iterations = loop.iteration === 0 ? "" : `${loop.iteration}/${loop.max_iterations}`;
  const title = fit(titleOf(loop), columns.tree, glyphs.ellipsis);
  const project = state.scope.all && row.depth === 0 ? `[${cleanLine(basename(loop.project))}] ` : "";
  const fold = row.folded === null ? " " : row.folded ? glyphs.closed : glyphs.open;
  const before: Span[] = [
    { text: "  ".repeat(row.depth) + fold + " ", style: "dim" },
    { text: stateGlyph(glyphs, shown) + " ", style },
    { text: loop.loop_type.padEnd(6), style: "dim" },
  ];
  const room = columns.tree - before.reduce((sum, span) => sum + widthOf(span.text), 0);
  return {
    selected: loop.id === state.cursor,
    spans: [
      ...before,
      cell(project + title, Math.max(0, room), glyphs),
      gap,
      ...(ids ? [cell(ids.get(loop.id) ?? "", columns.id, glyphs, "dim"), gap] : []),
      cellRight(iterations, columns.iteration, glyphs),
      gap,
      cellRight(age(state.now - loop.created_at), columns.age, glyphs),
      gap,
      cellRight(money(loop.cost_usd), columns.cost, glyphs),
      gap,
      { text: fit(doing(loop), columns.doing, glyphs.ellipsis), style },
    ],
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
