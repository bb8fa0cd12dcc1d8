// One loop: what it is about, how its iterations went, what it says, the evidence, the diff.
import type { CheckResult, Evidence, IterationRecord } from "../../domain/evidence.ts";
import type { Loop } from "../../domain/loop.ts";
import { judgeWord, typeNameOf } from "../../domain/loop-states.ts";
import { hexPart, shortId } from "../../lib/ids.ts";
import { rowsOf } from "../output.ts";
import { line, type Line, type Span } from "../paint.ts";
import { panes, type Pane, type State, type TextLine } from "../state.ts";
import { cleanLine, padEnd } from "../text.ts";
import type { Style } from "../theme.ts";
import {
  age,
  doing,
  duration,
  money,
  plural,
  shownState,
  stateGlyph,
  stateName,
  stateStyle,
  titleOf,
  tokens,
  when,
} from "../words.ts";
import { blank, heading, missing, paragraph } from "./lines.ts";

/** Output in the overview: what the rows of the terminal leave, within bounds. */
const tailRows = { min: 4, max: 20, others: 20 } as const;
/** Iterations in the overview; all of them: `loopr status -d`. */
const iterationsMax = 8;
const commitDigits = 10;

/** Lines that stay on top while the pane scrolls. */
export function detailPinned(state: State, loop: Loop, pane: Pane): Line[] {
  const shown = shownState(loop);
  const facts = [
    `iteration ${loop.iteration}/${loop.max_iterations}`,
    age(state.now - loop.created_at),
    money(loop.cost_usd),
    tokens(state.glyphs, loop.tokens_in, loop.tokens_out),
    hexPart(loop.id),
    ...(loop.branch === null ? [] : [cleanLine(loop.branch)]),
  ];
  const tabs = panes.flatMap((each): Span[] => [
    { text: ` ${each} `, style: each === pane ? "selected" : "dim" },
    { text: " " },
  ]);
  return [
    line(
      { text: `${stateGlyph(state.glyphs, shown)} ${stateName(shown)}`, style: stateStyle(shown) },
      { text: `  ${typeNameOf(loop)}  `, style: "dim" },
      { text: titleOf(loop), style: "bold" },
    ),
    line({ text: facts.join(`  `), style: "dim" }),
    line(...tabs),
  ];
}

export function detailLines(state: State, loop: Loop, pane: Pane): Line[] {
  switch (pane) {
    case "overview":
      return overview(state, loop);
    case "output":
      return output(state);
    case "evidence":
      return evidencePane(state);
    case "diff":
      return diff(state, loop);
  }
}

function overview(state: State, loop: Loop): Line[] {
  const width = state.columns;
  const history = missing(state, "history");
  const isLive = loop.status === "running";
  const { iterations = [], evidence = [] } = state.loads.history?.value ?? {};
  return [
    ...situation(state, loop),
    // While it works, what it says is what people came for.
    ...(isLive ? outputTail(state) : []),
    ...(history ?? [...lastFeedback(state, loop, iterations), ...iterationLines(state, loop, iterations)]),
    ...evidence
      .filter(({ reused }) => !reused)
      .slice(-1)
      .flatMap((each) => [heading("Last validation"), ...evidenceLines(state, each, 0), blank]),
    ...(isLive ? [] : outputTail(state)),
    heading("Task"),
    ...paragraph(loop.context.description, width),
  ];
}

/** Why it is not going on, and what the person can do about it. */
function situation(state: State, loop: Loop): Line[] {
  const width = state.columns;
  if (loop.failure) {
    const { message, hint } = loop.failure;
    return [
      ...paragraph(message, width, "red"),
      ...(hint ? paragraph(`hint: ${hint}`, width, "plain", "  ") : []),
      blank,
    ];
  }
  const now = doing(loop, state.loops);
  const shown = shownState(loop);
  const next = shown === "verified" ? `hint: loopr merge ${shortId(loop.id)}` : "";
  if (now === "") return [];
  return [
    ...paragraph(now, width, stateStyle(shown)),
    ...(next ? paragraph(next, width, "plain", "  ") : []),
    blank,
  ];
}

function lastFeedback(state: State, loop: Loop, iterations: readonly IterationRecord[]): Line[] {
  if (["complete", "verified", "merged"].includes(shownState(loop))) return [];
  const last = iterations.findLast((each) => each.feedback !== null && each.feedback !== "");
  if (!last?.feedback) return [];
  const title = `Feedback after iteration ${last.iteration}${last.layer ? ` (${cleanLine(last.layer)})` : ""}`;
  return [heading(title), ...paragraph(last.feedback, state.columns, "plain", "  "), blank];
}

const outcomes: Readonly<
  Record<NonNullable<IterationRecord["outcome"]>, { glyph: "complete" | "failed" | "stalled"; style: Style }>
> = {
  passed: { glyph: "complete", style: "green" },
  failed: { glyph: "failed", style: "red" },
  error: { glyph: "failed", style: "red" },
  interrupted: { glyph: "stalled", style: "yellow" },
};

/** Newest first: that is the one people look for. */
function iterationLines(state: State, loop: Loop, iterations: readonly IterationRecord[]): Line[] {
  const title = heading("Iterations");
  if (iterations.length === 0) return [title, line({ text: "  none yet", style: "dim" }), blank];
  const left = iterations.length - iterationsMax;
  const lines = iterations
    .slice(-iterationsMax)
    .reverse()
    .map((each) => {
      const { glyph, style } = each.outcome
        ? outcomes[each.outcome]
        : ({ glyph: "running", style: "blue" } as const);
      const verdict = each.outcome ?? (loop.status === "running" ? "running" : "open");
      const why = each.outcome === "failed" && each.layer ? ` by ${cleanLine(each.layer)}` : "";
      // What was cut off without a record of it ended with the loop's last change.
      const end = each.ended_at ?? (loop.status === "running" ? state.now : loop.updated_at);
      const took = end - each.started_at;
      const judged = each.judgements?.at(-1);
      const parts = [
        ...(each.pass ? [each.pass] : []),
        duration(took),
        plural(each.turns, "turn"),
        money(each.cost_usd),
        ...(each.diffstat ? [cleanLine(each.diffstat).trim()] : []),
        ...(judged ? [`judge: ${judgeWord(judged.pass)}`] : []),
      ];
      return line(
        { text: `  ${String(each.iteration).padStart(2)} `, style: "dim" },
        { text: padEnd(`${state.glyphs[glyph]} ${verdict}${why}`, 20), style },
        { text: ` ${when(each.started_at, state.now)}  ${parts.join("  ")}` },
      );
    });
  const earlier = left > 0 ? [line({ text: `     and ${left} earlier`, style: "dim" })] : [];
  return [title, ...lines, ...earlier, blank];
}

// ---------------------------------------------------------------- output

function output(state: State): Line[] {
  const gap = missing(state, "output");
  if (gap) return gap;
  const value = trimmedEnd(state.loads.output?.value ?? []);
  if (value.length === 0) return [line({ text: "It has said nothing yet.", style: "dim" })];
  return value.flatMap((each) => rowsOf(each, state.columns, "output").map((row) => line(row)));
}

function outputTail(state: State): Line[] {
  const lines = trimmedEnd(state.loads.output?.value ?? []);
  if (lines.length === 0) return [];
  const shown = Math.min(tailRows.max, Math.max(tailRows.min, state.rows - tailRows.others));
  const rows = lines.slice(-shown).flatMap((each) => rowsOf(each, state.columns, "output"));
  return [heading("Output"), ...rows.slice(-shown).map((row) => line({ text: row, style: "dim" })), blank];
}

function trimmedEnd(lines: readonly TextLine[]): readonly TextLine[] {
  return lines.at(-1)?.text === "" ? lines.slice(0, -1) : lines;
}

// ---------------------------------------------------------------- evidence

function evidencePane(state: State): Line[] {
  const gap = missing(state, "history");
  if (gap) return gap;
  const evidence = state.loads.history?.value?.evidence ?? [];
  if (evidence.length === 0) {
    return [line({ text: "Nothing has been validated yet.", style: "dim" })];
  }
  return [...evidence].reverse().flatMap((each) => [...evidenceLines(state, each, Infinity), blank]);
}

function evidenceLines(state: State, evidence: Evidence, outputLines: number): Line[] {
  const { glyphs, columns } = state;
  const verdict = evidence.verified ? "verified" : "not verified";
  const lines = [
    line(
      {
        text: `${evidence.verified ? glyphs.complete : glyphs.failed} ${verdict}`,
        style: evidence.verified ? "green" : "red",
      },
      { text: `  ${stageName(evidence)}  ${when(evidence.at, state.now)}`, style: "dim" },
    ),
    ...(evidence.reused
      ? [line({ text: "    the tree of its iteration, whose check is not run again", style: "dim" })]
      : evidence.checks.flatMap((check) => checkLines(state, check, outputLines))),
  ];
  if (evidence.protected_changed.length > 0) {
    const files = evidence.protected_changed.map(cleanLine).join(", ");
    lines.push(...paragraph(`Changed protected files: ${files}`, columns, "yellow", "  "));
  }
  return lines;
}

function stageName({ stage, iteration }: Evidence): string {
  switch (stage) {
    case "baseline":
      return "before any change";
    case "iteration":
      return `iteration ${iteration}`;
    case "integration":
      return "on the run's branch";
    case "final":
      return "on the target";
    case "undo":
      return "undone on the target";
  }
}

function checkLines(state: State, check: CheckResult, outputLines: number): Line[] {
  const ending =
    check.ending === "exited" ? `exit ${check.exit_code ?? "?"}` : check.ending.replaceAll("_", " ");
  const facts = [
    ending,
    duration(check.duration_ms),
    `tree ${check.tree.slice(0, commitDigits)}`,
    check.sandboxed ? "sandboxed" : "NOT SANDBOXED",
    ...(check.variant === "candidate" ? [] : [check.variant.replaceAll("_", " ")]),
    ...(check.cwd === "" ? [] : [`in ${cleanLine(check.cwd)}`]),
  ];
  const shown = outputLines === 0 ? [] : paragraph(check.output, state.columns, "dim", "    ");
  return [
    line(
      {
        text: `  ${check.passed ? state.glyphs.complete : state.glyphs.failed} `,
        style: check.passed ? "green" : "red",
      },
      { text: cleanLine(check.command) },
    ),
    line({ text: `    ${facts.join("  ")}`, style: "dim" }),
    ...shown.slice(0, outputLines),
  ];
}

// ---------------------------------------------------------------- diff

function diff(state: State, loop: Loop): Line[] {
  const gap = missing(state, "diff");
  if (gap) return gap;
  const { lines = [], truncated = false } = state.loads.diff?.value ?? {};
  const shown = trimmedEnd(lines);
  if (shown.length === 0) return [line({ text: "It has changed nothing yet.", style: "dim" })];
  const rows = shown.flatMap((each) => {
    const style = diffStyle(each.text);
    return rowsOf(each, state.columns, "diff").map((text) => line({ text, style }));
  });
  if (!truncated) return rows;
  const rest = `The diff is longer. All of it: loopr diff ${shortId(loop.id)}`;
  return [...rows, line({ text: rest, style: "yellow" })];
}

function diffStyle(text: string): Style {
  if (/^(diff |index |--- |\+\+\+ |new file|deleted file|rename |similarity )/.test(text)) return "bold";
  if (text.startsWith("@@")) return "cyan";
  if (text.startsWith("+")) return "green";
  return text.startsWith("-") ? "red" : "plain";
}
