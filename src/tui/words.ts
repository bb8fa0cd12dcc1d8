// How the interface names things: states, ages, money, what a loop does right now. Pure.
import { hasFailedBelow } from "../domain/failure-below.ts";
import type { Loop, LoopStatus, RunState } from "../domain/loop.ts";
import { hexPart } from "../lib/ids.ts";
import { cleanLine } from "./text.ts";
import type { Glyphs, Style } from "./theme.ts";

export type ShownState = LoopStatus | RunState;

/** Actions on a root act on its run, so the run's state is what it is shown with. */
export function shownState(loop: Pick<Loop, "status" | "run_state" | "failure">): ShownState {
  return loop.run_state ?? (hasFailedBelow(loop) ? "failed" : loop.status);
}

export type Group = "running" | "pending" | "awaiting" | "done" | "failed" | "paused" | "other";

/** Shape and colour of each state, and where the header counts it. */
const looks: Readonly<Record<ShownState, { glyph: keyof Glyphs; style: Style; group: Group }>> = {
  pending: { glyph: "pending", style: "plain", group: "pending" },
  running: { glyph: "running", style: "blue", group: "running" },
  planning: { glyph: "running", style: "blue", group: "running" },
  executing: { glyph: "running", style: "blue", group: "running" },
  integrating: { glyph: "running", style: "blue", group: "running" },
  rebasing: { glyph: "rebasing", style: "cyan", group: "running" },
  awaiting_approval: { glyph: "awaiting", style: "yellow", group: "awaiting" },
  paused: { glyph: "paused", style: "yellow", group: "paused" },
  complete: { glyph: "complete", style: "green", group: "done" },
  verified: { glyph: "complete", style: "green", group: "done" },
  merged: { glyph: "complete", style: "green", group: "done" },
  failed: { glyph: "failed", style: "red", group: "failed" },
  stalled: { glyph: "stalled", style: "red", group: "failed" },
  cancelled: { glyph: "cancelled", style: "dim", group: "other" },
  invalidated: { glyph: "invalidated", style: "dim", group: "other" },
};

export function stateGlyph(glyphs: Glyphs, state: ShownState): string {
  return glyphs[looks[state].glyph];
}

export function stateStyle(state: ShownState): Style {
  return looks[state].style;
}

export function stateGroup(state: ShownState): Group {
  return looks[state].group;
}

export function stateName(state: ShownState): string {
  return state === "awaiting_approval" ? "awaiting approval" : state;
}

export function titleOf(loop: Pick<Loop, "title" | "context">): string {
  return cleanLine(loop.title || loop.context.description).trim() || "(untitled)";
}

const waits: Readonly<Record<string, string>> = {
  approval: "needs your approval",
  credentials: "needs credentials",
  dependencies: "waits for others",
  budget: "budget used up",
  disk: "needs room on the disk",
  merge: "verified, to be merged",
};

/** One line: what it does right now, or what came of it. `loops`: all that are known. */
export function doing(loop: Loop, loops: ReadonlyMap<string, Loop>): string {
  const state = shownState(loop);
  if (loop.status === "awaiting_approval") return waits["approval"] ?? "";
  if (loop.failure) return cleanLine(loop.failure.message);
  if (loop.waiting_for) return waits[loop.waiting_for] ?? `waits for ${cleanLine(loop.waiting_for)}`;
  if (state === "verified") return waits["merge"] ?? "";
  if (state === "pending") return unmet(loop, loops);
  if (state === "executing") return share(loop, loops);
  const progress = cleanLine(loop.progress).trim();
  return progress || (["running", "pending", "complete"].includes(state) ? "" : stateName(state));
}

function unmet(loop: Loop, loops: ReadonlyMap<string, Loop>): string {
  const open = loop.depends_on.map((id) => loops.get(id)).filter((each) => each?.status !== "complete");
  const [first] = open;
  if (!first) return cleanLine(loop.progress).trim();
  return open.length === 1 ? `after ${titleOf(first)}` : `after ${open.length} others`;
}

/** How far a run has come, by the loops that change code. */
function share(root: Loop, loops: ReadonlyMap<string, Loop>): string {
  const code = [...loops.values()].filter((each) => each.root_id === root.id && each.loop_type === "code");
  const done = code.filter((each) => each.status === "complete").length;
  return code.length <= 1 ? cleanLine(root.progress).trim() : `${done} of ${code.length} done`;
}

/** What the filter looks in, in lower case. */
export function searchable(loop: Loop): string {
  const parts = [titleOf(loop), loop.loop_type, stateName(shownState(loop)), hexPart(loop.id), loop.project];
  return parts.join(" ").toLowerCase();
}

const secondMs = 1_000;
const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;

/** One figure and its unit: `8s`, `3m`, `2h`, `5d`. */
export function age(ms: number): string {
  const past = Math.max(0, ms);
  if (past < minuteMs) return `${Math.floor(past / secondMs)}s`;
  if (past < hourMs) return `${Math.floor(past / minuteMs)}m`;
  if (past < dayMs) return `${Math.floor(past / hourMs)}h`;
  return `${Math.floor(past / dayMs)}d`;
}

/** Milliseconds until `age` of something this old reads differently. */
export function ageChangesIn(ms: number): number {
  const unit = ms < minuteMs ? secondMs : ms < hourMs ? minuteMs : hourMs;
  return ms < 0 ? secondMs : unit - (ms % unit);
}

/** `0.4 s`, `12 s`, `3 min 5 s`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / secondMs;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

export function money(usd: number): string {
  return usd > 0 && usd < 0.01 ? "<$0.01" : `$${usd.toFixed(2)}`;
}

/** `950`, `12.3k`, `4.5M`. */
function count(n: number): string {
  if (n < 1_000) return String(Math.round(n));
  if (n < 999_950) return `${(n / 1_000).toFixed(n < 99_950 ? 1 : 0)}k`;
  return `${(n / 1_000_000).toFixed(1)}M`;
}

/** In and out: `↑12.3k ↓4.5k`. */
export function tokens({ up, down }: Glyphs, tokensIn: number, tokensOut: number): string {
  const space = up.length > 1 ? " " : "";
  return `${up}${space}${count(tokensIn)} ${down}${space}${count(tokensOut)}`;
}

export function plural(n: number, one: string, many = one + "s"): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** Local time of day; the date instead of the seconds where it was another day. */
export function when(ms: number, nowMs: number): string {
  const at = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  if (at.toDateString() === new Date(nowMs).toDateString()) return `${time}:${two(at.getSeconds())}`;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}
