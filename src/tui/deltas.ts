// What the daemon tells: a snapshot of all loops, then events; and the contents that open views ask for.
import type { Loop } from "../domain/loop.ts";
import { events, type EventData, type EventName } from "../protocol/events.ts";
import type { EventMessage } from "../protocol/messages.ts";
import { appendText } from "./output.ts";
import type { Action, Failed, Load, LoadedAction, Loads, Notice, Resource, State } from "./state.ts";
import { cleanLine } from "./text.ts";
import { failedMs, noticeMs } from "./timing.ts";
import { titleOf } from "./words.ts";

// ---------------------------------------------------------------- snapshot

type SnapshotAction = Extract<Action, { type: "snapshot_started" | "snapshot" | "snapshot_failed" }>;

export function onSnapshot(state: State, action: SnapshotAction): State {
  if (action.type === "snapshot_started") {
    return { ...state, snapshot: { phase: "loading", touched: new Set() } };
  }
  // What made it stale meanwhile (a gap, a new connection) still wants another one.
  const isCurrent = state.snapshot.phase === "loading";
  const ended = action.type === "snapshot" ? "ready" : "failed";
  const snapshot = { phase: isCurrent ? ended : state.snapshot.phase, touched: new Set<string>() };
  if (action.type === "snapshot_failed") return withError({ ...state, snapshot }, action.error);
  const loops = new Map<string, Loop>();
  for (const loop of action.loops) {
    const known = state.loops.get(loop.id);
    if (!state.deleted.has(loop.id)) loops.set(loop.id, known && known.version > loop.version ? known : loop);
  }
  // The list was taken at one moment; what events have told of since then is newer than its absence.
  for (const id of state.snapshot.touched) {
    const known = state.loops.get(id);
    if (known && !loops.has(id)) loops.set(id, known);
  }
  const { projects } = action;
  const scope = projects === null ? { name: null, projects, all: true } : { ...state.scope, projects };
  return { ...state, snapshot, loops, changedAt: lastChanges(loops), loaded: true, scope };
}

/** A run is as new as the newest of its loops. */
function lastChanges(loops: ReadonlyMap<string, Loop>): Map<string, number> {
  const changes = new Map<string, number>();
  for (const { root_id, created_at, updated_at } of loops.values()) {
    changes.set(root_id, Math.max(changes.get(root_id) ?? 0, created_at, updated_at));
  }
  return changes;
}

function withError(state: State, { message, hint }: Failed): State {
  return { ...state, notice: { kind: "error", text: message, hint, until: state.now + failedMs } };
}

// ---------------------------------------------------------------- events

type Listeners = { [N in EventName]?: (state: State, data: EventData<N>) => State };

const listeners: Listeners = {
  "loop.created": (state, loop) =>
    isNewProject(state, loop) ? resnapshot(upsert(state, loop)) : upsert(state, loop),
  "loop.updated": upsert,
  "loop.deleted": (state, { id }) => {
    const loops = new Map(state.loops);
    loops.delete(id);
    return { ...state, loops, deleted: new Set(state.deleted).add(id) };
  },
  "loop.iteration": (state, { id }) => restale(restale(state, "history", id), "diff", id),
  "loop.output": (state, { id, text }) => {
    const output = state.loads.output;
    // While it is being asked for, the answer will hold this too.
    if (output?.id !== id || output.phase !== "ready" || output.value === null) return state;
    const value = appendText(output.value, text);
    return { ...state, loads: { ...state.loads, output: { ...output, value } } };
  },
  "plan.awaiting_approval": (state, { id }) => restale(state, "plan", id),
  "plan.edited": (state, { id, version }) =>
    notify(restale(state, "plan", id), "info", `A person has edited the plan: version ${version}.`, ""),
  "merge.completed": (state, { id, commit, branch }) =>
    notify(state, "info", `Merged onto ${branch} as ${commit.slice(0, 10)}: ${name(state, id)}`, ""),
  "merge.conflict": (state, { message, hint }) => notify(state, "error", message, hint),
  "daemon.stopping": (state) => ({ ...state, stopping: true }),
  "stream.gap": reload,
  error: (state, { message }) => notify(state, "error", message, ""),
};

export function onEvent(state: State, message: EventMessage): State {
  return isEventName(message.event) ? hear(state, message.event, message.data) : state;
}

/** An event that this version does not know, or of another shape, changes nothing. */
function hear<N extends EventName>(state: State, event: N, data: unknown): State {
  const listener: Listeners[N] = listeners[event];
  if (!listener) return state;
  const parsed = events[event].safeParse(data);
  return parsed.success ? listener(state, parsed.data as EventData<N>) : state;
}

function isEventName(event: string): event is EventName {
  return Object.hasOwn(events, event);
}

function notify(state: State, kind: Notice["kind"], text: string, hint: string): State {
  const clean = { text: cleanLine(text), hint: cleanLine(hint) };
  return { ...state, notice: { kind, ...clean, until: state.now + noticeMs } };
}

function name(state: State, id: string): string {
  const loop = state.loops.get(id);
  return loop ? titleOf(loop) : id;
}

/** A newer version of a loop than the one known. Events of a reconnect may repeat what a snapshot has. */
function upsert(state: State, loop: Loop): State {
  const known = state.loops.get(loop.id);
  if (state.deleted.has(loop.id) || (known && known.version >= loop.version)) return state;
  const loops = new Map(state.loops).set(loop.id, loop);
  const snapshot =
    state.snapshot.phase === "loading"
      ? { ...state.snapshot, touched: new Set(state.snapshot.touched).add(loop.id) }
      : state.snapshot;
  const next = withSeparator({ ...state, loops, snapshot }, known, loop);
  const turned = !known || known.iteration !== loop.iteration || known.status !== loop.status;
  if (!turned) return next;
  return restale(restale(restale(next, "history", loop.id), "diff", loop.id), "plan", loop.id);
}

/** The output on the screen goes on with the next iteration's: one sees where it begins. */
function withSeparator(state: State, known: Loop | undefined, loop: Loop): State {
  const output = state.loads.output;
  if (!known || known.iteration >= loop.iteration || output?.id !== loop.id || output.value === null)
    return state;
  const rule = state.glyphs.rule.repeat(2);
  const value = appendText(output.value, `\n${rule} iteration ${loop.iteration} ${rule}\n`);
  return { ...state, loads: { ...state.loads, output: { ...output, value } } };
}

/** Only the daemon knows whether another checkout belongs to this repository: it is asked again. */
function isNewProject(state: State, { project }: Loop): boolean {
  const { name: scopeName, projects } = state.scope;
  if (scopeName === null || projects === null || projects.has(project)) return false;
  return ![...state.loops.values()].some((loop) => loop.project === project);
}

/** Everything shown is asked for again. */
export function reload(state: State): State {
  return resnapshot({ ...state, loads: staleLoads(state.loads) });
}

function resnapshot(state: State): State {
  return { ...state, snapshot: { ...state.snapshot, phase: "stale" } };
}

// ---------------------------------------------------------------- contents of views

type LoadAction = Extract<Action, { type: "load_started" | "load_failed" }> | LoadedAction;

export function onLoad(state: State, action: LoadAction): State {
  const load = state.loads[action.resource];
  // The person has gone elsewhere meanwhile.
  if (load?.id !== action.id) return state;
  // Whatever made it stale while the answer was under way wants another one.
  const isCurrent = load.phase === "loading";
  switch (action.type) {
    case "load_started":
      return put(state, action.resource, { phase: "loading" });
    case "load_failed":
      return put(state, action.resource, {
        phase: isCurrent ? "failed" : "stale",
        error: cleanLine(action.error.message),
      });
    case "loaded":
      return put(state, action.resource, {
        phase: isCurrent ? "ready" : "stale",
        value: action.value,
        error: "",
      });
  }
}

function put(state: State, resource: Resource, change: object): State {
  return { ...state, loads: { ...state.loads, [resource]: { ...state.loads[resource], ...change } } };
}

function restale(state: State, resource: Resource, id: string): State {
  const load = state.loads[resource];
  return load?.id === id ? { ...state, loads: { ...state.loads, [resource]: staled(load) } } : state;
}

function staled<L extends Load<unknown>>(load: L): L {
  return {
    ...load,
    phase: load.phase === "loading" || load.phase === "loading_stale" ? "loading_stale" : "stale",
  };
}

/** After a new connection: an answer under way will never come. */
function staleLoads(loads: Loads): Loads {
  const again = <T>(load: Load<T> | null): Load<T> | null => load && { ...load, phase: "stale" };
  return {
    history: again(loads.history),
    output: again(loads.output),
    diff: again(loads.diff),
    plan: again(loads.plan),
  };
}
