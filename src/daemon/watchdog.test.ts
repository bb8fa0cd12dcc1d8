import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

test("the watchdog ends a process whose event loop is stuck", async () => {
  const script = `
      import { startWatchdog } from ${JSON.stringify(join(import.meta.dir, "watchdog.ts"))};
      startWatchdog(200);
      for (;;);
    `;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  child.stderr.on("data", (data: Buffer) => (said += data.toString()));
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  expect(signal).toBe("SIGKILL");
  expect(said).toMatch(/^\S+Z ended by its own watchdog: the stop had not come to its end after 0 s\n$/);
}, 20_000);
