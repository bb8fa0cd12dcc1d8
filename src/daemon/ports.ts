// What the daemon's life and its server need of the loops behind them. Built in services.ts.
import type { StoredEvent } from "../engine/ports.ts";
import type { EventName } from "../protocol/events.ts";
import type { Credentials } from "../protocol/methods.ts";
import type { Handlers } from "./handlers.ts";

export type StopMode = "graceful" | "now";

/** The numbered events, as the store keeps them. */
export interface EventSource {
  lastSeq(): number;
  /** Stored events after `since`, oldest first; null where some of them are gone. */
  events(since: number, options?: { loop_id?: string; limit?: number }): StoredEvent[] | null;
  /** Called with each transaction's events, in order. */
  onEvents(listener: (events: StoredEvent[]) => void): () => void;
}

/** An event that is sent as it happens and stored nowhere. `data.id`, where there is one, is its loop's. */
export interface EphemeralEvent {
  event: EventName;
  data: unknown;
}

export interface Services {
  readonly handlers: Handlers;
  readonly events: EventSource;
  onEphemeral(listener: (event: EphemeralEvent) => void): () => void;
  /** Loops by status, for `status`. */
  counts(): Record<string, number>;
  /** Whether a loop runs or a run's work is being integrated: without that, only clients make things happen. */
  atWork(): boolean;
  /** Whether a model could be called now. */
  llmReady(): boolean;
  /** Before the socket listens: the state is whole again. A throw ends the start with that error. */
  recover(progress: (text: string) => void): Promise<void>;
  /** Once the socket listens and clients have been told so. */
  start(): void;
  /** Keys that a client brought. In memory only. */
  onClientCredentials(credentials: Credentials): void;
  /** `graceful`: running work is marked interrupted, runners end. `now`: as little as loses nothing. */
  stop(mode: StopMode): Promise<void>;
}
