// The whole screen: state → lines. Pure.
import { line, paint } from "../paint.ts";
import type { State } from "../state.ts";
import type { Theme } from "../theme.ts";
import { body } from "./body.ts";
import { bottom } from "./bottom.ts";
import { header } from "./header.ts";

const columnsMin = 30;
const rowsMin = 6;

/** Exactly `state.rows` lines of at most `state.columns` columns. */
export function frame(state: State, theme: Theme): string[] {
  const { columns, rows } = state;
  if (columns < columnsMin || rows < rowsMin) {
    return paint([line(`Too small: ${columnsMin}x${rowsMin} is needed`)], columns, rows, theme);
  }
  const below = bottom(state);
  const middle = Math.max(0, rows - 1 - below.length);
  return [
    ...paint([header(state)], columns, 1, theme),
    ...paint(body(state), columns, middle, theme),
    ...paint(below, columns, Math.min(below.length, rows - 1), theme),
  ];
}
