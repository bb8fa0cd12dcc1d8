// The client's face to cli/ and tui/.
import type { AttendTimes } from "./liveness.ts";
import type { EventMessage } from "../protocol/messages.ts";
import type { Credentials, MethodName, Params, Result } from "../protocol/methods.ts";

export type ConnectionState = "connected" | "reconnecting" | "closed";

export interface ConnectOptions {
  /** Start the daemon if none answers. `status`, `stop` never do. */
  autoStart: boolean;
  /** Reconnect (and start again, with autoStart) when the connection is lost, and resume the subscription. */
  reconnect?: boolean;
  /** What `initialize.client` says: `cli`, `tui`. */
  name: string;
  /** Defaults to what the environment holds. */
  credentials?: Credentials;
  /** The environment that decides paths and credentials. Defaults to the process's. */
  env?: Readonly<Record<string, string | undefined>>;
  /** When a request that is not answered is given up because the daemon hangs. Tests bring their own. */
  attend?: AttendTimes;
  /** Progress of a slow start or reconnect, for a person. */
  onProgress?: (text: string) => void;
}

/**
 * One connection. Calls throw RpcError for the daemon's refusals and LooprError for the connection's
 * (`daemon_start_failed`, `daemon_unresponsive`, `daemon_unreachable`, `version_mismatch`,
 * `connection_lost`: a request in flight at a disconnect fails at once; one that only reads is repeated where a
 * daemon comes back within 10 s, one that changes something never).
 */
export interface Client {
  readonly server: Result<"initialize">;
  readonly state: ConnectionState;
  call<M extends MethodName>(
    method: M,
    params: Params<M>,
    options?: { timeoutMs?: number },
  ): Promise<Result<M>>;
  /** Numbered events arrive once each and in order, across reconnects too. */
  subscribe(options?: { since?: number; loop_id?: string }): Promise<{ seq: number }>;
  onEvent(listener: (event: EventMessage) => void): () => void;
  onState(listener: (state: ConnectionState) => void): () => void;
  close(): void;
}
