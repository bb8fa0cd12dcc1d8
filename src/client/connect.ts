// The client: a connection that can come back, and a subscription that goes on where it was.
import { setTimeout as sleep } from "node:timers/promises";
import { deferred, type Deferred } from "../lib/deferred.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { RpcError } from "../protocol/errors.ts";
import type { EventMessage } from "../protocol/messages.ts";
import type { MethodName, Params, Result } from "../protocol/methods.ts";
import type { Connection } from "./connection.ts";
import { credentialsFrom } from "./credentials.ts";
import { establish, type Established, type EstablishOptions } from "./establish.ts";
import { attended, type AttendTimes } from "./liveness.ts";
import { joined } from "./pages.ts";
import type { Client, ConnectionState, ConnectOptions } from "./types.ts";
import { establishNewest } from "./upgrade.ts";

/** Those whose answers come in pages that belong together; an export is written page by page. */
const pagedMethods: ReadonlySet<MethodName> = new Set(["loop.list", "loop.iterations", "loop.record"]);

/** A daemon answers everything but chat within 30 s. */
const callTimeoutMs = 60_000;
const reconnectDelayMs = { first: 50, max: 2_000 } as const;
/** So long after its first loss a client that does not reconnect repeats its reads. */
const renewMs = 10_000;
/** After that long without a daemon, a client that reconnects is closed. */
const reconnectMs = 60_000;

/** Connects, starting the daemon if asked to. For what it throws see `Client`. */
export async function connect(options: ConnectOptions): Promise<Client> {
  const env = options.env ?? process.env;
  const wanted: EstablishOptions = {
    env,
    name: options.name,
    credentials: options.credentials ?? credentialsFrom(env),
    autoStart: options.autoStart,
    onProgress: options.onProgress ?? (() => {}),
  };
  return new ReconnectingClient(wanted, options, await establishNewest(wanted));
}

class ReconnectingClient implements Client {
  readonly #wanted: EstablishOptions;
  readonly #reconnect: boolean;
  readonly #attend: AttendTimes | undefined;
  readonly #eventListeners = new Set<(event: EventMessage) => void>();
  readonly #stateListeners = new Set<(state: ConnectionState) => void>();
  #connection: Connection;
  #server: Result<"initialize">;
  #state: ConnectionState = "connected";
  /** While reconnecting: settles when that has ended, either way. */
  #comingBack: Deferred<void> | null = null;
  #subscription: { loop_id?: string } | null = null;
  /** Number of the last event handed on. */
  #seq = 0;
  /** By `close`: nothing brings it back. */
  #ended = false;
  /** Without `reconnect`: a new connection for the reads that the lost one left unanswered. */
  #renewing: Promise<boolean> | null = null;
  #renewUntil: number | null = null;
  /** The daemon said that it was told to stop: nobody wants another one started. */
  #stopMeant = false;

  constructor(wanted: EstablishOptions, options: ConnectOptions, established: Established) {
    this.#wanted = wanted;
    this.#reconnect = options.reconnect ?? false;
    this.#attend = options.attend;
    this.#server = established.server;
    this.#connection = established.connection;
    this.#adopt(established);
  }

  get server(): Result<"initialize"> {
    return this.#server;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  async call<M extends MethodName>(
    method: M,
    params: Params<M>,
    options: { timeoutMs?: number } = {},
  ): Promise<Result<M>> {
    const first = await this.#ask(method, params, options);
    if (!pagedMethods.has(method)) return first;
    return joined(first, (cursor) => this.#ask(method, { ...params, cursor }, options));
  }

  async #ask<M extends MethodName>(
    method: M,
    params: Params<M>,
    options: { timeoutMs?: number },
  ): Promise<Result<M>> {
    const timeoutMs = options.timeoutMs ?? (method === "chat.send" ? null : callTimeoutMs);
    for (;;) {
      await this.#comingBack?.promise;
      const connection = this.#connection;
      try {
        const answer = connection.call(method, params, timeoutMs);
        if (method === "ping") return await answer;
        return await attended(answer, (withinMs) => connection.call("ping", {}, withinMs), this.#attend);
      } catch (error) {
        if (!isLoss(error) || !(await isIdempotent(method))) throw error;
        if (this.#reconnect ? this.#state !== "reconnecting" : !(await this.#isRenewed())) throw error;
      }
    }
  }

  async subscribe(options: { since?: number; loop_id?: string } = {}): Promise<{ seq: number }> {
    this.#subscription = options.loop_id === undefined ? {} : { loop_id: options.loop_id };
    await this.#comingBack?.promise;
    return this.#subscribeOn(this.#connection, options.since ?? null);
  }

  onEvent(listener: (event: EventMessage) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  close(): void {
    this.#ended = true;
    this.#setState("closed");
    this.#connection.close();
    this.#comingBack?.reject(new LooprError("connection_lost", "the connection was closed"));
    this.#comingBack = null;
  }

  #adopt({ connection, server }: Established): void {
    this.#connection = connection;
    this.#server = server;
    this.#stopMeant = false;
    connection.onEvent = (event) => this.#take(event);
    connection.onLost = () => this.#lost();
  }

  #take(event: EventMessage): void {
    if (event.event === "daemon.stopping") this.#stopMeant = true;
    if (event.seq !== undefined) {
      if (event.seq <= this.#seq) return;
      this.#seq = event.seq;
    }
    for (const listener of this.#eventListeners) listener(event);
  }

  async #subscribeOn(connection: Connection, since: number | null): Promise<{ seq: number }> {
    const params = { ...this.#subscription, ...(since === null ? {} : { since }) };
    const { seq } = await connection.call("subscribe", params, callTimeoutMs, (result) => {
      // Before the events behind this answer are looked at. A store that counts from lower than we have
      // seen is another store: `stream.gap` follows, and its numbers are new.
      this.#seq = since === null ? result.seq : Math.min(since, result.seq);
    });
    return { seq };
  }

  /** A short command's reads outlive a restart of the daemon, within its time. Throws what `establish` does. */
  #isRenewed(): Promise<boolean> {
    if (!this.#connection.isClosed) return Promise.resolve(!this.#ended);
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = null));
    return this.#renewing;
  }

  async #renew(): Promise<boolean> {
    this.#renewUntil ??= Date.now() + renewMs;
    let delayMs: number = reconnectDelayMs.first;
    while (!this.#ended && this.#subscription === null && Date.now() < this.#renewUntil) {
      await sleep(delayMs);
      delayMs = Math.min(delayMs * 2, reconnectDelayMs.max);
      try {
        const established = await establish(this.#wanted);
        this.#adopt(established);
        if (this.#ended) established.connection.close();
        else this.#setState("connected");
        return !this.#ended;
      } catch (error) {
        if (error instanceof LooprError && error.code === "daemon_unreachable") return false;
        if (!isLoss(error)) throw error;
      }
    }
    return false;
  }

  #lost(): void {
    if (this.#state === "closed") return;
    if (!this.#reconnect) {
      this.#setState("closed");
      return;
    }
    this.#comingBack = deferred<void>();
    this.#comingBack.promise.catch(() => {}); // Whoever calls meanwhile hears of it.
    this.#setState("reconnecting");
    void this.#comeBack(this.#comingBack);
  }

  async #comeBack(comingBack: Deferred<void>): Promise<void> {
    const deadline = Date.now() + reconnectMs;
    let delayMs: number = reconnectDelayMs.first;
    while (this.#state === "reconnecting") {
      try {
        await this.#resume();
        if (this.#state !== "reconnecting") return;
        this.#comingBack = null;
        this.#setState("connected");
        comingBack.resolve();
        return;
      } catch (error) {
        if (Date.now() > deadline) {
          this.#giveUp(comingBack, error);
          return;
        }
        this.#wanted.onProgress(`reconnecting: ${messageOf(error).split("\n")[0]}`);
      }
      await sleep(delayMs);
      delayMs = Math.min(delayMs * 2, reconnectDelayMs.max);
    }
  }

  /** A new connection, and on it the subscription, from the last event that was handed on. */
  async #resume(): Promise<void> {
    const autoStart = this.#wanted.autoStart && !this.#stopMeant;
    const established = await establish({ ...this.#wanted, autoStart });
    if (this.#state !== "reconnecting") {
      established.connection.close();
      return;
    }
    const { connection } = established;
    connection.onEvent = (event) => this.#take(event);
    if (this.#subscription) await this.#subscribeOn(connection, this.#seq);
    if (connection.isClosed) throw new LooprError("connection_lost", "the connection was lost again");
    this.#adopt(established);
  }

  #giveUp(comingBack: Deferred<void>, error: unknown): void {
    this.#comingBack = null;
    this.#setState("closed");
    const known = error instanceof LooprError || error instanceof RpcError;
    comingBack.reject(known ? error : new LooprError("daemon_unreachable", messageOf(error)));
  }

  #setState(state: ConnectionState): void {
    if (this.#state === state) return;
    this.#state = state;
    for (const listener of this.#stateListeners) listener(state);
  }
}

function isLoss(error: unknown): boolean {
  return error instanceof LooprError && error.code === "connection_lost";
}

/**
 * A request that changes something may have been carried out: only its sender can decide whether to repeat it.
 * Loaded with the first connection that is lost.
 */
async function isIdempotent(method: MethodName): Promise<boolean> {
  return (await import("../protocol/methods.ts")).methods[method].idempotent;
}
