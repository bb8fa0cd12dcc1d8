// Frames of the interface as a terminal shows them, through the real renderer.
import { after, utf8 } from "./tui.ts";
import { virtualTerminal, type VirtualTerminal } from "./virtual-terminal.ts";
import type { State } from "../../src/tui/state.ts";
import { createScreen, type Screen } from "../../src/tui/terminal.ts";
import { createTheme, type Theme } from "../../src/tui/theme.ts";
import { frame } from "../../src/tui/views/frame.ts";

export const plainTheme = createTheme(utf8, false);

const opened: Screen[] = [];

/** Call it after each test. */
export function closeScreens(): void {
  for (const screen of opened.splice(0)) screen.stop();
}

export function show(state: State, theme: Theme = plainTheme): VirtualTerminal {
  const terminal = virtualTerminal(state.columns, state.rows);
  const screen = createScreen(terminal);
  opened.push(screen);
  screen.start({
    render: (columns, rows) => frame(after(state, { type: "resized", columns, rows }), theme),
    onKey: () => {},
  });
  return terminal;
}

export async function textOf(state: State, theme?: Theme): Promise<string> {
  return (await show(state, theme).screen()).join("\n");
}
