// One command's connection to the daemon: opened, closed, and left by Ctrl-C without hurting the loops.
import { watchLiveness } from "../client/liveness.ts";
import type { Client, ConnectOptions } from "../client/types.ts";
import { LooprError } from "../lib/errors.ts";
import type { Result } from "../protocol/methods.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { interrupted } from "./ask.ts";
import type { CliPorts } from "./ports.ts";
import { deferred } from "../lib/deferred.ts";
import { RpcError } from "../protocol/errors.ts";
import { shortener, withShortIds } from "./resolve.ts";

export interface Session {
  readonly client: Client;
  /** The command that brings a person back who leaves now; null while there is nothing to come back to. */
  comeBack: string | null;
  /** Progress of the connection, where it does not run into what else is on the screen. */
  tell: (text: string) => void;
  /** What else a person who leaves now should know. */
  left: string | null;
  /** Its output is a stream that Ctrl-C ends as intended: no document says that it was interrupted. */
  isStream: boolean;
  /** While this runs the terminal belongs to another program: Ctrl-C is for that one, and nothing is told. */
  undisturbed: <T>(work: () => Promise<T>) => Promise<T>;
}

/** Every command of the loops starts the daemon where none answers. */
export async function withSession(
  context: CliContext,
  ports: CliPorts,
  options: Pick<ConnectOptions, "reconnect">,
  work: (session: Session) => Promise<number>,
): Promise<number> {
  const stopped = deferred<never>();
  let others = 0;
  const stopListening = ports.onInterrupt(() => {
    if (others === 0) stopped.reject(interrupted());
  });
  let client: Client | null = null;
  const session: Omit<Session, "client"> = {
    comeBack: null,
    left: null,
    isStream: false,
    tell: (text) => context.note(text),
    undisturbed: async (work) => {
      others += 1;
      try {
        return await work();
      } finally {
        others -= 1;
      }
    },
  };
  let stopWatching = () => {};
  const connectAndWork = async () => {
    const { keyEnv } = await ports.personal(context.config);
    const onProgress = unlessRepeated((text) => {
      if (others === 0) session.tell(text);
    });
    client = await ports.connect({ ...options, autoStart: true, name: "cli", env: keyEnv, onProgress });
    // What only asks hears of it by its request.
    if (options.reconnect === true) stopWatching = tellOfSilence(client, ports, onProgress);
    return await work(Object.assign(session, { client }));
  };
  try {
    return await Promise.race([connectAndWork(), stopped.promise]);
  } catch (error) {
    if (error instanceof LooprError && error.code === "interrupted") return leave(context, session);
    throw context.json ? error : await forPeople(error, client);
  } finally {
    stopListening();
    stopWatching();
    closeIfOpen(client);
  }
}

/** A daemon that hangs keeps its connections: who follows a run would wait for ever, and not know why. */
function tellOfSilence(client: Client, ports: CliPorts, tell: (text: string) => void): () => void {
  const liveness = watchLiveness({
    ping: (timeoutMs) => client.call("ping", {}, { timeoutMs }),
    onSilence: (since) => {
      tell(
        since === null
          ? "the daemon responds again"
          : "the daemon does not respond; `loopr daemon status` shows what it waits on, Ctrl-C leaves",
      );
    },
    now: ports.now,
    times: ports.liveness,
  });
  client.onEvent(() => liveness.heard());
  client.onState(() => liveness.heard());
  return () => liveness.stop();
}

/** A reconnect reports each of its attempts. */
function unlessRepeated(tell: (text: string) => void): (text: string) => void {
  let last = "";
  return (text) => {
    if (text !== last) tell(text);
    last = text;
  };
}

/** The same failure with ids as views show them. One that names none costs no request. */
async function forPeople(error: unknown, client: Client | null): Promise<unknown> {
  const refused = error instanceof RpcError;
  if (!(refused || error instanceof LooprError) || client?.state !== "connected") return error;
  const { message, hint } = error;
  if (withShortIds(message + hint, () => "") === message + hint) return error;
  try {
    const { loops } = await client.call("loop.list", {});
    const shown = (text: string) => withShortIds(text, shortener(loops));
    return refused
      ? new RpcError(error.code, shown(message), { ...error.data, hint: shown(hint) })
      : new LooprError(error.code, shown(message), shown(hint), { cause: error });
  } catch {
    return error; // The long ids are right, too.
  }
}

function closeIfOpen(client: Client | null): void {
  client?.close();
}

function leave(context: CliContext, { comeBack, left, isStream }: Omit<Session, "client">): number {
  const hint = comeBack === null ? "" : `The run goes on. Come back with: ${comeBack}`;
  if (context.json && !isStream)
    context.print({ error: { code: "interrupted", message: "interrupted", hint } });
  else if (hint) context.note(["", hint, ...(left === null ? [] : [left])].join("\n"));
  return exitCodes.interrupted;
}

const retriesMax = 5;

/** The stored events of a loop and its descendants, oldest first; the daemon hands them out in pages. */
export async function* history(
  client: Client,
  id: string,
): AsyncGenerator<Result<"loop.events">["events"][number]> {
  for (let since = 0; ;) {
    const { events } = await client.call("loop.events", { id, since });
    yield* events;
    const last = events.at(-1);
    if (!last) return;
    since = last.seq;
  }
}

/** For subscribing: made again where the connection was lost under it and has come back. */
export async function again<T>(client: Client, request: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await request();
    } catch (error) {
      const lost = error instanceof LooprError && error.code === "connection_lost";
      if (!lost || attempt >= retriesMax || !(await reconnected(client))) throw error;
    }
  }
}

/** Resolves when a lost connection is back; false where it is not coming back. */
export async function reconnected(client: Client): Promise<boolean> {
  if (client.state !== "reconnecting") return client.state === "connected";
  const back = deferred<boolean>();
  const stop = client.onState((state) => {
    if (state !== "reconnecting") back.resolve(state === "connected");
  });
  try {
    return await back.promise;
  } finally {
    stop();
  }
}
