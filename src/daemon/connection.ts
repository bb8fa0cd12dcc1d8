// One client: its lines in, its bounded queue out. What it sends or fails to read costs only itself.
import type { Socket } from "node:net";
import { deferred, type Deferred } from "../lib/deferred.ts";
import type { Log } from "../lib/log.ts";
import { rpcCodes } from "../protocol/errors.ts";
import { clientQueueBytesMax, lineBytesMax, type EventMessage, type Response } from "../protocol/messages.ts";
import type { Credentials } from "../protocol/methods.ts";
import { encodeLine, LineDecoder } from "../rpc/lines.ts";
import { refusal, type Dispatch } from "./dispatch.ts";
import type { Caller } from "./handlers.ts";

/** Requests of one connection that may be under way at once. */
const requestsMax = 1024;
/** How long a connection that we close may take to read our last words. */
const lingerMs = 500;
/** A replay of stored events goes on only below this much unread output. */
const replayQueueBytesMax = 256 * 1024;

export interface ConnectionOptions {
  id: number;
  socket: Socket;
  dispatch: Dispatch;
  log: Log;
  queueBytesMax?: number;
}

export class Connection {
  readonly id: number;
  /** Filled in by `initialize`. */
  readonly about: { cwd: string | null; credentials: Credentials | null; name: string };
  readonly #socket: Socket;
  readonly #dispatch: Dispatch;
  readonly #log: Log;
  readonly #queueBytesMax: number;
  readonly #decoder = new LineDecoder(lineBytesMax);
  /** Lines of this turn of the event loop, sent as one write. */
  #out = "";
  #flushing = false;
  #underWay = 0;
  #inputEnded = false;
  /** Our last words are on their way; nothing more is said or listened to. */
  #ending = false;
  #closed = false;
  #drain: Deferred<void> | null = null;
  readonly #settled = deferred<void>();

  constructor(options: ConnectionOptions) {
    this.id = options.id;
    this.about = { cwd: null, credentials: null, name: "" };
    this.#socket = options.socket;
    this.#dispatch = options.dispatch;
    this.#log = options.log;
    this.#queueBytesMax = options.queueBytesMax ?? clientQueueBytesMax;
    this.#socket.on("data", (chunk) => this.#receive(chunk));
    this.#socket.on("end", () => {
      this.#inputEnded = true;
      this.#endIfDone();
    });
    this.#socket.on("drain", () => this.#drain?.resolve());
    this.#socket.on("error", () => {}); // `close` follows.
    this.#socket.on("close", () => this.#settle());
  }

  get caller(): Caller {
    return { id: this.id, cwd: this.about.cwd, credentials: this.about.credentials };
  }

  get isClosed(): boolean {
    return this.#closed || this.#ending;
  }

  /** Resolves when nothing can be sent any more. */
  get closed(): Promise<void> {
    return this.#settled.promise;
  }

  send(message: Response | EventMessage): void {
    if (this.#closed || this.#ending) return;
    if (this.#queued() > this.#queueBytesMax) {
      this.#log.warn("a client that does not read was cut off", { client: this.id, queued: this.#queued() });
      this.#abort();
      return;
    }
    this.#out += encodeLine(message);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  /** Resolves when there is room for more of a replay, or the connection is closed. */
  async roomForReplay(): Promise<void> {
    this.#flush();
    while (!this.isClosed && this.#socket.writableLength > replayQueueBytesMax) {
      this.#drain ??= deferred<void>();
      await this.#drain.promise;
      this.#drain = null;
    }
  }

  /** Sends what is queued, and closes. A client that does not read it in time loses it. */
  close(): void {
    if (this.#closed || this.#ending) return;
    this.#flush();
    this.#ending = true;
    this.#socket.end();
    const linger = setTimeout(() => this.#abort(), lingerMs);
    this.#socket.once("close", () => clearTimeout(linger));
  }

  #receive(chunk: Buffer): void {
    if (this.#ending) return;
    for (const line of this.#decoder.push(chunk)) {
      if (this.#closed) return;
      if (line.kind === "too_long") {
        this.send(refusal(0, rpcCodes.invalidRequest, `Invalid request: a line over ${lineBytesMax} bytes`));
        this.close();
        return;
      }
      this.#handle(line.text);
    }
  }

  #handle(text: string): void {
    if (this.#underWay >= requestsMax) {
      this.send(refusal(0, rpcCodes.busy, `Busy: ${requestsMax} requests of this connection are under way`));
      return;
    }
    const response = this.#dispatch(text, this.caller);
    if (!(response instanceof Promise)) {
      this.send(response);
      return;
    }
    this.#underWay++;
    void response.then((settled) => {
      this.#underWay--;
      this.send(settled);
      this.#endIfDone();
    });
  }

  /** `echo … | nc -U`: the client has said all that it wants to, and still reads the answers. */
  #endIfDone(): void {
    if (this.#inputEnded && this.#underWay === 0) this.close();
  }

  #queued(): number {
    return this.#socket.writableLength + this.#out.length;
  }

  #flush(): void {
    this.#flushing = false;
    const text = this.#out;
    this.#out = "";
    if (text !== "" && !this.#closed) this.#socket.write(text);
  }

  #abort(): void {
    this.#socket.destroy();
    this.#settle();
  }

  #settle(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#out = "";
    this.#drain?.resolve();
    this.#settled.resolve();
  }
}
