// What is at a socket's path, found out by asking: nobody, a daemon, or something that is none of ours.
import { lstatSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LooprError, messageOf, systemCode } from "../lib/errors.ts";
import { plainLine } from "../lib/plain.ts";
import { build } from "../lib/version.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import type { Params, Result } from "../protocol/methods.ts";
import { isShaped } from "../protocol/shape.ts";
import { Connection } from "./connection.ts";
import { isListenedAt } from "./listeners.ts";

/** For connecting and the handshake together. */
export const handshakeMs = 2_000;
/** The queue of a listening socket is full: its server is overwhelmed or stopped. */
const queueFullRetryMs = 50;

/** What `initialize` answers: its shape never changes. */
const serverShape = {
  version: "string",
  build: "string",
  protocol: "string",
  capabilities: "object",
  pid: "number",
  nonce: "string",
  started_at: "number",
  home: "string",
} as const satisfies Record<keyof Server, string>;
const capabilitiesShape = { chat: "boolean", loops: "boolean", events: "boolean" } as const;

export type Server = Result<"initialize">;

export type Answer =
  | { kind: "connected"; connection: Connection; server: Server; path: string }
  /** Nobody listens there. */
  | { kind: "nobody" }
  /** It takes the connection, and closes it without a word. */
  | { kind: "closes" }
  /** It takes the connection or lets it wait, and says nothing. */
  | { kind: "silent" }
  /** A daemon of the original Loopr, or of a version whose handshake is not ours. */
  | { kind: "original"; version: string }
  /** A daemon that does not let us in: it is busy, or of a version that cannot work with ours. */
  | { kind: "refuses"; error: RpcError }
  /** `server`: a daemon, which the proof says is not the one that is meant. */
  | { kind: "stranger"; cause: LooprError | null; server: Server | null };

/** Whether who answers is the one that is meant. */
export type Proof = (server: Server) => boolean;

/**
 * Throws `daemon_unreachable` where the socket cannot be used or is another user's. With a proof the keys are
 * handed over only when it has been given.
 */
export async function ask(
  path: string,
  hello: Params<"initialize">,
  deadline: number,
  proof: Proof | null = null,
): Promise<Answer> {
  const connection = await open(path, deadline);
  if (!(connection instanceof Connection)) return connection;
  const answer = await greet(connection, path, { hello, deadline, proof });
  if (answer.kind !== "connected") connection.close();
  return answer;
}

async function open(path: string, deadline: number): Promise<Connection | Answer> {
  for (;;) {
    try {
      if (!isSocket(path)) return { kind: "nobody" };
      return await Connection.open(path);
    } catch (error) {
      if (error instanceof LooprError) throw error;
      const code = systemCode(error);
      if (code === "ENOENT" || code === "ENOTDIR") return { kind: "nobody" };
      if (code === "ECONNRESET" || code === "EPIPE") return { kind: "closes" };
      const isRefused = code === "ECONNREFUSED" || (code === "EACCES" && isClosedToUs(path));
      if (isRefused && !isListenedAt(path)) return { kind: "nobody" };
      if (code !== "ECONNREFUSED" && code !== "EAGAIN") throw unreachable(path, error);
      if (Date.now() > deadline) return { kind: "silent" };
      await sleep(queueFullRetryMs);
    }
  }
}

/** By its own mode: the kernel asks for the right to write before it looks whether anybody listens. */
function isClosedToUs(path: string): boolean {
  try {
    return (statSync(path).mode & 0o200) === 0;
  } catch {
    return false; // It is a directory above it that is closed.
  }
}

/** Keys go over this socket: it has to be ours, wherever it lies. */
function isSocket(path: string): boolean {
  const stats = lstatSync(path);
  if (!stats.isSocket() && !stats.isSymbolicLink()) return false;
  const own = process.getuid?.() ?? stats.uid;
  const isOurs = stats.uid === own && (stats.isSocket() || statSync(path).uid === own);
  if (isOurs) return true;
  throw new LooprError(
    "daemon_unreachable",
    `the socket ${path} belongs to another user (uid ${stats.uid})`,
    "set LOOPR_HOME to a directory of your own",
  );
}

interface Greeting {
  hello: Params<"initialize">;
  deadline: number;
  proof: Proof | null;
}

async function greet(
  connection: Connection,
  path: string,
  { hello, deadline, proof }: Greeting,
): Promise<Answer> {
  if (proof !== null) {
    const { credentials: _, ...withoutKeys } = hello;
    const first = await handshake(connection, path, withoutKeys, deadline);
    if (first.kind !== "connected") return first;
    if (!proof(first.server)) {
      const what = "what answers there is not the daemon that daemon.json names";
      return { kind: "stranger", cause: new LooprError("not_a_daemon", what), server: first.server };
    }
  }
  return handshake(connection, path, hello, deadline);
}

async function handshake(
  connection: Connection,
  path: string,
  hello: Params<"initialize">,
  deadline: number,
): Promise<Answer> {
  let answer: unknown;
  try {
    answer = await connection.request("initialize", hello, Math.max(1, deadline - Date.now()));
  } catch (error) {
    if (error instanceof RpcError) {
      // Every daemon of Loopr knows this method, and has two reasons to refuse it.
      const isRefusal = error.code === rpcCodes.busy || error.code === rpcCodes.versionMismatch;
      const said = plainLine(error.message);
      if (isRefusal) return { kind: "refuses", error: new RpcError(error.code, said, error.data) };
      const cause = new LooprError(
        "not_a_daemon",
        `it answers the handshake with error ${error.code}: ${said}`,
      );
      return { kind: "stranger", cause, server: null };
    }
    if (!(error instanceof LooprError)) throw error;
    if (error.code === "daemon_unresponsive") return { kind: "silent" };
    if (error.code === "connection_lost") return { kind: "closes" };
    return { kind: "stranger", cause: error, server: null };
  }
  if (isServer(answer)) {
    if (answer.build !== build || build === "dev") {
      connection.schemas = (await import("../protocol/methods.ts")).methods;
    }
    return { kind: "connected", connection, server: answer, path };
  }
  if (isShaped(answer, { version: "string" }))
    return { kind: "original", version: plainLine(answer.version) };
  return { kind: "stranger", cause: null, server: null };
}

function isServer(answer: unknown): answer is Server {
  return isShaped(answer, serverShape) && isShaped(answer.capabilities, capabilitiesShape);
}

function unreachable(path: string, error: unknown): LooprError {
  const denied = ["EACCES", "EPERM"].includes(systemCode(error));
  return new LooprError(
    "daemon_unreachable",
    `the daemon's socket ${path} cannot be used: ${denied ? "permission denied" : messageOf(error)}`,
    denied ? "check the permissions of it and of the directories above it, or set LOOPR_HOME" : "",
    { cause: error },
  );
}
