// What a subscriber gets: first what it missed, read from the store as fast as it reads; then events live.
import type { StoredEvent } from "../engine/ports.ts";
import type { EventMessage } from "../protocol/messages.ts";
import type { EphemeralEvent, EventSource } from "./ports.ts";

const replayPageEvents = 64;

/** What a subscription needs of its connection. */
export interface Sink {
  readonly isClosed: boolean;
  send(message: EventMessage): void;
  roomForReplay(): Promise<void>;
}

export class Subscription {
  readonly #sink: Sink;
  readonly #source: EventSource;
  readonly #loopId: string | null;
  /** The last number sent, or passed over by the filter. */
  #cursor: number;
  /** Until then, new events are left for the replay to find in the store. */
  #live: boolean;
  #ended = false;

  constructor(sink: Sink, source: EventSource, wanted: { since: number | null; loopId: string | null }) {
    this.#sink = sink;
    this.#source = source;
    this.#loopId = wanted.loopId;
    this.#cursor = wanted.since ?? source.lastSeq();
    this.#live = wanted.since === null;
  }

  /** Call once the answer to `subscribe` is on its way, which comes before any event. */
  async replay(): Promise<void> {
    while (!this.#live && !this.#ended && !this.#sink.isClosed) {
      this.#replayPage();
      await this.#sink.roomForReplay();
    }
  }

  deliver(events: readonly StoredEvent[]): void {
    if (!this.#live || this.#ended) return;
    for (const event of events) {
      if (event.seq > this.#cursor) this.#send(event);
    }
  }

  deliverEphemeral(event: EphemeralEvent): void {
    if (this.#ended || !this.#wants(loopOf(event))) return;
    this.#sink.send({ event: event.event, data: event.data });
  }

  end(): void {
    this.#ended = true;
  }

  /** Everything up to `last` is read and sent in one turn, so that no event falls between page and live. */
  #replayPage(): void {
    const last = this.#source.lastSeq();
    const page =
      this.#cursor > last
        ? null
        : this.#source.events(this.#cursor, {
            limit: replayPageEvents,
            ...(this.#loopId === null ? {} : { loop_id: this.#loopId }),
          });
    if (page === null) {
      // Gone, or numbered by another store: the subscriber has to look at everything anew.
      this.#sink.send({ event: "stream.gap", data: { dropped: Math.max(0, last - this.#cursor) } });
      this.#cursor = last;
      this.#live = true;
      return;
    }
    for (const event of page) this.#send(event);
    if (page.length < replayPageEvents) {
      this.#cursor = last;
      this.#live = true;
    }
  }

  #send(event: StoredEvent): void {
    this.#cursor = event.seq;
    if (this.#wants(event.loop_id)) {
      this.#sink.send({ event: event.event, data: event.data, seq: event.seq });
    }
  }

  /** A loop's subscription covers its descendants, whose ids begin with its own. */
  #wants(loopId: string | null): boolean {
    if (this.#loopId === null || loopId === null) return true;
    return loopId === this.#loopId || loopId.startsWith(`${this.#loopId}-`);
  }
}

function loopOf(event: EphemeralEvent): string | null {
  const { data } = event;
  return typeof data === "object" && data !== null && "id" in data && typeof data.id === "string"
    ? data.id
    : null;
}
