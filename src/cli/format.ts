// How the command line writes states, times, money and lines.
import { isTerminal } from "../lib/stdio.ts";
import { hasFailedBelow } from "../domain/failure-below.ts";
import type { Loop, LoopStatus, RunState } from "../domain/loop.ts";
import { cutColumns, plainLine } from "../lib/plain.ts";
import type { CliContext } from "./context.ts";

/** What the person's terminal can show. */
export interface Style {
  colour: boolean;
  /** Icons and lines outside of ASCII: the locale is UTF-8. */
  unicode: boolean;
  /** Width of the terminal; null where stdout is none, and nothing is cut. */
  columns: number | null;
}

export function styleOf(
  context: Pick<CliContext, "colour">,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Style {
  const columns = isTerminal(1) && process.stdout.columns > 0 ? process.stdout.columns : null;
  return { colour: context.colour, unicode: isUtf8(env), columns };
}

function isUtf8(env: Readonly<Record<string, string | undefined>>): boolean {
  return /utf-?8/i.test(env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "");
}

const sgr = { dim: 2, bold: 1, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const;
export type Paint = keyof typeof sgr;

export function paint(style: Pick<Style, "colour">, how: Paint, text: string): string {
  return style.colour && text !== "" ? `\x1b[${sgr[how]}m${text}\x1b[0m` : text;
}

export type ShownState = LoopStatus | RunState;

/** Commands on a root act on its run, so that is the state it is shown with. */
export function shownState(loop: Pick<Loop, "status" | "run_state" | "failure">): ShownState {
  return loop.run_state ?? (hasFailedBelow(loop) ? "failed" : loop.status);
}

/** Shape first, colour second: readable without the colour. */
const looks: Readonly<Record<ShownState, { icon: string; ascii: string; paint: Paint }>> = {
  pending: { icon: "○", ascii: "o", paint: "dim" },
  running: { icon: "●", ascii: "*", paint: "blue" },
  planning: { icon: "●", ascii: "*", paint: "blue" },
  executing: { icon: "●", ascii: "*", paint: "blue" },
  integrating: { icon: "●", ascii: "*", paint: "blue" },
  awaiting_approval: { icon: "◐", ascii: "?", paint: "yellow" },
  paused: { icon: "‖", ascii: "=", paint: "yellow" },
  rebasing: { icon: "⟳", ascii: "~", paint: "cyan" },
  complete: { icon: "✓", ascii: "+", paint: "green" },
  verified: { icon: "✓", ascii: "+", paint: "green" },
  merged: { icon: "✓", ascii: "+", paint: "green" },
  failed: { icon: "✗", ascii: "x", paint: "red" },
  cancelled: { icon: "⊘", ascii: "/", paint: "dim" },
  invalidated: { icon: "◌", ascii: ".", paint: "dim" },
  stalled: { icon: "!", ascii: "!", paint: "red" },
};

export function icon(style: Style, state: ShownState): string {
  const look = looks[state];
  return paint(style, look.paint, style.unicode ? look.icon : look.ascii);
}

export function stateText(style: Style, state: ShownState, width = 0): string {
  return paint(style, looks[state].paint, stateName(state).padEnd(width));
}

export function stateName(state: ShownState): string {
  return state === "awaiting_approval" ? "awaiting approval" : state;
}

const msPerSecond = 1000;
const msPerMinute = 60_000;
const msPerHour = 3_600_000;
const msPerDay = 86_400_000;

/** `850 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`. */
export function duration(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < msPerSecond) return `${whole} ms`;
  if (whole < 10 * msPerSecond) return `${(whole / msPerSecond).toFixed(1)} s`;
  const seconds = Math.round(whole / msPerSecond);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

/** One figure and its unit: `8s`, `3m`, `2h`, `5d`. */
export function age(ms: number): string {
  const since = Math.max(0, ms);
  if (since < msPerMinute) return `${Math.floor(since / msPerSecond)}s`;
  if (since < msPerHour) return `${Math.floor(since / msPerMinute)}m`;
  if (since < msPerDay) return `${Math.floor(since / msPerHour)}h`;
  return `${Math.floor(since / msPerDay)}d`;
}

export function money(usd: number): string {
  if (usd > 0 && usd < 0.01) return "<$0.01";
  return `$${usd.toFixed(2)}`;
}

/** Which version of a plan it is, and who made it. */
export function versionText(plan: { version: number; author: string; at: number }, nowMs: number): string {
  const by = plan.author === "person" ? `, edited by a person ${age(nowMs - plan.at)} ago` : "";
  return `version ${plan.version}${by}`;
}

/** Local time of day. */
export function clockTime(ms: number): string {
  const at = new Date(ms);
  return [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => String(part).padStart(2, "0"))
    .join(":");
}

export function shortCommit(commit: string): string {
  return commit.slice(0, 10);
}

/** A word as a shell has to be given it. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function titleOf(loop: Pick<Loop, "title" | "context">): string {
  return plainLine(loop.title || loop.context.description) || "(untitled)";
}

/** Cut to the terminal's width; whole where stdout is no terminal. `text` must be without colours. */
export function fit(style: Style, text: string, used = 0): string {
  return style.columns === null ? text : cutColumns(text, Math.max(0, style.columns - used));
}

/** Text of several lines, each moved right. */
export function indent(text: string, by: string): string {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => (line === "" ? "" : by + line))
    .join("\n");
}

/** The first lines of a text, and how many were left out. */
export function head(text: string, linesMax: number): string {
  const lines = text.trimEnd().split("\n");
  if (lines.length <= linesMax) return lines.join("\n");
  return [...lines.slice(0, linesMax), `… ${lines.length - linesMax} more lines`].join("\n");
}
