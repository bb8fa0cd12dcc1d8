// Following one run by its events, across lost connections, without losing or doubling anything.
import type { Client } from "../client/types.ts";
import type { Loop } from "../domain/loop.ts";
import type { EventData } from "../protocol/events.ts";
import type { EventMessage } from "../protocol/messages.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { deferred } from "../lib/deferred.ts";
import { concerns, parseEvent, type KnownEvent } from "./known-event.ts";
import { again, history } from "./session.ts";

export interface FollowOptions {
  id: string;
  /** `beginning`: events that happened before come first. `now`: only what happens from here on. */
  from: "beginning" | "now";
  /** Each event once and in order, after the state holds it. */
  onEvent(event: KnownEvent, follow: Follow): void;
  /** The same, as it came; also of events that this client does not know. */
  onMessage?(message: EventMessage): void;
  /** A lost connection is back, and the loop has been read anew. */
  onReturn?(): Promise<void>;
}

/** What is known of a run. Grows as events come in. */
export class Follow {
  readonly #client: Client;
  readonly #options: FollowOptions;
  readonly #loops = new Map<string, Loop>();
  readonly #stops: (() => void)[] = [];
  readonly #waiters = new Set<() => void>();
  #failure: LooprError | null = null;
  #seq = 0;
  #early: EventMessage[] | null = [];
  merged: EventData<"merge.completed"> | null = null;
  /** Counts merges that ended without success, so that a new one can be told from an old. */
  conflicts = 0;
  conflict: EventData<"merge.conflict"> | null = null;

  private constructor(client: Client, options: FollowOptions) {
    this.#client = client;
    this.#options = options;
  }

  static async start(client: Client, options: FollowOptions): Promise<Follow> {
    const follow = new Follow(client, options);
    try {
      await follow.#begin();
      return follow;
    } catch (error) {
      follow.close();
      throw error;
    }
  }

  /** The loop that is followed, as it is now. */
  get loop(): Loop {
    const loop = this.#loops.get(this.#options.id);
    if (!loop) throw new LooprError("loop_not_found", `Loop not found: ${this.#options.id}`);
    return loop;
  }

  /** It and what is known of its descendants, in order of their ids. */
  get loops(): Loop[] {
    return [...this.#loops.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Resolves once the condition holds; throws where it no longer can: deleted, connection gone for good. */
  async until(condition: () => boolean): Promise<void> {
    const reached = deferred<void>();
    const look = () => {
      if (this.#failure) reached.reject(this.#failure);
      else if (condition()) reached.resolve();
    };
    this.#waiters.add(look);
    try {
      look();
      await reached.promise;
    } finally {
      this.#waiters.delete(look);
    }
  }

  /** Reads the loop anew: after a request that changed it, and after a lost connection. */
  async refresh(): Promise<void> {
    const { loop } = await this.#client.call("loop.get", { id: this.#options.id });
    this.#remember(loop);
    this.#wake();
  }

  close(): void {
    for (const stop of this.#stops.splice(0)) stop();
  }

  async #begin(): Promise<void> {
    const { id, from } = this.#options;
    this.#stops.push(
      this.#client.onEvent((message) => {
        if (this.#early) this.#early.push(message);
        else this.#take(message);
      }),
      this.#client.onState((state) => {
        if (state === "connected")
          this.#afterLoss(async () => {
            await this.refresh();
            await this.#options.onReturn?.();
          });
        if (state === "closed") this.#fail(connectionGone(id));
      }),
    );
    // Subscribed first and read second: nothing can fall between the two.
    const { seq } = await again(this.#client, () => this.#client.subscribe({ loop_id: id }));
    if (from === "now") this.#seq = seq;
    const { loop } = await this.#client.call("loop.get", { id });
    this.#remember(loop);
    if (from === "beginning") {
      for await (const { seq: number, event, data } of history(this.#client, id)) {
        this.#take({ event, data, seq: number });
      }
    }
    const early = this.#early ?? [];
    this.#early = null;
    for (const message of early) this.#take(message);
  }

  #take(message: EventMessage): void {
    if (message.seq !== undefined) {
      if (message.seq <= this.#seq) return;
      this.#seq = message.seq;
    }
    const aboutLoop = typeof message.data === "object" && message.data !== null && "id" in message.data;
    if (aboutLoop && !concerns(this.#options.id, message)) return;
    const event = parseEvent(message);
    if (event) this.#apply(event);
    this.#options.onMessage?.(message);
    if (event) this.#options.onEvent(event, this);
    this.#wake();
  }

  #apply(event: KnownEvent): void {
    switch (event.event) {
      case "loop.created":
      case "loop.updated":
        this.#remember(event.data);
        break;
      case "loop.deleted":
        if (event.data.id === this.#options.id) this.#failure = deleted(event.data.id);
        else this.#loops.delete(event.data.id);
        break;
      case "merge.completed":
        this.merged = event.data;
        break;
      case "merge.conflict":
        this.conflict = event.data;
        this.conflicts += 1;
        break;
      case "stream.gap":
        this.#seq = 0; // the numbers may be those of a new store
        this.#afterLoss(async () => {
          await this.refresh();
          // The events that told of it are gone, so this tells.
          this.#options.onEvent({ event: "loop.updated", data: this.loop, seq: null }, this);
        });
        break;
      default:
    }
  }

  /** The newer of two records wins: one that was read may be ahead of the events. */
  #remember(loop: Loop): void {
    const known = this.#loops.get(loop.id);
    if (!known || known.version <= loop.version) this.#loops.set(loop.id, loop);
  }

  #afterLoss(reread: () => Promise<void>): void {
    reread().catch((error: unknown) => {
      // A connection that is lost once more is read again when it is back.
      if (error instanceof LooprError && error.code === "connection_lost") return;
      this.#fail(
        error instanceof LooprError
          ? error
          : new LooprError("loop_not_found", messageOf(error), "", { cause: error }),
      );
    });
  }

  #fail(failure: LooprError): void {
    this.#failure ??= failure;
    this.#wake();
  }

  #wake(): void {
    for (const look of [...this.#waiters]) look();
  }
}

function deleted(id: string): LooprError {
  return new LooprError("loop_deleted", `the run was deleted while it was followed: ${id}`);
}

function connectionGone(id: string): LooprError {
  return new LooprError(
    "connection_lost",
    "the connection to the daemon is lost",
    `the run goes on when the daemon runs again: loopr watch ${id}`,
  );
}
