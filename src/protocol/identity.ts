// What a daemon says of itself before anyone has connected: daemon.json, and the lines on its readiness pipe.
import * as z from "zod/mini";

/** daemon.json. Who holds the lock, for naming and signalling it; whether it is alive the handshake tells. */
export const DaemonIdentity = z.object({
  pid: z.int().check(z.positive()),
  /** Compares only: see lib/processes.ts. */
  startTime: z.string(),
  bootId: z.string(),
  version: z.string(),
  build: z.string(),
  protocol: z.string(),
  /** Differs between any two daemons, a restarted one included. */
  nonce: z.string(),
  socket: z.string(),
});
export type DaemonIdentity = z.infer<typeof DaemonIdentity>;

/** Lines on the descriptor that `--readiness-fd` names: any number of `progress`, then one of the others. */
export const ReadinessLine = z.union([
  z.object({ progress: z.string() }),
  z.object({ ready: z.object({ pid: z.number(), socket: z.string() }) }),
  z.object({ error: z.object({ code: z.string(), message: z.string(), hint: z.string() }) }),
]);
export type ReadinessLine = z.infer<typeof ReadinessLine>;
