// Between the header and the bottom: the current view, and how far it can be scrolled.
import { line, type Line } from "../paint.ts";
import { currentView, type State } from "../state.ts";
import { approvalLines, approvalPinned } from "./approval.ts";
import { bottom } from "./bottom.ts";
import { detailLines, detailPinned } from "./detail.ts";
import { helpLines, helpPinned } from "./help.ts";
import { edges } from "./lines.ts";
import { loopsView } from "./loops.ts";

const headerRows = 1;

export function body(state: State): Line[] {
  const height = bodyRows(state);
  const view = currentView(state);
  if (view.name === "loops") return loopsView(state, height);
  const { pinned, lines } = content(state);
  const room = Math.max(0, height - pinned.length);
  const max = Math.max(0, lines.length - room);
  const top = Math.min(max, view.scroll ?? max);
  return [...withPosition(pinned, top, room, lines.length, state.columns), ...lines.slice(top, top + room)];
}

/** Rows that the current view has. */
function bodyRows(state: State): number {
  return Math.max(0, state.rows - headerRows - bottom(state).length);
}

/** Rows of the tree on the screen: without the names of its columns. */
export function treeHeight(state: State): number {
  return Math.max(1, bodyRows(state) - 1);
}

/** Lines that the current view can be scrolled down. */
export function scrollMax(state: State): number {
  const { pinned, lines } = content(state);
  return Math.max(0, lines.length - Math.max(0, bodyRows(state) - pinned.length));
}

export function pageRows(state: State): number {
  const { name } = currentView(state);
  return Math.max(1, name === "loops" ? treeHeight(state) - 1 : bodyRows(state) - 5);
}

function content(state: State): { pinned: Line[]; lines: Line[] } {
  const view = currentView(state);
  if (view.name === "help") return { pinned: helpPinned(), lines: helpLines(state) };
  const loop = view.name === "loops" ? undefined : state.loops.get(view.id);
  if (!loop) return { pinned: [], lines: [] };
  return view.name === "approval"
    ? { pinned: approvalPinned(state, loop), lines: approvalLines(state) }
    : view.name === "detail"
      ? { pinned: detailPinned(state, loop, view.pane), lines: detailLines(state, loop, view.pane) }
      : { pinned: [], lines: [] };
}

/** Where it does not all fit, the last pinned line says where one is. */
function withPosition(pinned: Line[], top: number, room: number, total: number, width: number): Line[] {
  const last = pinned.at(-1);
  if (!last || total <= room) return pinned;
  const where = `${top + 1}-${Math.min(total, top + room)} of ${total}`;
  return [
    ...pinned.slice(0, -1),
    edges(last.spans, [line({ text: where, style: "dim" }).spans[0] ?? { text: "" }], width),
  ];
}
