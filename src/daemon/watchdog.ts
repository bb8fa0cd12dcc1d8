// The end of a stop that hangs: a thread of its own, which needs nothing of the event loop that may be stuck.
import { Worker } from "node:worker_threads";

/**
 * Kills this process with SIGKILL after the given time, whatever its main thread is doing. There is no way
 * to call it off: who starts it is on the way down.
 */
export function startWatchdog(afterMs: number): void {
  const code = `
    const { workerData } = require("node:worker_threads");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, workerData.afterMs);
    const seconds = Math.round(workerData.afterMs / 1000);
    const said = new Date().toISOString() + " ended by its own watchdog: the stop had not come to its end after " + seconds + " s\\n";
    // The last words are read by the next start; that they cannot be written is no reason to stay.
    try { require("node:fs").writeSync(2, said); } catch {}
    process.kill(workerData.pid, "SIGKILL");
  `;
  const worker = new Worker(code, { eval: true, workerData: { afterMs, pid: process.pid } });
  worker.on("error", () => {}); // Without threads left to give, the caller's own deadline has to do.
  worker.unref();
}
