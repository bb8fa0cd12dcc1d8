// Lines for people with a status line below them that is rewritten in place, where stderr is a terminal.
import { isTerminal, writeOut } from "../lib/stdio.ts";
import { duration, type Style } from "./format.ts";
import { cutColumns } from "../lib/plain.ts";
import type { CliContext } from "./context.ts";

export interface Screen {
  /** A line on stderr, above the status. */
  note: (text: string) => void;
  line: (text: string) => void;
  /** What is going on right now; empty: nothing. The time since `since` is shown beside it. */
  status: (text: string) => void;
  /** While a person is asked, nothing is written into the question: it comes once that is answered. */
  asking: <T>(question: () => Promise<T>) => Promise<T>;
  close: () => void;
}

const redrawMs = 1000;
const eraseLine = "\r\x1b[2K";

export interface Terminal {
  write(text: string): void;
  columns: number;
}

/** The terminal behind stderr, or null where it cannot show a status line. */
function statusTerminal(): Terminal | null {
  if (!isTerminal(2) || process.env["TERM"] === "dumb") return null;
  return {
    write: (text) => writeOut(2, text),
    get columns() {
      return process.stderr.columns || 80;
    },
  };
}

export function createScreen(
  context: Pick<CliContext, "say" | "note">,
  style: Style,
  now: () => number,
  terminal: Terminal | null = statusTerminal(),
): Screen {
  const since = now();
  const frames = style.unicode ? ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] : ["|", "/", "-", "\\"];
  let shown = "";
  let frame = 0;
  let held: string[] | null = null;
  const draw = () => {
    if (!terminal || shown === "" || held) return;
    const text = `${frames[frame % frames.length] ?? ""} ${shown} (${duration(Math.floor((now() - since) / 1000) * 1000)})`;
    terminal.write(eraseLine + cutColumns(text, terminal.columns - 1));
  };
  const erase = () => {
    if (terminal && shown !== "" && !held) terminal.write(eraseLine);
  };
  const timer = terminal
    ? setInterval(() => {
        frame += 1;
        draw();
      }, redrawMs)
    : null;
  timer?.unref();
  const line = (text: string) => {
    if (held) {
      held.push(text);
      return;
    }
    erase();
    context.say(text);
    draw();
  };
  return {
    line,
    note: (text) => {
      erase();
      context.note(text);
      draw();
    },
    asking: async (question) => {
      erase();
      held = [];
      try {
        return await question();
      } finally {
        const waiting = held;
        held = null;
        for (const text of waiting) line(text);
        draw();
      }
    },
    status: (text) => {
      if (text === shown) return;
      erase();
      shown = text;
      draw();
    },
    close: () => {
      erase();
      shown = "";
      if (timer) clearInterval(timer);
    },
  };
}
