// The first frame of the terminal interface, in a pseudo-terminal.
import { program, until, type Home } from "../support/harness.ts";

const deadlineMs = 10_000;

/** Milliseconds from the start of `loopr` until its header is on the screen. */
export async function firstFrameMs(home: Home): Promise<number> {
  let screen = "";
  const shown = Promise.withResolvers<number>();
  const start = performance.now();
  const timer = setTimeout(
    () => shown.reject(new Error(`no frame in ${deadlineMs} ms: ${JSON.stringify(screen.slice(0, 500))}`)),
    deadlineMs,
  );
  const child = Bun.spawn([program], {
    cwd: home.userHome,
    env: { ...home.env, TERM: "xterm-256color" },
    terminal: {
      cols: 100,
      rows: 30,
      data: (_terminal, bytes) => {
        screen += Buffer.from(bytes).toString("utf8");
        if (screen.includes("Loopr")) shown.resolve(performance.now() - start);
      },
    },
  });
  try {
    const took = await shown.promise;
    // The frame is there before the daemon is, and one on its way up cannot be told to stop.
    await until(() => home.ok(["daemon", "status"]), deadlineMs, "the daemon to answer");
    return took;
  } finally {
    clearTimeout(timer);
    child.kill("SIGTERM");
    await child.exited;
    child.terminal?.close();
  }
}
