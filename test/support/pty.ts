// The built program in a real pseudo-terminal, with a virtual terminal at the other end that answers as
// terminals do.
import { Terminal } from "@xterm/headless";
import { program, until, type Home } from "./harness.ts";
import { screenText } from "./virtual-terminal.ts";

const screenDeadlineMs = 20_000;

export interface PtyOptions {
  args?: string[];
  columns?: number;
  rows?: number;
  cwd?: string;
  env?: Record<string, string | undefined>;
  /** A command line of sh instead of the program; `$LOOPR` is the program. */
  shell?: string;
}

export interface Pty {
  readonly pid: number;
  readonly xterm: Terminal;
  /** Everything that was written to the terminal. */
  raw(): string;
  screen(): string[];
  /** Waits until the screen shows it; fails with the screen where it never does. Returns the screen. */
  shows(text: string | RegExp): Promise<string>;
  hides(text: string): Promise<void>;
  /** Real key presses: bytes into the pseudo-terminal, one by one. */
  press(...keys: string[]): void;
  resize(columns: number, rows: number): void;
  /** The terminal window is closed. */
  close(): void;
  /** The exit code; 128 and the number where a signal ended it. */
  exited(): Promise<number>;
}

export async function withPty(
  home: Home,
  options: PtyOptions,
  body: (pty: Pty) => Promise<void>,
): Promise<void> {
  const { args = [], columns = 80, rows = 24, cwd = home.userHome, shell } = options;
  const xterm = new Terminal({ cols: columns, rows, allowProposedApi: true });
  let raw = "";
  const decoder = new TextDecoder();
  const child = Bun.spawn(shell === undefined ? [program, ...args] : ["/bin/sh", "-c", shell], {
    cwd,
    env: environment(home, options.env),
    terminal: {
      cols: columns,
      rows,
      name: "xterm-256color",
      data: (_terminal, data) => {
        const text = decoder.decode(data, { stream: true });
        raw += text;
        xterm.write(text);
      },
    },
  });
  const { terminal } = child;
  if (!terminal) throw new Error("no pseudo-terminal");
  xterm.onData((reply) => {
    if (!terminal.closed) terminal.write(reply);
  });
  const text = () => screenText(xterm).join("\n");
  const shows = async (wanted: string | RegExp): Promise<string> => {
    const isThere = () => (typeof wanted === "string" ? text().includes(wanted) : wanted.test(text()));
    try {
      await until(isThere, screenDeadlineMs, String(wanted));
    } catch (error) {
      throw new Error(`never on the screen: ${String(wanted)}\n${text()}`, { cause: error });
    }
    return text();
  };
  try {
    await body({
      pid: child.pid,
      xterm,
      raw: () => raw,
      screen: () => screenText(xterm),
      shows,
      hides: async (unwanted) =>
        void (await until(() => !text().includes(unwanted), screenDeadlineMs, `no ${unwanted}`)),
      press: (...keys) => {
        for (const key of keys) terminal.write(key);
      },
      resize: (newColumns, newRows) => {
        xterm.resize(newColumns, newRows);
        terminal.resize(newColumns, newRows);
      },
      close: () => terminal.close(),
      exited: () => within(child.exited, screenDeadlineMs, text),
    });
  } finally {
    if (child.exitCode === null) child.kill("SIGKILL");
    await child.exited;
    terminal.close();
  }
}

function environment(home: Home, extra: PtyOptions["env"] = {}): Record<string, string> {
  const all = { ...home.env, TERM: "xterm-256color", LOOPR: program, ...extra };
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

async function within(exited: Promise<number>, deadlineMs: number, text: () => string): Promise<number> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`did not end in ${deadlineMs} ms\n${text()}`)), deadlineMs);
  });
  try {
    return await Promise.race([exited, late]);
  } finally {
    clearTimeout(timer);
  }
}
