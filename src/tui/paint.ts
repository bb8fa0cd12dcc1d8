// The last step from state to screen: spans of plain text become lines with colours.
import { cursorMarker } from "./terminal.ts";
import { widthOf } from "./terminal.ts";
import { fit, isAscii, isRightToLeft } from "./text.ts";
import { styled, type Style, type Theme } from "./theme.ts";

/** Plain, clean text in one style. With `cursor`, the terminal's own cursor stands before it. */
export interface Span {
  text: string;
  style?: Style;
  cursor?: boolean;
}

export interface Line {
  spans: Span[];
  /** The row under the cursor: shown reversed over the whole width. */
  selected?: boolean;
}

export function line(...spans: (Span | string)[]): Line {
  return { spans: spans.map((span) => (typeof span === "string" ? { text: span } : span)) };
}

/** Exactly `height` lines, none wider than `width`. */
export function paint(lines: readonly Line[], width: number, height: number, theme: Theme): string[] {
  const shown = lines.slice(0, height).map((each) => paintLine(each, width, theme));
  while (shown.length < height) shown.push("");
  return shown;
}

/**
 * Terminals disagree about the width of emoji and rarer scripts. So after text that is not ASCII the
 * cursor is sent to the column where the next span belongs: a terminal that counts differently shows a gap
 * or a cut character there, and the columns behind it still stand. A left-to-right mark after right-to-left
 * text keeps terminals that reorder from pulling the following columns into it.
 */
function paintLine({ spans, selected }: Line, width: number, theme: Theme): string {
  let out = "";
  let column = 0;
  for (const [index, span] of spans.entries()) {
    if (span.cursor) out += cursorMarker;
    const text = fit(span.text, width - column, theme.glyphs.ellipsis);
    if (text === "") continue;
    const isLast = index === spans.length - 1;
    column += widthOf(text);
    out += styled(theme, span.style ?? "plain", isRightToLeft(text) ? text + "\u200e" : text);
    if (!isAscii(text) && (!isLast || selected) && column < width) out += `\x1b[${column + 1}G`;
    if (column >= width) break;
  }
  if (!selected) return out;
  return styled(theme, "selected", out + " ".repeat(Math.max(0, width - column)));
}
