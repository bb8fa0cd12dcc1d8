// The only file that touches the terminal: pi-tui's renderer in the alternate screen, and key presses.
import {
  type Component,
  CURSOR_MARKER,
  isKeyRelease,
  KeybindingsManager,
  parseKey,
  ProcessTerminal,
  setCapabilities,
  setKeybindings,
  type Terminal,
  TUI_KEYBINDINGS,
  TuiAltScreen,
  visibleWidth,
  wrapTextWithAnsi,
} from "@earendil-works/pi-tui";
import { decodePrintableKey } from "@earendil-works/pi-tui/dist/keys.js";
import type { Key } from "./keys.ts";

/** Columns of a text, as the renderer counts them. */
export function widthOf(text: string): number {
  return visibleWidth(text);
}

/** Text broken at words into lines of at most `columns`. */
export function wrapWords(text: string, columns: number): string[] {
  return wrapTextWithAnsi(text, columns);
}

/** In a line to be drawn: the terminal's own cursor stands here. */
export const cursorMarker = CURSOR_MARKER;

export interface Screen {
  readonly columns: number;
  readonly rows: number;
  /** `render` is called for each frame with the size of that moment. */
  start(handlers: { render: (columns: number, rows: number) => string[]; onKey: (key: Key) => void }): void;
  /** Something may have changed: at the next frame what differs is drawn. */
  refresh(): void;
  /** The terminal's bell. */
  ring(): void;
  /** Draws everything again, whatever the terminal shows. */
  redraw(): void;
  /** Gives the terminal back as it was. May be called again, and `start` after it. */
  stop(): void;
  /** Swallows what the terminal still reports of keys that are being released, before `stop`. */
  drain(): Promise<void>;
}

const drainMaxMs = 300;
const drainIdleMs = 40;

export function createScreen(terminal: Terminal = new ProcessTerminal()): Screen {
  // Otherwise pi-tui would find out by running tmux; nothing here shows images or links.
  setCapabilities({ images: null, trueColor: false, hyperlinks: false });
  setKeybindings(new KeybindingsManager(TUI_KEYBINDINGS, withoutScreenKeys()));
  let ui: TuiAltScreen | null = null;
  return {
    get columns() {
      return terminal.columns;
    },
    get rows() {
      return terminal.rows;
    },
    start: ({ render, onKey }) => {
      const root: Component = {
        render: (width) => render(width, terminal.rows),
        handleInput: (data) => {
          for (const key of decodeKeys(data)) onKey(key);
        },
        invalidate: () => {},
      };
      // The mouse stays the terminal's: marking and copying work as everywhere.
      ui = new TuiAltScreen(terminal, true, undefined, { mouse: false });
      ui.setLayoutRoot(root);
      ui.setFocus(root);
      ui.start();
      ui.renderNow();
    },
    refresh: () => ui?.requestRender(),
    ring: () => terminal.write("\x07"),
    redraw: () => ui?.requestRender(true),
    drain: async () => {
      if (terminal.kittyProtocolActive) await terminal.drainInput(drainMaxMs, drainIdleMs);
    },
    stop: () => {
      const stopping = ui;
      ui = null;
      stopping?.stop({ preserveScreen: true });
    },
  };
}

/** pi-tui scrolls its own views by PageUp, Home, … : here all keys are ours. */
function withoutScreenKeys(): Record<string, []> {
  const own = Object.keys(TUI_KEYBINDINGS).filter((name) => name.startsWith("tui.altScreen."));
  return Object.fromEntries(own.map((name) => [name, []]));
}

const pasteStart = "\x1b[200~";
const pasteEnd = "\x1b[201~";
const controlCharacter = /[\x00-\x1f\x7f-\x9f]/;

/** The keys in one piece of input, legacy, kitty's protocol or xterm's modifyOtherKeys; replies are none. */
export function decodeKeys(data: string): Key[] {
  if (data.startsWith(pasteStart)) {
    return [{ kind: "paste", text: data.slice(pasteStart.length).replace(pasteEnd, "") }];
  }
  if (isKeyRelease(data)) return [];
  const printable = decodePrintableKey(data);
  if (printable !== undefined) return [{ kind: "text", text: printable }];
  const name = parseKey(data);
  if (name === "space") return [{ kind: "text", text: " " }];
  if (name !== undefined && !isTyped(data)) return [{ kind: "key", name }];
  return isTyped(data) ? [{ kind: "text", text: data }] : [];
}

function isTyped(data: string): boolean {
  return data !== "" && !controlCharacter.test(data);
}

/**
 * Gives the terminal back also where the program ends in a way that nobody foresaw. Before whoever reports
 * a crash, since the report would go with the alternate screen. Returns how to stop guarding.
 */
export function guardTerminal(screen: Pick<Screen, "stop">): () => void {
  const stop = () => screen.stop();
  process.prependListener("uncaughtException", stop);
  process.prependListener("unhandledRejection", rethrow);
  process.on("exit", stop);
  return () => {
    process.removeListener("uncaughtException", stop);
    process.removeListener("unhandledRejection", rethrow);
    process.removeListener("exit", stop);
  };
}

/** A crash like any other. */
function rethrow(reason: unknown): never {
  throw reason;
}
