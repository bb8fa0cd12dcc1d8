// The reducer: (state, action) → state. What the daemon tells is in deltas.ts; here is what the person and
// the connection do, and what must hold after every change.
import { isTerminal } from "../domain/loop.ts";
import { onEvent, onLoad, onSnapshot, reload } from "./deltas.ts";
import { edit } from "./field.ts";
import {
  currentView,
  draftKey,
  panes,
  type Action,
  type Failed,
  type Loads,
  type Prompt,
  type State,
  type View,
} from "./state.ts";
import { failedMs, toldMs } from "./timing.ts";
import { selectedLoop, treeRows } from "./tree.ts";
import { scrollMax, treeHeight } from "./views/body.ts";

export function reduce(state: State, action: Action): State {
  const next = change(state, action);
  return next === state ? state : settle(state, next);
}

function change(state: State, action: Action): State {
  switch (action.type) {
    case "resized":
      return { ...state, columns: action.columns, rows: action.rows };
    case "ticked":
      return onTick(state, action.now);
    case "connecting":
      return { ...state, connecting: action.text };
    case "connection":
      return onConnection(state, action.connection, action.otherVersion);
    case "silence":
      return state.silentSince === action.since ? state : { ...state, silentSince: action.since };
    case "snapshot_started":
    case "snapshot":
    case "snapshot_failed":
      return onSnapshot(state, action);
    case "reload":
      return reload(state);
    case "event":
      return onEvent(state, action.event);
    case "load_started":
    case "loaded":
    case "load_failed":
      return onLoad(state, action);
    case "acting":
      return { ...state, notice: null };
    case "told":
      return tell(state, action.text);
    case "failed":
      return fail(state, action.error);
    case "sent":
      return onSent(state, action.kind, action.id);
    case "move":
      return move(state, action.by);
    case "fold":
      return fold(state, action.folded);
    case "scope":
      return onScope(state);
    case "open":
      return open(state, action.view);
    case "back":
      return state.views.length > 1 ? { ...state, views: state.views.slice(0, -1) } : state;
    case "pane":
      return switchPane(state, action.by);
    case "scroll":
      return scroll(state, action.by);
    case "ask":
      return { ...withoutInfo(state), prompt: action.prompt };
    case "edit":
      return onEdit(state, (field) => edit(field, action.edit));
    case "close_prompt":
      return closePrompt(state, action.keep);
    case "clear_filter":
      return { ...state, filter: "" };
    case "quit_hint":
      return { ...state, quitAt: state.now };
  }
}

function onTick(state: State, now: number): State {
  const notice = state.notice && state.notice.until <= now ? null : state.notice;
  return { ...state, now, notice };
}

/** A new connection knows nothing of the old one: everything shown is asked for again. */
function onConnection(before: State, connection: State["connection"], otherVersion: string | null): State {
  const state = { ...before, silentSince: null };
  // Whoever stopped it may start it again, and then the client finds it; the person here may do so too.
  if (connection === "reconnecting" && state.stopping) return { ...state, connection: "closed" };
  if (connection !== "connected") return { ...state, connection };
  return reload({ ...state, connection, otherVersion, connecting: "", stopping: false });
}

function tell(state: State, text: string): State {
  return { ...state, notice: { kind: "info", text, hint: "", until: state.now + toldMs } };
}

/** What was told of one thing does not stay beside the next. A failure stays to be read. */
function withoutInfo(state: State): State {
  return state.notice?.kind === "info" ? { ...state, notice: null } : state;
}

function fail(state: State, { message, hint }: Failed): State {
  return { ...state, notice: { kind: "error", text: message, hint, until: state.now + failedMs } };
}

function onSent(state: State, kind: "reject" | "iterate", id: string): State {
  const drafts = new Map(state.drafts);
  drafts.delete(draftKey(kind, id));
  return { ...state, drafts };
}

function move(state: State, by: number): State {
  const rows = treeRows(state);
  const at = rows.findIndex((row) => row.loop.id === state.cursor);
  const to = Math.min(rows.length - 1, Math.max(0, at + by));
  return { ...state, cursor: rows[to]?.loop.id ?? null };
}

/** Folding what is folded already goes to the parent; unfolding what is open goes to the first child. */
function fold(state: State, folded: boolean): State {
  const rows = treeRows(state);
  const at = rows.findIndex((row) => row.loop.id === state.cursor);
  const row = rows[at];
  if (!row) return state;
  if (row.folded === !folded) {
    const next = new Set(state.folded);
    if (folded) next.add(row.loop.id);
    else next.delete(row.loop.id);
    return { ...state, folded: next };
  }
  if (!folded)
    return row.folded === false ? { ...state, cursor: rows[at + 1]?.loop.id ?? state.cursor } : state;
  const parent = rows.slice(0, at).findLast((each) => each.depth < row.depth);
  return parent ? { ...state, cursor: parent.loop.id } : state;
}

function onScope(state: State): State {
  if (state.scope.name === null) return tell(state, "Not in a repository: loops of all projects are shown.");
  return { ...state, scope: { ...state.scope, all: !state.scope.all } };
}

function open(state: State, view: View): State {
  if (view.name === "help" && currentView(state).name === "help") return state;
  return { ...withoutInfo(state), views: [...state.views, view] };
}

function switchPane(state: State, by: number): State {
  const view = currentView(state);
  if (view.name !== "detail") return state;
  const pane = panes[(panes.indexOf(view.pane) + by + panes.length) % panes.length] ?? "overview";
  return replaceView(state, { ...view, pane, scroll: pane === "output" ? null : 0 });
}

/** Scrolling down to the end means to stay there: null. */
function scroll(state: State, by: number): State {
  const view = currentView(state);
  if (view.name === "loops") return state;
  const max = scrollMax(state);
  const to = Math.min(max, Math.max(0, (view.scroll ?? max) + by));
  const follows = view.name === "detail" && view.pane === "output" && to === max;
  return replaceView(state, { ...view, scroll: follows ? null : to });
}

function replaceView(state: State, view: View): State {
  return { ...state, views: [...state.views.slice(0, -1), view] };
}

function onEdit(
  state: State,
  change: (field: { text: string; at: number }) => { text: string; at: number },
): State {
  const prompt = state.prompt;
  if (prompt === null || prompt.kind === "cancel") return state;
  const next: Prompt = { ...prompt, field: change(prompt.field) };
  if (next.kind === "filter") return { ...state, prompt: next, filter: next.field.text.trim() };
  return {
    ...state,
    prompt: next,
    drafts: new Map(state.drafts).set(draftKey(next.kind, next.id), next.field.text),
  };
}

/** `keep`: a filter stays as typed; otherwise it is again what it was. Drafts stay in any case. */
function closePrompt(state: State, keep: boolean): State {
  const prompt = state.prompt;
  const filter = prompt?.kind === "filter" && !keep ? prompt.before : state.filter;
  return { ...state, prompt: null, filter };
}

/** What must hold after every change: nothing points to a loop that is not there. */
function settle(before: State, next: State): State {
  return settleCursor(before, settleLoads(settlePrompt(settleViews(next))));
}

/** Views of loops that are gone close, and so does the gate of a plan that no longer waits. */
function settleViews(state: State): State {
  if (!state.loaded) return state;
  const stands = (view: View): boolean => {
    if (view.name === "detail") return state.loops.has(view.id);
    if (view.name === "approval") return state.loops.get(view.id)?.status === "awaiting_approval";
    return true;
  };
  return state.views.every(stands) ? state : { ...state, views: state.views.filter(stands) };
}

function settlePrompt(state: State): State {
  const { prompt } = state;
  if (!state.loaded || prompt === null || prompt.kind === "filter") return state;
  const loop = state.loops.get(prompt.id);
  const stands =
    prompt.kind === "cancel" ? loop && !isEnded(state, prompt.id) : loop?.status === "awaiting_approval";
  return stands ? state : { ...state, prompt: null };
}

function isEnded(state: State, id: string): boolean {
  const loop = state.loops.get(id);
  return (
    !loop ||
    (isTerminal(loop.status) && !["executing", "integrating", "paused"].includes(loop.run_state ?? ""))
  );
}

/** What the open view shows is asked for; what no view shows is forgotten. */
function settleLoads(state: State): State {
  const view = currentView(state);
  const history = view.name === "detail" ? view.id : null;
  const wanted: Record<keyof Loads, string | null> = {
    history,
    output: view.name === "detail" && (view.pane === "overview" || view.pane === "output") ? view.id : null,
    diff: view.name === "detail" && view.pane === "diff" ? view.id : null,
    plan: view.name === "approval" ? view.id : null,
  };
  if (view.name === "help") return state;
  const entries = Object.entries(state.loads);
  if (entries.every(([name, load]) => (load?.id ?? null) === wanted[name as keyof Loads])) return state;
  const keep = <L extends { id: string } | null>(load: L, id: string | null) =>
    id === null ? null : load?.id === id ? load : { id, phase: "stale" as const, value: null, error: "" };
  return {
    ...state,
    loads: {
      history: keep(state.loads.history, wanted.history),
      output: keep(state.loads.output, wanted.output),
      diff: keep(state.loads.diff, wanted.diff),
      plan: keep(state.loads.plan, wanted.plan),
    },
  };
}

/** The cursor stays on its loop; where that is no longer shown, on what stands in its place. */
function settleCursor(before: State, state: State): State {
  const rowsBefore = treeRows(before);
  const rows = treeRows(state);
  let at = rows.findIndex((row) => row.loop.id === state.cursor);
  if (at < 0 && rows.length > 0) {
    const was = rowsBefore.findIndex((row) => row.loop.id === state.cursor);
    at = Math.min(rows.length - 1, Math.max(0, was));
  }
  const cursor = rows[at]?.loop.id ?? (selectedLoop(state) ? state.cursor : null);
  const height = treeHeight(state);
  const lowest = Math.max(0, rows.length - height);
  const top = Math.min(lowest, Math.max(at - height + 1, Math.min(state.top, Math.max(0, at))));
  const cleanTop = Math.max(0, top);
  return cursor === state.cursor && cleanTop === state.top ? state : { ...state, cursor, top: cleanTop };
}
