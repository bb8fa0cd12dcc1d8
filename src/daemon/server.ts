// The clients' side of the daemon: who is connected, who has subscribed, and what they are sent.
import type { Socket } from "node:net";
import type { Log } from "../lib/log.ts";
import { openFilesMax, reservedDescriptors } from "../lib/open-files.ts";
import { rpcCodes } from "../protocol/errors.ts";
import { clientsMaxDefault, heartbeatMs, type EventMessage } from "../protocol/messages.ts";
import type { Params } from "../protocol/methods.ts";
import { Connection } from "./connection.ts";
import { createDispatch, refusal, type Dispatch } from "./dispatch.ts";
import type { Caller, Handlers } from "./handlers.ts";
import type { EventSource, Services } from "./ports.ts";
import { SpareDescriptors, spareDescriptors } from "./spare-descriptors.ts";
import { Subscription } from "./subscription.ts";

/** How long, and how many at once, refused connections stay open for their clients to read the refusal. */
const refusedMs = 10_000;
const refusedMax = 16;
const spareCheckMs = 5_000;

export interface ServerOptions {
  /** Everything but `subscribe` and `unsubscribe`. */
  handlers: Handlers;
  services: Pick<Services, "events" | "onEphemeral">;
  log: Log;
  clientsMax?: number;
}

export class Server {
  readonly #options: ServerOptions;
  readonly #source: EventSource;
  readonly #clientsMax: number;
  /** Asked once: where none is left, there is none to ask with. */
  readonly #openFilesMax = openFilesMax();
  readonly #dispatch: Dispatch;
  readonly #connections = new Map<number, Connection>();
  /** Over the limit, and about to read that. */
  readonly #refused = new Set<Connection>();
  readonly #subscriptions = new Map<number, Subscription>();
  readonly #stopListening: (() => void)[];
  readonly #heartbeat: NodeJS.Timeout;
  readonly #spare = new SpareDescriptors();
  readonly #spareCheck: NodeJS.Timeout;
  #nextId = 1;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#source = options.services.events;
    this.#clientsMax = Math.min(
      options.clientsMax ?? clientsMaxDefault,
      descriptorsForClients(this.#openFilesMax),
    );
    this.#dispatch = createDispatch(
      {
        ...options.handlers,
        subscribe: (params, caller) => this.#subscribe(params, caller),
        unsubscribe: (_params, caller) => this.#unsubscribe(caller),
      },
      options.log,
    );
    this.#stopListening = [
      this.#source.onEvents((events) => {
        for (const subscription of this.#subscriptions.values()) subscription.deliver(events);
      }),
      options.services.onEphemeral((event) => {
        for (const subscription of this.#subscriptions.values()) subscription.deliverEphemeral(event);
      }),
    ];
    this.#heartbeat = setInterval(() => this.#beat(), heartbeatMs);
    this.#heartbeat.unref();
    this.#spare.hasRoom();
    // What else the daemon opens may take the last one; then no client gets as far as `accept`.
    this.#spareCheck = setInterval(() => this.#spare.hasRoom(), spareCheckMs);
    this.#spareCheck.unref();
  }

  get clients(): number {
    return this.#connections.size;
  }

  accept(socket: Socket): void {
    const id = this.#nextId++;
    const connection = new Connection({ id, socket, dispatch: this.#dispatch, log: this.#options.log });
    if (this.#connections.size >= this.#clientsMax) {
      this.#refuse(connection, this.#busy(), refusedMax);
      return;
    }
    if (!this.#spare.hasRoom()) {
      this.#refuse(connection, this.#noDescriptors(), spareDescriptors / 2);
      return;
    }
    this.#connections.set(id, connection);
    void connection.closed.then(() => {
      this.#connections.delete(id);
      this.#dropSubscription(id);
    });
  }

  /**
   * Whoever is refused at a busy time may be late in reading why, and a connection that was closed meanwhile
   * says nothing to it. Each costs a descriptor for as long: of a flood, only the last ones get that time.
   */
  #refuse(connection: Connection, why: string, atOnceMax: number): void {
    connection.send(refusal(0, rpcCodes.busy, why));
    connection.close(refusedMs);
    this.#refused.add(connection);
    void connection.closed.then(() => this.#refused.delete(connection));
    for (const oldest of [...this.#refused].slice(0, -atOnceMax)) {
      this.#refused.delete(oldest);
      if (atOnceMax === refusedMax) oldest.close();
      else oldest.abort(); // what it was sent can still be read
    }
  }

  #noDescriptors(): string {
    const limit = openFilesMax() ?? this.#openFilesMax;
    return `Busy: the daemon can open no more files${limit === null ? "" : ` than ${limit}`} (ulimit -n); restart it under a higher limit, or wait until others have left`;
  }

  #busy(): string {
    const what = `Busy: ${this.#clientsMax} clients are connected, which is the limit`;
    if (this.#clientsMax >= (this.#options.clientsMax ?? clientsMaxDefault)) return what;
    return `${what} where ${this.#openFilesMax} files may be open at once (ulimit -n); restart the daemon under a higher one`;
  }

  /** What `initialize` says of a connection, for its later requests. */
  remember(id: number, about: Partial<Connection["about"]>): void {
    const connection = this.#connections.get(id);
    if (connection) Object.assign(connection.about, about);
  }

  /** So that who follows knows the end to be meant, and does not start another daemon. */
  announceStop(): void {
    this.#toSubscribers({ event: "daemon.stopping", data: {} });
  }

  /** Resolves when every connection has read its last answers, or was cut off for not doing so. */
  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    clearInterval(this.#spareCheck);
    this.#spare.release();
    for (const stop of this.#stopListening) stop();
    for (const connection of this.#refused) connection.abort(); // Their last words are sent.
    const closing = [...this.#connections.values()].map((connection) => {
      connection.close();
      return connection.closed;
    });
    await Promise.all(closing);
  }

  #subscribe(params: Params<"subscribe">, caller: Caller): { subscribed: true; seq: number } {
    const seq = this.#source.lastSeq();
    const connection = this.#connections.get(caller.id);
    this.#dropSubscription(caller.id);
    if (!connection) return { subscribed: true, seq };
    const subscription = new Subscription(connection, this.#source, {
      since: params.since ?? null,
      loopId: params.loop_id ?? null,
    });
    this.#subscriptions.set(caller.id, subscription);
    // The answer is queued in this turn; whatever is replayed comes after it.
    queueMicrotask(() => {
      subscription.replay().catch((error: unknown) => {
        this.#options.log.error("a replay of events failed", { client: caller.id, error });
        connection.close();
      });
    });
    return { subscribed: true, seq };
  }

  #unsubscribe(caller: Caller): { subscribed: false } {
    this.#dropSubscription(caller.id);
    return { subscribed: false };
  }

  #dropSubscription(id: number): void {
    this.#subscriptions.get(id)?.end();
    this.#subscriptions.delete(id);
  }

  #beat(): void {
    this.#toSubscribers({ event: "stream.heartbeat", data: { seq: this.#source.lastSeq() } });
  }

  #toSubscribers(message: EventMessage): void {
    for (const id of this.#subscriptions.keys()) this.#connections.get(id)?.send(message);
  }
}

/**
 * With no descriptor left, accepting fails, is tried again at once and burns a core: the limit has to be
 * met before, by a refusal.
 */
function descriptorsForClients(limit: number | null): number {
  return limit === null ? Infinity : Math.max(1, limit - reservedDescriptors);
}
