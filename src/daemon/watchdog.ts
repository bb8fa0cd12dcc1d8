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
    process.kill(workerData.pid, "SIGKILL");
  `;
  const worker = new Worker(code, { eval: true, workerData: { afterMs, pid: process.pid } });
  worker.on("error", () => {}); // Without threads left to give, the caller's own deadline has to do.
  worker.unref();
}
