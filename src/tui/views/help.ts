// Every key, and what the icons mean.
import { line, type Line } from "../paint.ts";
import type { State } from "../state.ts";
import { stateGlyph, stateName, stateStyle, type ShownState } from "../words.ts";
import { blank, heading } from "./lines.ts";

const keys: readonly (readonly [title: string, keys: readonly (readonly [string, string])[]])[] = [
  [
    "Loops",
    [
      ["j k, arrows", "move; g G, Home End: first, last; PgUp PgDn: a page"],
      ["h l, arrows", "fold and unfold"],
      ["Enter", "open: the loop, or the plan that waits for you"],
      ["p", "the next plan that waits for your approval"],
      ["s", "pause, or resume what is paused, stalled or failed"],
      ["x", "cancel with everything below it (asks first; branches stay)"],
      ["d  o", "diff; output"],
      ["a", "this project, or all projects"],
      ["/", "filter by words; Esc shows everything again"],
    ],
  ],
  [
    "One loop",
    [
      ["Tab, Shift+Tab", "overview, output, evidence, diff"],
      ["j k, PgUp PgDn, g G", "scroll; at the end, output is followed"],
      ["s  x  d  o", "as above"],
      ["Esc", "back"],
    ],
  ],
  [
    "A plan",
    [
      ["a", "approve: its loops start"],
      ["e", "edit it, levels and all, in $VISUAL or $EDITOR"],
      ["r", "reject, with a reason"],
      ["i", "send it back with feedback"],
      ["Esc", "decide later"],
    ],
  ],
  [
    "Everywhere",
    [
      ["F1, ?", "this help"],
      ["Ctrl+L", "ask for everything and draw it again"],
      ["Ctrl+C or Ctrl+D twice, quickly", "quit; the loops go on"],
    ],
  ],
];

const states: readonly ShownState[] = [
  "pending",
  "running",
  "awaiting_approval",
  "paused",
  "rebasing",
  "complete",
  "failed",
  "cancelled",
  "invalidated",
  "stalled",
];

const keyColumns = 24;

export function helpPinned(): Line[] {
  return [heading("Help")];
}

export function helpLines(state: State): Line[] {
  const sections = keys.flatMap(([title, entries]) => [
    blank,
    heading(title),
    ...entries.map(([key, what]) => line({ text: `  ${key.padEnd(keyColumns)}`, style: "cyan" }, ` ${what}`)),
  ]);
  const icons = states.map((shown) =>
    line({ text: `  ${stateGlyph(state.glyphs, shown)} `, style: stateStyle(shown) }, stateName(shown)),
  );
  return [...sections, blank, heading("Icons"), ...icons];
}
