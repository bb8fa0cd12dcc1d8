// One client: its lines in, its bounded queue out. What it sends or fails to read costs only itself.
import type { Socket } from "node:net";
import { deferred, type Deferred } from "../lib/deferred.ts";
import type { Log } from "../lib/log.ts";
import { rpcCodes } from "../protocol/errors.ts";
import { clientQueueBytesMax, lineBytesMax, type EventMessage, type Response } from "../protocol/messages.ts";
import type { Credentials } from "../protocol/methods.ts";
import { encodeLine, LineDecoder, type Line } from "../rpc/lines.ts";
import { refusal, type Dispatch } from "./dispatch.ts";
import type { Caller } from "./handlers.ts";
import { Outbox } from "./outbox.ts";

/** Requests of one connection that may be under way at once; further ones wait. */
const requestsMax = 1024;
/** A client with so much unread output has its further requests wait: asking much cuts nobody off who reads. */
const answersBytesMax = 1024 * 1024;
/** Who has taken nothing for so long is waited for no more: its requests are answered until its queue is full. */
const stallMs = 3_000;
/** How long a connection that we close may take to read our last words. */
const lastWordsMs = 500;
/** A replay of stored events goes on only below this much unread output. */
const replayQueueBytesMax = 256 * 1024;

export interface ConnectionOptions {
  id: number;
  socket: Socket;
  dispatch: Dispatch;
  log: Log;
  queueBytesMax?: number;
  answersBytesMax?: number;
  stallMs?: number;
}

export class Connection {
  readonly id: number;
  /** Filled in by `initialize`. */
  readonly about: { cwd: string | null; credentials: Credentials | null; name: string };
  readonly #socket: Socket;
  readonly #dispatch: Dispatch;
  readonly #log: Log;
  readonly #queueBytesMax: number;
  readonly #answersBytesMax: number;
  readonly #stallMs: number;
  readonly #outbox: Outbox;
  readonly #decoder = new LineDecoder(lineBytesMax);
  /** Received and not taken up yet, and how many at its start have been. */
  #lines: Line[] = [];
  #taken = 0;
  #underWay = 0;
  #inputEnded = false;
  /** Nothing more is read from the socket until the requests that wait have been taken up. */
  #holding = false;
  /** Runs while requests wait for the client to read. */
  #stall: NodeJS.Timeout | null = null;
  /** It has not read for so long that they wait no more. */
  #stalled = false;
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
    this.#answersBytesMax = options.answersBytesMax ?? answersBytesMax;
    this.#stallMs = options.stallMs ?? stallMs;
    this.#outbox = new Outbox(this.#socket);
    this.#outbox.onProgress = () => this.#progress();
    this.#socket.on("data", (chunk) => this.#receive(chunk));
    this.#socket.on("end", () => {
      this.#inputEnded = true;
      this.#endIfDone();
    });
    this.#socket.on("error", () => {}); // `close` follows.
    this.#socket.on("close", () => this.#settle());
  }

  get caller(): Caller {
    return { id: this.id, cwd: this.about.cwd, credentials: this.about.credentials };
  }

  get isClosed(): boolean {
    return this.#closed || this.#ending;
  }

  get unreadBytes(): number {
    return this.#outbox.unreadBytes;
  }

  /** Resolves when nothing can be sent any more. */
  get closed(): Promise<void> {
    return this.#settled.promise;
  }

  send(message: Response | EventMessage): void {
    if (this.#closed || this.#ending) return;
    if (this.#outbox.unreadBytes > this.#queueBytesMax) {
      this.#cutOff();
      return;
    }
    this.#outbox.push(encodeLine(message));
  }

  /** Resolves when there is room for more of a replay, or the connection is closed. */
  async roomForReplay(): Promise<void> {
    this.#outbox.flush();
    while (!this.isClosed && this.#outbox.unreadBytes > replayQueueBytesMax) {
      this.#drain ??= deferred<void>();
      await this.#drain.promise;
    }
  }

  /** Sends what is queued, and closes. A client that does not read it in time loses it. */
  close(lingerMs = lastWordsMs): void {
    this.#end();
    const linger = setTimeout(() => this.abort(), lingerMs);
    void this.closed.then(() => clearTimeout(linger));
  }

  #receive(chunk: Buffer): void {
    if (this.#ending) return;
    const lines = this.#decoder.push(chunk);
    this.#lines = this.#lines.length > 0 ? this.#lines.concat(lines) : lines;
    this.#takeUp();
  }

  /** As many of the waiting requests as the client's reading, and what is under way, leave room for. */
  #takeUp(): void {
    while (this.#taken < this.#lines.length && !this.isClosed) {
      const unread = !this.#stalled && this.#outbox.unreadBytes > this.#answersBytesMax;
      if (unread || this.#underWay >= requestsMax) {
        this.#hold();
        if (unread) this.#watchReading();
        else this.#stopWatching();
        return;
      }
      const line = this.#lines[this.#taken++];
      if (line) this.#handle(line);
    }
    this.#lines = [];
    this.#taken = 0;
    if (this.#holding) this.#release();
  }

  #hold(): void {
    this.#holding = true;
    this.#socket.pause();
  }

  #release(): void {
    this.#holding = false;
    this.#stopWatching();
    this.#socket.resume();
  }

  #handle(line: Line): void {
    if (line.kind === "too_long") {
      this.send(refusal(0, rpcCodes.invalidRequest, `Invalid request: a line over ${lineBytesMax} bytes`));
      this.close();
      return;
    }
    if (line.kind === "not_utf8") {
      this.send(refusal(0, rpcCodes.parse, "Parse error: the line is not UTF-8"));
      return;
    }
    const response = this.#dispatch(line.text, this.caller);
    if (!(response instanceof Promise)) {
      this.send(response);
      return;
    }
    this.#underWay++;
    void response.then((settled) => {
      this.#underWay--;
      this.send(settled);
      this.#goOn();
    });
  }

  #progress(): void {
    this.#stalled = false;
    this.#stall?.refresh();
    this.#drain?.resolve();
    this.#drain = null;
    this.#goOn();
  }

  #goOn(): void {
    if (this.isClosed) return;
    if (this.#lines.length > 0) this.#takeUp();
    this.#endIfDone();
  }

  /** `echo … | nc -U`: the client has said all that it wants to, and still reads the answers. */
  #endIfDone(): void {
    if (!this.#inputEnded || this.#underWay > 0 || this.#lines.length > 0) return;
    this.#end();
  }

  #watchReading(): void {
    this.#stall ??= setTimeout(() => {
      this.#stall = null;
      this.#stalled = true;
      this.#goOn();
    }, this.#stallMs);
  }

  #stopWatching(): void {
    if (this.#stall) clearTimeout(this.#stall);
    this.#stall = null;
  }

  #end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    if (this.#holding) this.#release(); // What still comes is read and forgotten.
    this.#outbox.end();
  }

  #cutOff(): void {
    const queued = this.#outbox.unreadBytes;
    this.#log.warn("a client that does not read was cut off", { client: this.id, queued });
    this.abort();
  }

  /** At once. */
  abort(): void {
    this.#settle(); // First: what the end of the socket calls finds us closed.
    this.#socket.destroy();
  }

  #settle(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopWatching();
    this.#lines = [];
    this.#drain?.resolve();
    this.#settled.resolve();
  }
}
