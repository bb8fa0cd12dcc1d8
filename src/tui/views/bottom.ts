// The last lines: what one is asked or told, and the keys that work here now.
import type { Field } from "../field.ts";
import { line, type Line, type Span } from "../paint.ts";
import { currentView, type Prompt, type State } from "../state.ts";
import { widthOf } from "../terminal.ts";
import { graphemesOf } from "../text.ts";
import { quitHintMs } from "../timing.ts";
import { selectedLoop, waitingPlans } from "../tree.ts";
import { plural, shownState, titleOf } from "../words.ts";
import { paragraph, spansWidth } from "./lines.ts";

/** A long text scrolls within this many rows. */
const fieldRowsMax = 6;

/** At least two lines: one is told something or nothing, then the keys. */
export function bottom(state: State): Line[] {
  return [...message(state), footer(state)];
}

function message(state: State): Line[] {
  const { prompt, notice, columns, glyphs } = state;
  if (state.now - state.quitAt < quitHintMs) {
    const text = "To quit, press Ctrl+C (or Ctrl+D) twice, quickly. The loops go on without you.";
    return [line({ text, style: "yellow" })];
  }
  if (prompt) return [...(notice?.kind === "error" ? noticeLines(state) : []), ...promptLines(state, prompt)];
  if (notice) return noticeLines(state);
  if (state.connection === "closed") {
    const what = state.stopping ? "The daemon was stopped." : "The daemon is gone.";
    const text = `${what} Enter connects again, and starts it if need be.`;
    return [line({ text, style: "red" })];
  }
  if (state.silentSince !== null) {
    const text =
      "The daemon does not answer. In another terminal: loopr daemon status looks at it, loopr daemon restart replaces it.";
    return paragraph(text, columns, "yellow").slice(0, 2);
  }
  if (state.connection === "reconnecting" && state.connecting !== "") {
    return paragraph(state.connecting, columns, "yellow").slice(0, 2);
  }
  const waiting = waitingPlans(state);
  const [first] = waiting;
  if (first && currentView(state).name !== "approval") {
    const which =
      waiting.length === 1
        ? `A plan waits for your approval (press p): ${titleOf(first)}`
        : `${waiting.length} plans wait for your approval (press p)`;
    return [line({ text: `${glyphs.awaiting} ${which}`, style: "yellow" })];
  }
  return [line("")];
}

function noticeLines(state: State): Line[] {
  const { notice, columns, glyphs } = state;
  if (!notice) return [];
  if (notice.kind === "info") return paragraph(notice.text, columns).slice(0, 2);
  return [
    ...paragraph(`${glyphs.failed} ${notice.text}`, columns, "red").slice(0, 3),
    ...(notice.hint === "" ? [] : paragraph(`hint: ${notice.hint}`, columns, "plain", "  ").slice(0, 3)),
  ];
}

function promptLines(state: State, prompt: Prompt): Line[] {
  switch (prompt.kind) {
    case "filter":
      return [
        line(
          { text: "/", style: "cyan" },
          ...fieldLines(prompt.field, Math.max(1, state.columns - 2), 1).flatMap((each) => each.spans),
        ),
      ];
    case "reject":
      return typing("Why is the plan rejected? (may be empty)", prompt.field, state);
    case "iterate":
      return typing("What should be different in the plan?", prompt.field, state);
    case "cancel": {
      const loop = state.loops.get(prompt.id);
      const below = prompt.loops === 0 ? "" : ` and ${plural(prompt.loops, "loop")} below it`;
      const text = `Cancel "${loop ? titleOf(loop) : prompt.id}"${below}? Branches stay.`;
      return paragraph(text, state.columns, "yellow");
    }
  }
}

function typing(question: string, field: Field, state: State): Line[] {
  const rows = Math.max(1, Math.min(fieldRowsMax, Math.floor(state.rows / 3)));
  return [
    line({ text: question, style: "yellow" }),
    ...fieldLines(field, Math.max(2, state.columns - 2), rows),
  ];
}

/** The rows of a field around its cursor, each with room for the cursor behind the last character. */
function fieldLines(field: Field, width: number, rowsMax: number): Line[] {
  const rows: { before: string; after: string | null }[] = [{ before: "", after: null }];
  let units = 0;
  let used = 0;
  let cursorRow = 0;
  const put = (text: string): void => {
    const row = rows.at(-1);
    if (!row) return;
    if (row.after === null) row.before += text;
    else row.after += text;
  };
  const markCursor = (): void => {
    const row = rows.at(-1);
    if (!row || units !== field.at) return;
    row.after = "";
    cursorRow = rows.length - 1;
  };
  const newRow = (): void => {
    rows.push({ before: "", after: null });
    used = 0;
  };
  for (const each of graphemesOf(field.text)) {
    const own = each === "\n" ? 0 : widthOf(each);
    if (each !== "\n" && used + own > width) newRow();
    markCursor();
    if (each === "\n") newRow();
    else put(each);
    used += own;
    units += each.length;
  }
  if (used >= width) newRow();
  markCursor();
  const first = Math.max(0, cursorRow - rowsMax + 1);
  return rows.slice(first, first + rowsMax).map(({ before, after }) => ({
    spans: after === null ? [{ text: before }] : [{ text: before }, { text: after, cursor: true }],
  }));
}

type KeyHint = readonly [key: string, does: string];

function footer(state: State): Line {
  return keysLine(footerKeys(state), state);
}

function footerKeys(state: State): KeyHint[] {
  const { prompt } = state;
  if (prompt?.kind === "filter")
    return [
      ["Enter", "keep"],
      ["Esc", "clear"],
    ];
  if (prompt?.kind === "cancel") {
    return [
      ["y", "cancel it"],
      ["n", "no"],
    ];
  }
  if (prompt)
    return [
      ["Enter", "send"],
      ["Alt+Enter", "new line"],
      ["Esc", "back, keeps the text"],
    ];
  const help: KeyHint[] = [
    ["?", "help"],
    ["Ctrl+C twice", "quit"],
  ];
  const view = currentView(state);
  switch (view.name) {
    case "loops":
      return [...(state.cursor === null ? [] : loopKeys(state)), ...scopeKeys(state), ...help];
    case "detail":
      return [["Esc", "back"], ["Tab", "next pane"], ["j/k", "scroll"], ...actHints(state), ...help];
    case "approval":
      return [
        ["a", "approve"],
        ["e", "edit"],
        ["r", "reject"],
        ["i", "iterate with feedback"],
        ["Esc", "later"],
        ["j/k", "scroll"],
        ...help,
      ];
    case "help":
      return [
        ["Esc", "back"],
        ["j/k", "scroll"],
        ["Ctrl+C twice", "quit"],
      ];
  }
}

function loopKeys(state: State): KeyHint[] {
  return [["Enter", "open"], ...actHints(state), ["d", "diff"], ["o", "output"], ["/", "filter"]];
}

/** Outside of a repository there is nothing to choose between. */
function scopeKeys({ scope }: State): KeyHint[] {
  if (scope.name === null) return [];
  return [["a", scope.all ? "this project" : "all projects"]];
}

function actHints(state: State): KeyHint[] {
  const view = currentView(state);
  const loop = view.name === "detail" ? state.loops.get(view.id) : selectedLoop(state);
  if (!loop) return [];
  const shown = shownState(loop);
  const hints: KeyHint[] = [];
  if (shown === "awaiting_approval") hints.push(["p", "judge the plan"]);
  if (["paused", "stalled", "failed"].includes(shown)) hints.push(["s", "resume"]);
  else if (!["complete", "verified", "merged", "cancelled", "invalidated"].includes(shown))
    hints.push(["s", "pause"], ["x", "cancel"]);
  return hints;
}

/** As many as fit; the first ones matter most, and help is never the one to go. */
function keysLine(keys: readonly KeyHint[], state: State): Line {
  const spansOf = (hints: readonly KeyHint[]): Span[] =>
    hints.flatMap(([key, does], index): Span[] => [
      { text: (index === 0 ? "" : "   ") + key, style: "bold" },
      { text: ` ${does}`, style: "dim" },
    ]);
  let shown = [...keys];
  while (shown.length > 1 && spansWidth(spansOf(shown)) > state.columns) {
    const last = shown.findLastIndex(([key]) => key !== "?");
    shown = shown.filter((_, index) => index !== last);
  }
  return { spans: spansOf(shown) };
}
