// What happens to a real terminal when the program ends in a way that nobody foresaw.
import { Terminal } from "@xterm/headless";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "../../test/support/harness.ts";
import { screenText } from "../../test/support/virtual-terminal.ts";

const deadlineMs = 20_000;

/** Opens the screen, waits for a key, and then ends as told; main.ts reports crashes in the same way. */
const script = `
  import { createScreen, guardTerminal } from ${JSON.stringify(join(import.meta.dir, "terminal.ts"))};
  process.on("uncaughtException", (error) => {
    process.stderr.write("error: " + error.message + "\\n");
    process.exit(1);
  });
  const screen = createScreen();
  guardTerminal(screen);
  const ends = {
    throw: () => { throw new Error("bang"); },
    reject: () => void Promise.reject(new Error("bang")),
    exit: () => process.exit(3),
  };
  screen.start({
    render: (columns, rows) => ["ready", ...Array(rows - 1).fill("")],
    onKey: () => void setTimeout(ends[process.argv.at(-1)], 1),
  });
`;

test.each([
  ["throw", 1, "error: bang"],
  ["reject", 1, "error: bang"],
  ["exit", 3, ""],
])("%s: the screen is left, the cursor shown, and the report is there to read", async (how, code, report) => {
  const xterm = new Terminal({ cols: 80, rows: 24, allowProposedApi: true });
  let raw = "";
  const child = Bun.spawn([process.execPath, "-e", script, how], {
    env: { ...process.env, TERM: "xterm-256color" },
    terminal: {
      cols: 80,
      rows: 24,
      data: (_terminal, data) => {
        raw += Buffer.from(data).toString();
        xterm.write(data);
      },
    },
  });
  try {
    await until(() => screenText(xterm)[0] === "ready", deadlineMs, "the screen to open");
    expect(xterm.buffer.active.type).toBe("alternate");
    child.terminal?.write("x");
    await until(() => child.exitCode !== null, deadlineMs, "the program to end");
    expect(child.exitCode).toBe(code);
    await until(() => xterm.buffer.active.type === "normal", deadlineMs, "the ordinary screen");
    await until(() => screenText(xterm).join("\n").includes(report), deadlineMs, report);
    for (const [on, off] of [
      ["\x1b[?2004h", "\x1b[?2004l"],
      ["\x1b[?25l", "\x1b[?25h"],
      ["\x1b[?7l", "\x1b[?7h"],
      ["\x1b[>7u", "\x1b[<u"],
    ] as const) {
      expect(raw.lastIndexOf(off)).toBeGreaterThan(raw.lastIndexOf(on));
    }
  } finally {
    child.kill("SIGKILL");
    await child.exited;
    child.terminal?.close();
  }
});
