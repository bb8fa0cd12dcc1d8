// A terminal in memory, for the renderer at one end and a test at the other.
import type { Terminal as PiTerminal } from "@earendil-works/pi-tui";
import { Terminal } from "@xterm/headless";

export interface VirtualTerminal extends PiTerminal {
  /** What a person would see, without the blanks at the end of lines. */
  screen(): Promise<string[]>;
  type(...keys: string[]): void;
  resize(columns: number, rows: number): void;
  readonly written: () => string;
  readonly xterm: Terminal;
}

export function virtualTerminal(columns: number, rows: number): VirtualTerminal {
  const xterm = new Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 0 });
  let written = "";
  let input: (data: string) => void = () => {};
  let resized: () => void = () => {};
  const write = (data: string) => {
    written += data;
    xterm.write(data);
  };
  return {
    xterm,
    written: () => written,
    start: (onInput, onResize) => {
      input = onInput;
      resized = onResize;
    },
    stop: () => {},
    drainInput: async () => {},
    write,
    get columns() {
      return xterm.cols;
    },
    get rows() {
      return xterm.rows;
    },
    kittyProtocolActive: false,
    moveBy: () => {},
    hideCursor: () => write("\x1b[?25l"),
    showCursor: () => write("\x1b[?25h"),
    clearLine: () => write("\x1b[K"),
    clearFromCursor: () => write("\x1b[J"),
    clearScreen: () => write("\x1b[2J\x1b[H"),
    setTitle: () => {},
    setProgress: () => {},
    type: (...keys) => {
      for (const key of keys) input(key);
    },
    resize: (newColumns, newRows) => {
      xterm.resize(newColumns, newRows);
      resized();
    },
    screen: () =>
      new Promise((resolve) => {
        xterm.write("", () => resolve(screenText(xterm)));
      }),
  };
}

export function screenText(xterm: Terminal): string[] {
  const { active } = xterm.buffer;
  return Array.from(
    { length: xterm.rows },
    (_, row) =>
      active
        .getLine(active.viewportY + row)
        ?.translateToString(true)
        .trimEnd() ?? "",
  );
}
