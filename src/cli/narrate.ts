// Events → readable lines: what began, how each iteration ended, what it waits for, what came of it.
import type { Loop } from "../domain/loop.ts";
import { typeNameOf } from "../domain/loop-states.ts";
import { plain, plainLine } from "../lib/plain.ts";
import {
  clockTime,
  head,
  icon,
  indent,
  paint,
  shortCommit,
  shownState,
  stateName,
  titleOf,
  type Style,
} from "./format.ts";
import type { KnownEvent } from "./known-event.ts";
import { withShortIds } from "./resolve.ts";

export interface NarratorOptions {
  style: Style;
  short: (id: string) => string;
  now: () => number;
  /** Show what loops say and run as well. */
  output: boolean;
  /** Show every change of what a loop does, not only of its state. */
  progress: boolean;
}

const feedbackLinesMax = 6;
/** Output that has no line end yet is shown when it is this long. UTF-16 units. */
const openLineUnitsMax = 4096;

export class Narrator {
  readonly #options: NarratorOptions;
  readonly #loops = new Map<string, Loop>();
  /** Output after the last line end, by loop and stream. */
  readonly #open = new Map<string, { id: string; text: string }>();

  constructor(options: NarratorOptions) {
    this.#options = options;
  }

  /** What is so already, and needs no line. */
  learn(loop: Loop): void {
    this.#loops.set(loop.id, loop);
  }

  /** How a loop stands, whether or not that is new. */
  describe(loop: Loop): string[] {
    this.learn(loop);
    return [this.#line(loop.id, `${typeNameOf(loop)} loop: ${titleOf(loop)}`), ...this.#state(loop)];
  }

  tell(event: KnownEvent): string[] {
    switch (event.event) {
      case "loop.created":
        return this.#created(event.data);
      case "loop.updated":
        return this.#updated(event.data);
      case "loop.deleted":
        this.#loops.delete(event.data.id);
        return [this.#line(event.data.id, "deleted")];
      case "loop.iteration":
        return [...this.#flush(event.data.id), ...this.#iteration(event.data)];
      case "loop.output":
        return this.#options.output ? this.#output(event.data) : [];
      case "loop.artifact":
        return [this.#line(event.data.id, `wrote ${plainLine(event.data.path)}`)];
      case "loop.recovered":
        return [this.#line(event.data.id, "interrupted by the daemon's end; goes on where it was")];
      case "plan.awaiting_approval":
        return []; // the loop's new state says it
      case "plan.approved":
        return [this.#line(event.data.id, `approved: ${count(event.data.specs_spawned, "loop")}`)];
      case "plan.edited":
        return [this.#line(event.data.id, `edited by a person: version ${event.data.version}`)];
      case "plan.rejected": {
        const reason = plainLine(event.data.reason);
        return [this.#line(event.data.id, reason ? `rejected: ${reason}` : "rejected")];
      }
      default:
        return this.#tellRest(event);
    }
  }

  #tellRest(event: KnownEvent): string[] {
    switch (event.event) {
      case "loop.retried":
        return [this.#line(event.data.id, `started afresh: ${plainLine(event.data.reason)}`)];
      case "target.moved": {
        const { id, branch, message } = event.data;
        return [this.#line(id, `${plainLine(branch)} has moved on: ${plainLine(message)}`)];
      }
      case "merge.started":
        return [this.#line(event.data.id, "merging")];
      case "merge.completed": {
        const branch = plainLine(event.data.branch);
        return [this.#line(event.data.id, `merged onto ${branch} as ${shortCommit(event.data.commit)}`)];
      }
      case "records.pruned":
        return [
          this.#line(
            event.data.id,
            `its records of ${count(event.data.iterations, "iteration")} were removed`,
          ),
        ];
      case "undo.completed":
        return [this.#line(event.data.id, `undone by ${shortCommit(event.data.commit)}`)];
      case "undo.blocked":
        return [this.#line(event.data.id, `not undone: ${plain(event.data.message).trim()}`)];
      case "run.warning":
        return [this.#line(event.data.id, `warning: ${plain(event.data.message).trim()}`)];
      case "merge.conflict":
        return [
          this.#line(
            event.data.id,
            `not merged: ${withShortIds(plain(event.data.message).trim(), this.#options.short)}`,
          ),
        ];
      case "daemon.stopping":
        return [this.#line(null, "the daemon is stopping; the loops go on when it starts again")];
      case "stream.gap":
        return [this.#line(null, `${count(event.data.dropped, "event")} could not be shown`)];
      case "error":
        return [this.#line(null, `error: ${plainLine(event.data.message)}`)];
      default:
        return [];
    }
  }

  #created(loop: Loop): string[] {
    const known = this.#loops.has(loop.id);
    this.#loops.set(loop.id, loop);
    return known ? [] : [this.#line(loop.id, `${typeNameOf(loop)} loop: ${titleOf(loop)}`)];
  }

  #updated(loop: Loop): string[] {
    const before = this.#loops.get(loop.id);
    if (before && before.version > loop.version) return [];
    this.#loops.set(loop.id, loop);
    const state = shownState(loop);
    const changed = !before || shownState(before) !== state || before.waiting_for !== loop.waiting_for;
    if (changed) return [...this.#flush(loop.id), ...this.#state(loop)];
    if (!this.#options.progress || before.progress === loop.progress || !loop.progress) return [];
    return [this.#line(loop.id, paint(this.#options.style, "dim", plainLine(loop.progress)))];
  }

  #state(loop: Loop): string[] {
    const { style } = this.#options;
    const state = shownState(loop);
    const waiting = waitingText(loop);
    const line = this.#line(
      loop.id,
      `${icon(style, state)} ${stateName(state)}${waiting ? `: ${waiting}` : ""}`,
    );
    return loop.failure
      ? [line, ...failureLines(loop.failure, this.#options.short).map((text) => this.#more(text))]
      : [line];
  }

  #iteration(data: Extract<KnownEvent, { event: "loop.iteration" }>["data"]): string[] {
    const { style } = this.#options;
    const pass = data.pass ? ` (${plainLine(data.pass)})` : "";
    if (data.passed) {
      return [this.#line(data.id, `${icon(style, "complete")} iteration ${data.iteration}${pass} passed`)];
    }
    const layer = data.layer ? ` (${plainLine(data.layer)})` : "";
    const line = this.#line(
      data.id,
      `${icon(style, "failed")} iteration ${data.iteration} did not pass${layer}`,
    );
    const feedback = data.feedback ? head(plain(data.feedback).trim(), feedbackLinesMax).split("\n") : [];
    return [line, ...feedback.map((text) => this.#more(text))];
  }

  #output(data: Extract<KnownEvent, { event: "loop.output" }>["data"]): string[] {
    const key = `${data.id} ${data.stream}`;
    const text = (this.#open.get(key)?.text ?? "") + data.text;
    const end = text.length > openLineUnitsMax ? text.length : text.lastIndexOf("\n") + 1;
    this.#open.set(key, { id: data.id, text: text.slice(end) });
    return this.#outputLines(data.id, text.slice(0, end));
  }

  /** What was said without a line end, before something else is told of the same loop. */
  #flush(id: string): string[] {
    const lines: string[] = [];
    for (const [key, open] of this.#open) {
      if (open.id !== id) continue;
      this.#open.delete(key);
      lines.push(...this.#outputLines(id, open.text));
    }
    return lines;
  }

  #outputLines(id: string, text: string): string[] {
    const { style } = this.#options;
    const shown = plain(text).split("\n");
    if (shown.at(-1) === "") shown.pop();
    const bar = style.unicode ? "│" : "|";
    return shown.map((line) => this.#line(id, paint(style, "dim", `${bar} ${line}`)));
  }

  #line(id: string | null, text: string): string {
    const { style, now, short } = this.#options;
    const at = paint(style, "dim", clockTime(now()));
    return id === null ? `${at}  ${text}` : `${at}  ${paint(style, "cyan", short(id).padEnd(8))}  ${text}`;
  }

  #more(text: string): string {
    return indent(text, " ".repeat(22));
  }
}

/** What a loop waits for, in words; empty where it waits for nothing, or its state has said it. */
export function waitingText(loop: Pick<Loop, "waiting_for">): string {
  const words: Readonly<Record<string, string>> = {
    approval: "",
    protected: "waiting for your decision about protected files",
    credentials: "waiting for credentials",
    budget: "a bound is reached",
    model: "the model cannot be reached",
    disk: "waiting for room on the disk",
    merge: "waiting to be merged",
    divergence: "the target has moved",
    dependencies: "waiting for other loops",
    resume: "paused by a person",
    person: "waiting for a person",
  };
  const waiting = loop.waiting_for;
  if (waiting === null) return "";
  return Object.hasOwn(words, waiting) ? (words[waiting] ?? "") : `waiting for ${plainLine(waiting)}`;
}

export function failureLines(
  failure: { message: string; hint: string },
  short: (id: string) => string,
): string[] {
  const message = withShortIds(plain(failure.message), short).trim().split("\n");
  const hint = withShortIds(plainLine(failure.hint), short);
  return hint ? [...message, `hint: ${hint}`] : message;
}

export function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? "" : "s"}`;
}
