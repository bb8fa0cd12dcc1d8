// The gate: the plan as the person judges it.
import type { PlanSpec } from "../../domain/artifacts.ts";
import type { Loop } from "../../domain/loop.ts";
import { shortId } from "../../lib/ids.ts";
import { line, type Line } from "../paint.ts";
import type { State } from "../state.ts";
import { cleanLine, cleanText, wrap } from "../text.ts";
import { money, plural, titleOf } from "../words.ts";
import { blank, heading, missing } from "./lines.ts";

export function approvalPinned(state: State, loop: Loop): Line[] {
  const shown = state.loads.plan?.value;
  const specs = shown?.specs.length;
  const facts = [
    shortId(loop.id),
    ...(specs === undefined ? [] : [plural(specs, "spec")]),
    ...(shown?.version ? [`version ${shown.version}${shown.edited ? ", edited by a person" : ""}`] : []),
    `${money(loop.cost_usd)} so far`,
    `iteration ${loop.iteration}/${loop.max_iterations}`,
    ...(loop.validation_command === "" ? [] : [`check: ${cleanLine(loop.validation_command)}`]),
  ];
  return [
    line(
      { text: `${state.glyphs.awaiting} Plan to approve`, style: "yellow" },
      { text: "  " },
      { text: titleOf(loop), style: "bold" },
    ),
    line({ text: facts.join("  "), style: "dim" }),
  ];
}

export function approvalLines(state: State): Line[] {
  const gap = missing(state, "plan");
  if (gap) return gap;
  const { content = "", specs = [] } = state.loads.plan?.value ?? {};
  return [...order(state, specs), blank, ...markdown(content, state)];
}

/** What comes of it, in one look: the specs, how each is done, and what it waits for. */
function order(state: State, specs: readonly PlanSpec[]): Line[] {
  const numbers = new Map(specs.map((spec, index) => [spec.name, index + 1]));
  const lines = specs.flatMap((spec, index) => {
    const way = spec.type ?? (spec.level === "code" ? "straight to code" : "spec, phases, then code");
    const after = spec.depends_on.map((name) => `#${numbers.get(name) ?? cleanLine(name)}`).join(", ");
    const tests = spec.changes_tests.map(cleanLine).join(", ");
    return [
      line(
        { text: `  #${index + 1} `.padEnd(6), style: "cyan" },
        { text: cleanLine(spec.name) },
        { text: `  ${state.glyphs.arrow} ${cleanLine(way)}`, style: "dim" },
        { text: after === "" ? "" : `  after ${after}`, style: "yellow" },
      ),
      ...(tests === "" ? [] : [line({ text: `      may change existing tests: ${tests}`, style: "yellow" })]),
    ];
  });
  return [heading("Specs"), ...lines];
}

/** Enough of markdown to read a plan by. It is shown, never interpreted. */
function markdown(content: string, state: State): Line[] {
  const width = state.columns;
  let fenced = false;
  return cleanText(content)
    .trimEnd()
    .split("\n")
    .flatMap((text): Line[] => {
      if (/^\s*(```|~~~)/.test(text)) {
        fenced = !fenced;
        return [];
      }
      if (fenced)
        return wrap("    " + text, width, "    ").map((each) => line({ text: each, style: "cyan" }));
      const title = /^(#{1,6})\s+(.*)$/.exec(text);
      if (title) {
        const style = title[1] === "#" ? "heading" : "bold";
        return wrap(title[2] ?? "", width).map((each) => line({ text: each, style }));
      }
      const item = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/.exec(text);
      if (!item) return wrap(text, width).map((each) => line(each));
      const [, indent = "", mark = "", rest = ""] = item;
      const start = `${indent}${/\d/.test(mark) ? mark : state.glyphs.bullet} `;
      return wrap(start + rest, width, " ".repeat(start.length)).map((each) => line(each));
    });
}
