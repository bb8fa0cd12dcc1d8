// Everything behind the protocol, built once.
import type { Log } from "../lib/log.ts";
import type { Services } from "./ports.ts";

export interface ServiceOptions {
  dataDir: string;
  log: Log;
  /** Started by hand or by a service, not by a client: the daemon's own environment may hold keys. */
  ownKeys: boolean;
}

export function createServices(_options: ServiceOptions): Services {
  return {
    handlers: {},
    events: { lastSeq: () => 0, events: () => [], onEvents: () => () => {} },
    onEphemeral: () => () => {},
    counts: () => ({}),
    llmReady: () => false,
    recover: async () => {},
    start: () => {},
    onClientCredentials: () => {},
    stop: async () => {},
  };
}
