// The first line: is it alive, how much is going on, what did it cost.
import type { Line, Span } from "../paint.ts";
import type { State } from "../state.ts";
import { cleanLine } from "../text.ts";
import type { Style } from "../theme.ts";
import { shownLoops } from "../tree.ts";
import { money, shownState, stateGroup, stateStyle, tokens, when, type Group } from "../words.ts";
import { edges, spansWidth } from "./lines.ts";

export function header(state: State): Line {
  const left: Span[] = [...connection(state), { text: "  " }];
  const totals = total(state);
  const right = spent(state, totals.tokensIn, totals.tokensOut, totals.cost);
  const long = counts(state, totals.groups, "words");
  const words = spansWidth([...left, ...long, ...right]) + 2 <= state.columns;
  return edges([...left, ...(words ? long : counts(state, totals.groups, "glyphs"))], right, state.columns);
}

function connection(state: State): Span[] {
  const { dot, ellipsis } = state.glyphs;
  const [style, text] = ((): [Style, string] => {
    switch (state.connection) {
      case "connecting":
        return ["yellow", ` connecting${ellipsis}`];
      case "reconnecting":
        return ["yellow", ` reconnecting${ellipsis}`];
      case "closed":
        return ["red", " no connection"];
      case "connected":
        if (state.silentSince !== null)
          return ["yellow", ` not responding since ${when(state.silentSince, state.now)}`];
        return state.otherVersion === null
          ? ["green", ""]
          : ["yellow", ` daemon ${cleanLine(state.otherVersion)}`];
    }
  })();
  return [{ text: dot, style }, { text: " " }, { text: "Loopr", style: "bold" }, { text, style }];
}

interface Totals {
  groups: Map<Group, number>;
  tokensIn: number;
  tokensOut: number;
  cost: number;
}

function total(state: State): Totals {
  const totals: Totals = { groups: new Map(), tokensIn: 0, tokensOut: 0, cost: 0 };
  for (const loop of shownLoops(state)) {
    const group = stateGroup(shownState(loop));
    totals.groups.set(group, (totals.groups.get(group) ?? 0) + 1);
    totals.tokensIn += loop.tokens_in;
    totals.tokensOut += loop.tokens_out;
    totals.cost += loop.cost_usd;
  }
  return totals;
}

const groups = [
  { group: "running", glyph: "running", style: stateStyle("running"), always: true },
  { group: "pending", glyph: "pending", style: stateStyle("pending"), always: true },
  { group: "awaiting", glyph: "awaiting", style: stateStyle("awaiting_approval"), always: true },
  { group: "done", glyph: "complete", style: stateStyle("complete"), always: true },
  { group: "failed", glyph: "failed", style: stateStyle("failed"), always: false },
  { group: "paused", glyph: "paused", style: stateStyle("paused"), always: false },
] as const;

function counts(state: State, by: Map<Group, number>, form: "words" | "glyphs"): Span[] {
  return groups.flatMap(({ group, glyph, style, always }): Span[] => {
    const n = by.get(group) ?? 0;
    if (n === 0 && !always) return [];
    const shown = form === "words" ? `${n} ${group}  ` : `${state.glyphs[glyph]}${n} `;
    return [{ text: shown, style: n === 0 ? "dim" : style }];
  });
}

function spent(state: State, tokensIn: number, tokensOut: number, cost: number): Span[] {
  return [
    { text: `${tokens(state.glyphs, tokensIn, tokensOut)}  `, style: "dim" },
    { text: money(cost), style: "bold" },
  ];
}
