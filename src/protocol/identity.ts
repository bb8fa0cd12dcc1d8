// Who a daemon is, before anyone has connected: daemon.json, and the lines on its readiness pipe.
import { isShaped } from "./shape.ts";

/** daemon.json. Who holds the lock, for naming and signalling it; whether it is alive the handshake tells. */
export interface DaemonIdentity {
  pid: number;
  /** Compares only: see lib/processes.ts. */
  startTime: string;
  bootId: string;
  version: string;
  build: string;
  protocol: string;
  /** Differs between any two daemons, a restarted one included. */
  nonce: string;
  socket: string;
}

const identityShape = {
  pid: "number",
  startTime: "string",
  bootId: "string",
  version: "string",
  build: "string",
  protocol: "string",
  nonce: "string",
  socket: "string",
} as const satisfies Record<keyof DaemonIdentity, string>;

export function isDaemonIdentity(value: unknown): value is DaemonIdentity {
  return isShaped(value, identityShape) && Number.isSafeInteger(value.pid) && value.pid > 0;
}

/** Lines on the descriptor that `--readiness-fd` names: any number of `progress`, then one of the others. */
export type ReadinessLine =
  | { progress: string }
  | { ready: { pid: number; socket: string } }
  | { error: { code: string; message: string; hint: string } };

export function isReadinessLine(value: unknown): value is ReadinessLine {
  if (isShaped(value, { progress: "string" })) return true;
  if (isShaped(value, { ready: "object" })) return isShaped(value.ready, { pid: "number", socket: "string" });
  if (!isShaped(value, { error: "object" })) return false;
  return isShaped(value.error, { code: "string", message: "string", hint: "string" });
}
