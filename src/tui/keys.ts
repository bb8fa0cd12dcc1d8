// What each key does, by what is on the screen. Pure: (state, key) → changes of the state, and effects.
import type { Loop } from "../domain/loop.ts";
import { emptyField, fieldOf, type Edit } from "./field.ts";
import {
  currentView,
  draftKey,
  type Pane,
  type Prompt,
  type State,
  type UiAction,
  type View,
} from "./state.ts";
import { quitWithinMs } from "./timing.ts";
import { livingDescendants, selectedLoop, waitingPlans } from "./tree.ts";
import { pageRows } from "./views/body.ts";
import { shownState, stateName } from "./words.ts";

/** `text`: one typed character. Names of other keys are pi-tui's: `ctrl+c`, `shift+tab`, `pageUp`, `f1`. */
export type Key =
  { kind: "text"; text: string } | { kind: "paste"; text: string } | { kind: "key"; name: string };

export type Act = "pause" | "resume" | "cancel" | "approve" | "reject" | "iterate";

/** `version`: of the plan that is approved, as it was shown. */
export interface Acting {
  act: Act;
  id: string;
  text: string;
  version?: number | null;
}

/** What only the world outside can do. */
export type Effect =
  | { effect: "quit" | "suspend" | "redraw" | "connect" }
  | { effect: "edit"; id: string }
  | ({ effect: "act" } & Acting);

export type Command = UiAction | Effect | { type: "told"; text: string } | { type: "reload" };

/** `state.now` must be the moment of the key. */
export function interpret(state: State, key: Key): Command[] {
  const name = key.kind === "key" ? key.name : "";
  if (name === "ctrl+c" || name === "ctrl+d") {
    return state.now - state.quitAt <= quitWithinMs ? [{ effect: "quit" }] : [{ type: "quit_hint" }];
  }
  if (name === "ctrl+l") return [{ type: "reload" }, { effect: "redraw" }];
  if (name === "ctrl+z") return [{ effect: "suspend" }];
  if (state.prompt) return promptKey(state.prompt, key);
  if (name === "enter" && state.connection === "closed") return [{ effect: "connect" }];
  // Text pasted by mistake must not act.
  if (key.kind === "paste") return [];
  const pressed = key.kind === "text" ? key.text : key.name;
  if (pressed === "f1" || pressed === "?") {
    return currentView(state).name === "help"
      ? [{ type: "back" }]
      : [{ type: "open", view: { name: "help", scroll: 0 } }];
  }
  return viewKey(state, currentView(state), pressed);
}

// ---------------------------------------------------------------- typing

const edits: Readonly<Record<string, Edit>> = {
  backspace: { edit: "backspace" },
  "shift+backspace": { edit: "backspace" },
  delete: { edit: "delete" },
  left: { edit: "left" },
  right: { edit: "right" },
  "ctrl+b": { edit: "left" },
  "ctrl+f": { edit: "right" },
  home: { edit: "home" },
  end: { edit: "end" },
  "ctrl+a": { edit: "home" },
  "ctrl+e": { edit: "end" },
  "alt+left": { edit: "word_left" },
  "alt+right": { edit: "word_right" },
  "ctrl+left": { edit: "word_left" },
  "ctrl+right": { edit: "word_right" },
  "alt+b": { edit: "word_left" },
  "alt+f": { edit: "word_right" },
  "alt+backspace": { edit: "kill_word" },
  "ctrl+w": { edit: "kill_word" },
  "ctrl+u": { edit: "kill_before" },
  "ctrl+k": { edit: "kill_after" },
};

function promptKey(prompt: Prompt, key: Key): Command[] {
  if (prompt.kind === "cancel") return answerKey(prompt, key);
  if (key.kind !== "key") {
    const text = prompt.kind === "filter" ? key.text.replace(/\s+/g, " ") : key.text;
    return [{ type: "edit", edit: { edit: "insert", text } }];
  }
  if (key.name === "escape") return [{ type: "close_prompt", keep: false }];
  if (key.name === "enter") return submit(prompt);
  if (["alt+enter", "shift+enter", "ctrl+enter", "ctrl+j"].includes(key.name) && prompt.kind !== "filter") {
    return [{ type: "edit", edit: { edit: "insert", text: "\n" } }];
  }
  // The tree can be walked while it is filtered.
  if (prompt.kind === "filter" && key.name === "up") return [{ type: "move", by: -1 }];
  if (prompt.kind === "filter" && key.name === "down") return [{ type: "move", by: 1 }];
  const change = edits[key.name];
  return change ? [{ type: "edit", edit: change }] : [];
}

function answerKey(prompt: Extract<Prompt, { kind: "cancel" }>, key: Key): Command[] {
  const close = { type: "close_prompt", keep: false } as const;
  if (key.kind === "text" && key.text.toLowerCase() === "y") {
    return [close, { effect: "act", act: "cancel", id: prompt.id, text: "" }];
  }
  const isNo =
    key.kind === "text" ? key.text.toLowerCase() === "n" : key.kind === "key" && key.name === "escape";
  return isNo ? [close] : [];
}

function submit(prompt: Exclude<Prompt, { kind: "cancel" }>): Command[] {
  if (prompt.kind === "filter") return [{ type: "close_prompt", keep: true }];
  const text = prompt.field.text.trim();
  if (text === "" && prompt.kind === "iterate") {
    return [{ type: "told", text: "Say what should be different, or press Esc." }];
  }
  // The draft stays until the daemon has taken it.
  return [
    { type: "close_prompt", keep: true },
    { effect: "act", act: prompt.kind, id: prompt.id, text },
  ];
}

// ---------------------------------------------------------------- views

function viewKey(state: State, view: View, key: string): Command[] {
  if (view.name === "loops") return loopsKey(state, key);
  if (key === "escape") return [{ type: "back" }];
  const by = scrollKey(state, key);
  if (by !== null) return [{ type: "scroll", by }];
  if (view.name === "detail") return detailKey(state, view.id, key);
  return view.name === "approval" ? approvalKey(state, view.id, key) : [];
}

/** By how much a key moves, in the tree or down a text; null: it does not. */
function scrollKey(state: State, key: string): number | null {
  switch (key) {
    case "j":
    case "down":
      return 1;
    case "k":
    case "up":
      return -1;
    case "pageDown":
    case " ":
    case "ctrl+f":
      return pageRows(state);
    case "pageUp":
    case "ctrl+b":
      return -pageRows(state);
    case "g":
    case "home":
      return -Infinity;
    case "G":
    case "end":
      return Infinity;
    default:
      return null;
  }
}

function loopsKey(state: State, key: string): Command[] {
  const by = scrollKey(state, key);
  if (by !== null) return [{ type: "move", by }];
  switch (key) {
    case "h":
    case "left":
      return [{ type: "fold", folded: true }];
    case "l":
    case "right":
      return [{ type: "fold", folded: false }];
    case "a":
      return [{ type: "scope" }];
    case "/":
      return [{ type: "ask", prompt: { kind: "filter", field: fieldOf(state.filter), before: "" } }];
    case "escape":
      return state.filter === "" ? [] : [{ type: "clear_filter" }];
    case "p":
      return judge(state, selectedLoop(state));
  }
  const loop = selectedLoop(state);
  if (!loop) return [];
  switch (key) {
    case "enter":
      return loop.status === "awaiting_approval" ? judge(state, loop) : [detail(loop.id, "overview")];
    case "d":
      return [detail(loop.id, "diff")];
    case "o":
      return [detail(loop.id, "output")];
    default:
      return actKey(state, loop, key);
  }
}

function detail(id: string, pane: Pane): Command {
  return { type: "open", view: { name: "detail", id, pane, scroll: pane === "output" ? null : 0 } };
}

/** The gate of this plan if it waits, otherwise of the one that has waited longest. */
function judge(state: State, loop: Loop | null): Command[] {
  const plan = loop?.status === "awaiting_approval" ? loop : waitingPlans(state)[0];
  if (!plan) return [{ type: "told", text: "No plan waits for your approval." }];
  return [{ type: "open", view: { name: "approval", id: plan.id, scroll: 0 } }];
}

function detailKey(state: State, id: string, key: string): Command[] {
  const loop = state.loops.get(id);
  if (!loop) return [];
  switch (key) {
    case "tab":
    case "l":
    case "right":
      return [{ type: "pane", by: 1 }];
    case "shift+tab":
    case "h":
    case "left":
      return [{ type: "pane", by: -1 }];
    case "d":
      return [{ type: "back" }, detail(id, "diff")];
    case "o":
      return [{ type: "back" }, detail(id, "output")];
    case "p":
      return judge(state, loop);
    default:
      return actKey(state, loop, key);
  }
}

function actKey(state: State, loop: Loop, key: string): Command[] {
  const shown = shownState(loop);
  const ended = ["complete", "verified", "merged", "cancelled", "invalidated"].includes(shown);
  if (key === "s") {
    if (ended) return [{ type: "told", text: `Nothing to pause: it is ${stateName(shown)}.` }];
    const act = ["paused", "stalled", "failed"].includes(shown) ? "resume" : "pause";
    return [{ effect: "act", act, id: loop.id, text: "" }];
  }
  if (key === "x") {
    if (ended) return [{ type: "told", text: `Nothing to cancel: it is ${stateName(shown)}.` }];
    return [
      { type: "ask", prompt: { kind: "cancel", id: loop.id, loops: livingDescendants(state, loop.id) } },
    ];
  }
  return [];
}

function approvalKey(state: State, id: string, key: string): Command[] {
  // What the person has not been shown, the person cannot approve.
  const shown = state.loads.plan?.id === id ? state.loads.plan.value : null;
  switch (key) {
    case "a":
      return shown
        ? [{ effect: "act", act: "approve", id, text: "", version: shown.version }]
        : [{ type: "told", text: "The plan is not on the screen yet." }];
    case "e":
      return [{ effect: "edit", id }];
    case "r":
      return [ask(state, "reject", id)];
    case "i":
      return [ask(state, "iterate", id)];
    default:
      return [];
  }
}

function ask(state: State, kind: "reject" | "iterate", id: string): Command {
  const draft = state.drafts.get(draftKey(kind, id));
  return { type: "ask", prompt: { kind, id, field: draft ? fieldOf(draft) : emptyField } };
}
