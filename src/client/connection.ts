// One socket to a daemon: requests out, responses and events in. Knows nothing of starting or coming back.
import { deferred } from "../lib/deferred.ts";
import { LooprError } from "../lib/errors.ts";
import { RpcError } from "../protocol/errors.ts";
import { isEventMessage, isResponse, type EventMessage, type Response } from "../protocol/messages.ts";
import type { MethodName, methods, Params, Result } from "../protocol/methods.ts";
import { isRecord } from "../protocol/shape.ts";
import { encodeLine, LineDecoder } from "../rpc/lines.ts";
import { openStream, type Stream } from "../rpc/stream.ts";

/** A daemon's answers may be long (a list of thousands of loops); this only bounds what garbage can cost. */
const answerBytesMax = 64 * 1024 * 1024;

interface Pending {
  settle(result: unknown): void;
  fail(error: Error): void;
}

export class Connection {
  onEvent: (event: EventMessage) => void = () => {};
  /** Called once, when the connection is gone, for whatever reason but `close`. */
  onLost: () => void = () => {};

  /**
   * What answers have to look like. Null: the daemon is of this very build, whose answers were held to their
   * types when it was compiled; a short command does without making the schemas then.
   */
  schemas: typeof methods | null = null;

  #stream: Stream | null = null;
  readonly #decoder = new LineDecoder(answerBytesMax);
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #closed = false;

  /** Rejects with the system's error (`ENOENT`, `ECONNREFUSED`, …). */
  static async open(path: string): Promise<Connection> {
    const connection = new Connection();
    connection.#stream = await openStream(path, {
      onData: (chunk) => connection.#receive(chunk),
      onClose: () => connection.#lost(connectionLost()),
    });
    if (connection.#closed) connection.#stream.close(); // By what the daemon said first.
    return connection;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /**
   * `onResult` is called in the turn in which the answer arrives, before any event behind it.
   * `timeoutMs` null: no limit.
   */
  async call<M extends MethodName>(
    method: M,
    params: Params<M>,
    timeoutMs: number | null,
    onResult: (result: Result<M>) => void = () => {},
  ): Promise<Result<M>> {
    let result: Result<M> | undefined;
    await this.request(method, params, timeoutMs, (value) => {
      const answer = this.schemas === null ? value : this.schemas[method].result.safeParse(value).data;
      if (!isAnswer<M>(answer)) throw unintelligible(`its answer to ${method} has an unknown shape`);
      result = answer;
      onResult(answer);
    });
    return result as Result<M>;
  }

  /** Like `call`, with the answer as it came. A throw of `onResult` is this request's failure. */
  request(
    method: MethodName,
    params: unknown,
    timeoutMs: number | null,
    onResult: (result: unknown) => void = () => {},
  ): Promise<unknown> {
    if (this.#closed) return Promise.reject(connectionLost());
    const id = this.#nextId++;
    const answer = deferred<unknown>();
    const onTimeout = () => {
      this.#pending.delete(id);
      answer.reject(noAnswer(method, timeoutMs ?? 0));
    };
    const timer = timeoutMs === null ? undefined : setTimeout(onTimeout, timeoutMs);
    this.#pending.set(id, {
      settle: (result) => {
        clearTimeout(timer);
        try {
          onResult(result);
          answer.resolve(result);
        } catch (error) {
          answer.reject(error);
        }
      },
      fail: (error) => {
        clearTimeout(timer);
        answer.reject(error);
      },
    });
    this.#stream?.write(encodeLine({ id, method, params }));
    return answer.promise;
  }

  close(): void {
    this.onLost = () => {};
    this.#lost(new LooprError("connection_lost", "the connection was closed"));
    this.#stream?.close();
  }

  #receive(chunk: Buffer): void {
    for (const line of this.#decoder.push(chunk)) {
      if (this.#closed) return;
      if (line.kind !== "line") {
        const what = line.kind === "too_long" ? "a line without end" : "what is not UTF-8";
        this.#abandon(unintelligible(`it sent ${what}`));
        return;
      }
      this.#take(line.text);
    }
  }

  #take(text: string): void {
    const message = parseMessage(text);
    if (message === null) {
      this.#abandon(unintelligible("it does not speak the protocol"));
      return;
    }
    if ("event" in message) {
      this.onEvent(message);
      return;
    }
    const { id, error, result } = message;
    const refused = error ? new RpcError(error.code, error.message, dataOf(error.data)) : null;
    // Number 0 answers no request: the daemon refuses the connection as such (busy, a line too long).
    if (id === 0 && refused) {
      this.#abandon(refused);
      return;
    }
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (refused) pending?.fail(refused);
    else pending?.settle(result);
  }

  #abandon(error: Error): void {
    this.#lost(error);
    this.#stream?.close();
  }

  #lost(error: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    const waiting = [...this.#pending.values()];
    this.#pending.clear();
    for (const pending of waiting) pending.fail(error);
    this.onLost();
  }
}

function parseMessage(text: string): Response | EventMessage | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  return isEventMessage(json) || isResponse(json) ? json : null;
}

/** What is no object has failed the schema, or is no answer to any method. */
function isAnswer<M extends MethodName>(value: unknown): value is Result<M> {
  return isRecord(value);
}

function dataOf(data: unknown): Record<string, unknown> {
  return typeof data === "object" && data !== null ? { ...data } : {};
}

function connectionLost(): LooprError {
  return new LooprError(
    "connection_lost",
    "the connection to the daemon was lost",
    "`loopr daemon status` shows whether it runs; its log says why it went",
  );
}

function noAnswer(method: string, timeoutMs: number): LooprError {
  return new LooprError(
    "daemon_unresponsive",
    `the daemon did not answer \`${method}\` within ${timeoutMs / 1000} s`,
    "`loopr daemon status` shows how it is; `loopr daemon restart` replaces it",
  );
}

function unintelligible(what: string): LooprError {
  return new LooprError("not_a_daemon", `what answers on the socket is no Loopr daemon: ${what}`);
}
