// Bringing a daemon to the point where stopping it interrupts nothing.
import { setTimeout as sleep } from "node:timers/promises";
import { LooprError } from "../lib/errors.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import { activeLoops, atWork } from "./active.ts";
import type { Connection } from "./connection.ts";
import { dial } from "./dial.ts";
import type { StopOptions } from "./stop.ts";

const askMs = 5_000;
const pollMs = 250;

/**
 * Returns when no loop is at work and none begins; from then on there are some seconds to stop the daemon.
 * Where none runs at once. `signal`: everything goes on, and it throws `interrupted`.
 */
export async function drainDaemon(options: StopOptions, signal: AbortSignal): Promise<void> {
  const dialled = await dial(options);
  if (dialled.kind === "absent") return;
  const { connection, server } = dialled;
  try {
    let told = "";
    while (await isAtWork(connection, server.version)) {
      const active = await activeLoops(connection);
      const text = `waiting for the next checkpoints; ${active === null ? "loops are running" : atWork(active)}`;
      if (text !== told) options.onProgress((told = text));
      await sleep(pollMs);
      if (!signal.aborted) continue;
      await connection.call("daemon.drain", { cancel: true }, askMs);
      throw new LooprError("interrupted", "interrupted: the daemon goes on as before");
    }
  } finally {
    connection.close();
  }
}

async function isAtWork(connection: Connection, version: string): Promise<boolean> {
  try {
    const { running, integrating } = await connection.call("daemon.drain", {}, askMs);
    return running + integrating > 0;
  } catch (error) {
    if (!(error instanceof RpcError) || error.code !== rpcCodes.unknownMethod) throw error;
    throw new LooprError(
      "not_available",
      `the daemon that runs (version ${version}) cannot wait for checkpoints`,
      "`loopr daemon restart` interrupts its loops; they go on from their last checkpoints",
    );
  }
}
