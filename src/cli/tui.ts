// loopr without a command: the terminal interface.
import { connect } from "../client/connect.ts";
import type { Client } from "../client/types.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../domain/config.ts";
import { systemClock } from "../lib/clock.ts";
import { LooprError } from "../lib/errors.ts";
import { shortId } from "../lib/ids.ts";
import { defaultDataDir } from "../lib/paths.ts";
import { version } from "../lib/version.ts";
import { openTui } from "../tui/app.ts";
import { createScreen, guardTerminal } from "../tui/terminal.ts";
import { createTheme } from "../tui/theme.ts";
import { exitCodes, type CliContext } from "./context.ts";

/** How long a stop signal to ourselves may take to arrive. */
const suspendMs = 50;

export async function tui(context: CliContext, args: string[]): Promise<number> {
  refuse(context, args);
  const settings = tuiSettings(context);
  const screen = createScreen();
  const unguard = guardTerminal(screen);
  let editing = false;
  try {
    const app = openTui({
      screen,
      connect: (onProgress) => connect({ autoStart: true, reconnect: true, name: "tui", onProgress }),
      version,
      cwd: context.cwd,
      theme: createTheme(process.env, context.colour, settings.glyphs),
      bell: settings.bell,
      clock: systemClock,
      suspend,
      editPlan: async (client, id) => {
        editing = true;
        try {
          return await editHere(client, id);
        } finally {
          editing = false;
        }
      },
    });
    // While the editor is open, Ctrl-C is the editor's.
    const ended = watchSignals(
      () => app.quit(),
      (name) => editing && name === "SIGINT",
    );
    await app.done;
    await screen.drain();
    return ended.exitCode();
  } finally {
    screen.stop();
    unguard();
  }
}

/** From the person's own files: a broken one is told before the screen is taken. */
function tuiSettings({ config: explicit }: CliContext): Config["tui"] {
  const dataDir = defaultDataDir();
  return loadConfig({ env: process.env, projectRoot: null, projectHash: "", dataDir, explicit }).config.tui;
}

function refuse(context: CliContext, args: string[]): void {
  const hint = "loopr --help lists the commands and their options";
  if (args[0] !== undefined) throw new LooprError("usage", `unknown command '${args[0]}'`, hint);
  if (context.json) throw new LooprError("usage", "--json needs a command", hint);
  if (!context.interactive) {
    throw new LooprError(
      "usage",
      "the interface needs a terminal: stdin or stdout is none",
      "without one, use the commands: loopr list, loopr run, … (loopr --help)",
    );
  }
  if (process.env["TERM"] === "dumb") {
    throw new LooprError(
      "usage",
      "the interface needs a terminal with a cursor, and TERM is 'dumb'",
      "set TERM to what the terminal is, or use the commands (loopr --help)",
    );
  }
}

/** Numbers of signal(7): a shell shows 128 and the number as the exit code. */
const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

async function editHere(client: Client, id: string): Promise<string> {
  const { editPlan, readPlan } = await import("./edit-plan.ts");
  const { openEditor } = await import("./editor.ts");
  const short = shortId(id);
  const original = await readPlan(client, id, short);
  const version = await editPlan(client, original, short, (file) => openEditor(file, process.env));
  return version === null ? "Nothing was changed." : `Stored as version ${version}.`;
}

function watchSignals(quit: () => void, isAnothers: (name: string) => boolean): { exitCode(): number } {
  let exitCode: number = exitCodes.done;
  for (const [name, number] of Object.entries(signals)) {
    process.on(name, () => {
      if (isAnothers(name)) return;
      exitCode = 128 + number;
      quit();
    });
  }
  // The terminal is gone, and with it the person.
  const gone = () => quit();
  process.stdout.on("error", gone);
  process.stdin.on("end", gone);
  process.stdin.on("error", gone);
  return { exitCode: () => exitCode };
}

/** Where no shell waits to continue it, the signal is ignored by the kernel, and it goes on at once. */
async function suspend(): Promise<void> {
  process.kill(process.pid, "SIGTSTP");
  await new Promise((resolve) => setTimeout(resolve, suspendMs));
}
