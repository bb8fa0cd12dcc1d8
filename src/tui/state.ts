// Everything that the interface knows, and every way it changes. Pure: no clock, no socket, no terminal.
import type { PlanSpec } from "../domain/artifacts.ts";
import type { Evidence, IterationRecord } from "../domain/evidence.ts";
import type { Loop } from "../domain/loop.ts";
import type { EventMessage } from "../protocol/messages.ts";
import type { Edit, Field } from "./field.ts";
import type { Glyphs } from "./theme.ts";

export const panes = ["overview", "output", "evidence", "diff"] as const;
export type Pane = (typeof panes)[number];

/** `scroll`: lines above the first one shown; null: at the end, and staying there as more comes. */
export type View =
  | { name: "loops" }
  | { name: "detail"; id: string; pane: Pane; scroll: number | null }
  | { name: "approval"; id: string; scroll: number | null }
  | { name: "help"; scroll: number | null };

/** What stands between a key and its effect: something to type, or a question. */
export type Prompt =
  | { kind: "filter"; field: Field; before: string }
  | { kind: "reject" | "iterate"; id: string; field: Field }
  | { kind: "cancel"; id: string; loops: number };

/** A raw line, as an object so that its rows on the screen can be remembered with it (output.ts). */
export interface TextLine {
  text: string;
}

/** What one open view has asked the daemon for. */
export interface Contents {
  history: { iterations: IterationRecord[]; evidence: Evidence[] };
  output: readonly TextLine[];
  diff: { lines: readonly TextLine[]; truncated: boolean };
  /** `version`: null for a question about protected files. `edited`: by a person. */
  plan: { content: string; specs: PlanSpec[]; version: number | null; edited: boolean };
}
export type Resource = keyof Contents;

/**
 * `stale`: to be asked for. `loading_stale`: the answer under way is out of date already.
 * The last value stays on the screen meanwhile.
 */
export interface Load<T> {
  id: string;
  phase: "stale" | "loading" | "loading_stale" | "ready" | "failed";
  value: T | null;
  error: string;
}
export type Loads = { [R in Resource]: Load<Contents[R]> | null };

export interface Notice {
  kind: "info" | "error";
  text: string;
  hint: string;
  /** When it goes away by itself. */
  until: number;
}

export interface Scope {
  /** The repository of the current directory, as a name to show; null: not in one, all projects are shown. */
  name: string | null;
  /** The values of `Loop.project` that mean this repository; null: not known yet. */
  projects: ReadonlySet<string> | null;
  all: boolean;
}

export interface State {
  now: number;
  columns: number;
  rows: number;
  glyphs: Glyphs;
  connection: "connecting" | "connected" | "reconnecting" | "closed";
  /** What a slow start or reconnect says of itself. */
  connecting: string;
  /** The daemon has said that it was told to stop: it will not be started again unasked. */
  stopping: boolean;
  /** When it was last heard of, where it is connected and does not answer; null: it does. */
  silentSince: number | null;
  /** The daemon's version where it is not ours. */
  otherVersion: string | null;
  loops: ReadonlyMap<string, Loop>;
  /** Whether the loops have been seen once. */
  loaded: boolean;
  /** While a snapshot is under way: the loops that events have told of since it was asked for. */
  snapshot: { phase: "stale" | "loading" | "ready" | "failed"; touched: ReadonlySet<string> };
  /** When each run last changed as of the last snapshot: runs stay where they are until the next one. */
  changedAt: ReadonlyMap<string, number>;
  /** Deleted loops never come back by a snapshot that was taken before. */
  deleted: ReadonlySet<string>;
  scope: Scope;
  views: readonly View[];
  /** The selected loop, and the first row shown of the tree. */
  cursor: string | null;
  top: number;
  folded: ReadonlySet<string>;
  filter: string;
  prompt: Prompt | null;
  /** What was typed and not sent, by plan and kind: it is there again when the field is opened again. */
  drafts: ReadonlyMap<string, string>;
  loads: Loads;
  notice: Notice | null;
  /** When a quit key was last pressed. */
  quitAt: number;
}

export interface Failed {
  message: string;
  hint: string;
}

export type Action =
  | { type: "resized"; columns: number; rows: number }
  | { type: "ticked"; now: number }
  | { type: "connecting"; text: string }
  | { type: "connection"; connection: State["connection"]; otherVersion: string | null }
  | { type: "silence"; since: number | null }
  | { type: "snapshot_started" }
  /** `projects` null: the current directory is in no repository. */
  | { type: "snapshot"; loops: Loop[]; projects: ReadonlySet<string> | null }
  | { type: "snapshot_failed"; error: Failed }
  | { type: "reload" }
  | { type: "event"; event: EventMessage }
  | { type: "load_started"; resource: Resource; id: string }
  | LoadedAction
  | { type: "load_failed"; resource: Resource; id: string; error: Failed }
  /** The person asked for something: what was told of the last thing is over. */
  | { type: "acting" }
  | { type: "told"; text: string }
  | { type: "failed"; error: Failed }
  | { type: "sent"; kind: "reject" | "iterate"; id: string }
  | UiAction;

export type LoadedAction = {
  [R in Resource]: { type: "loaded"; resource: R; id: string; value: Contents[R] };
}[Resource];

/** What keys do to the state alone. */
export type UiAction =
  | { type: "move"; by: number }
  | { type: "fold"; folded: boolean }
  | { type: "scope" }
  | { type: "open"; view: View }
  | { type: "back" }
  | { type: "pane"; by: number }
  | { type: "scroll"; by: number }
  | { type: "ask"; prompt: Prompt }
  | { type: "edit"; edit: Edit }
  | { type: "close_prompt"; keep: boolean }
  | { type: "clear_filter" }
  | { type: "quit_hint" };

export function initialState(options: {
  now: number;
  columns: number;
  rows: number;
  glyphs: Glyphs;
  scopeName: string;
}): State {
  return {
    now: options.now,
    columns: options.columns,
    rows: options.rows,
    glyphs: options.glyphs,
    connection: "connecting",
    connecting: "",
    stopping: false,
    silentSince: null,
    otherVersion: null,
    loops: new Map(),
    loaded: false,
    snapshot: { phase: "stale", touched: new Set() },
    changedAt: new Map(),
    deleted: new Set(),
    scope: { name: options.scopeName, projects: null, all: false },
    views: [{ name: "loops" }],
    cursor: null,
    top: 0,
    folded: new Set(),
    filter: "",
    prompt: null,
    drafts: new Map(),
    loads: { history: null, output: null, diff: null, plan: null },
    notice: null,
    quitAt: -Infinity,
  };
}

export function currentView(state: State): View {
  return state.views.at(-1) ?? { name: "loops" };
}

/** How `drafts` names what was typed for a plan. */
export function draftKey(kind: "reject" | "iterate", id: string): string {
  return `${kind} ${id}`;
}
