// When the screen reads differently although nothing happened: so often it is drawn, and no more.
import { currentView, type State } from "./state.ts";
import { quitHintMs } from "./timing.ts";
import { treeRows } from "./tree.ts";
import { treeHeight } from "./views/body.ts";
import { ageChangesIn } from "./words.ts";

const secondMs = 1_000;

/** Milliseconds from `state.now` on; null: never. */
export function nextTickIn(state: State): number | null {
  const { now, notice, quitAt } = state;
  const moments = [...shownAges(state).map(ageChangesIn)];
  if (notice) moments.push(notice.until - now);
  if (now - quitAt < quitHintMs) moments.push(quitAt + quitHintMs - now);
  if (showsRunningIteration(state)) moments.push(secondMs);
  return moments.length === 0 ? null : Math.max(1, Math.min(...moments));
}

function shownAges(state: State): number[] {
  const view = currentView(state);
  if (view.name === "loops") {
    const rows = treeRows(state).slice(state.top, state.top + treeHeight(state));
    return rows.map(({ loop }) => state.now - loop.created_at);
  }
  const loop = view.name === "detail" ? state.loops.get(view.id) : undefined;
  return loop ? [state.now - loop.created_at] : [];
}

function showsRunningIteration(state: State): boolean {
  const view = currentView(state);
  if (view.name !== "detail" || view.pane !== "overview") return false;
  return state.loads.history?.value?.iterations.some((each) => each.ended_at === null) ?? false;
}
