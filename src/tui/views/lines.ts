// Pieces that several views are made of.
import { line, type Line, type Span } from "../paint.ts";
import type { Resource, State } from "../state.ts";
import { widthOf } from "../terminal.ts";
import { cleanText, fit, padEnd, padStart, wrap } from "../text.ts";
import type { Glyphs, Style } from "../theme.ts";

/** Text of others as a paragraph: made harmless and wrapped. */
export function paragraph(text: string, width: number, style: Style = "plain", indent = ""): Line[] {
  return wrap(cleanText(text).trimEnd(), Math.max(1, width - indent.length)).map((each) =>
    line({ text: indent + each, style }),
  );
}

export function heading(text: string): Line {
  return line({ text, style: "bold" });
}

export const blank: Line = line("");

/** A cell of a table: cut or padded to its width. */
export function cell(text: string, width: number, glyphs: Glyphs, style: Style = "plain"): Span {
  return { text: padEnd(fit(text, width, glyphs.ellipsis), width), style };
}

export function cellRight(text: string, width: number, glyphs: Glyphs, style: Style = "plain"): Span {
  return { text: padStart(fit(text, width, glyphs.ellipsis), width), style };
}

export function spansWidth(spans: readonly Span[]): number {
  return spans.reduce((sum, span) => sum + widthOf(span.text), 0);
}

/** `left` and `right` at the two edges; the right one gives way. */
export function edges(left: Span[], right: Span[], width: number): Line {
  const gap = width - spansWidth(left) - spansWidth(right);
  return gap < 2 ? { spans: left } : { spans: [...left, { text: " ".repeat(gap) }, ...right] };
}

/** What stands where there is nothing to show yet, or nothing could be had. Null: there is something. */
export function missing(state: State, resource: Resource): Line[] | null {
  const load = state.loads[resource];
  if (load?.phase === "failed" && load.value === null) return paragraph(load.error, state.columns, "red");
  if (load && load.value !== null) return null;
  if (state.silentSince !== null)
    return [line({ text: "Not here yet: the daemon does not answer.", style: "yellow" })];
  return [line({ text: `Loading${state.glyphs.ellipsis}`, style: "dim" })];
}
