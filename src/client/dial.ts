// One attempt at reaching a daemon that is already there: the socket, then the handshake.
import * as z from "zod/mini";
import { lstatSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LooprError, messageOf, systemCode } from "../lib/errors.ts";
import { defaultDataDir, defaultSocketPath } from "../lib/paths.ts";
import { build, version } from "../lib/version.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import { protocolVersion } from "../protocol/messages.ts";
import { methods, type Credentials, type Result } from "../protocol/methods.ts";
import { Connection } from "./connection.ts";
import { isIdentityAlive, readIdentity } from "./identity.ts";

/** For connecting and the handshake together. */
const handshakeMs = 2_000;
/** The queue of a listening socket is full: its server is overwhelmed or stopped. */
const queueFullRetryMs = 50;

const OriginalAnswer = z.object({ version: z.string() });

export interface DialOptions {
  env: Readonly<Record<string, string | undefined>>;
  name: string;
  credentials: Credentials;
}

export type Dialled =
  | { kind: "connected"; connection: Connection; server: Result<"initialize"> }
  /** Nobody listens, or the listener went before it answered. */
  | { kind: "absent" };

/**
 * Throws `daemon_unresponsive` (it accepts, and does not answer), `daemon_unreachable` (permissions, or
 * something else listens there), `version_mismatch` (an original or future daemon).
 */
export async function dial(options: DialOptions): Promise<Dialled> {
  const deadline = Date.now() + handshakeMs;
  for (const path of socketPaths(options.env)) {
    const dialled = await dialAt(path, options, deadline);
    if (dialled.kind === "connected") return dialled;
  }
  return { kind: "absent" };
}

/** What daemon.json says comes first: the daemon may have been started with other settings than ours. */
function socketPaths(env: DialOptions["env"]): Set<string> {
  const told = readIdentity(defaultDataDir(env))?.socket;
  return new Set([...(told === undefined ? [] : [told]), defaultSocketPath(env)]);
}

async function dialAt(path: string, options: DialOptions, deadline: number): Promise<Dialled> {
  const connection = await open(path, options, deadline);
  if (connection === null) return { kind: "absent" };
  try {
    return { kind: "connected", connection, server: await handshake(connection, path, options, deadline) };
  } catch (error) {
    connection.close();
    if (error instanceof LooprError && error.code === "connection_lost") return { kind: "absent" };
    throw error;
  }
}

async function open(path: string, options: DialOptions, deadline: number): Promise<Connection | null> {
  for (;;) {
    try {
      refuseForeign(path);
      return await Connection.open(path);
    } catch (error) {
      if (error instanceof LooprError) throw error;
      const code = systemCode(error);
      if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTDIR") return null;
      if (code !== "EAGAIN") throw unreachable(path, error);
      if (Date.now() > deadline) throw unresponsive(path, options.env);
      await sleep(queueFullRetryMs);
    }
  }
}

/** Keys go over this socket: it has to be ours, wherever it lies. */
function refuseForeign(path: string): void {
  const { uid } = lstatSync(path);
  const own = process.getuid?.() ?? uid;
  if (uid === own) return;
  throw new LooprError(
    "daemon_unreachable",
    `the socket ${path} belongs to another user (uid ${uid})`,
    "set LOOPR_HOME to a directory of your own",
  );
}

async function handshake(
  connection: Connection,
  path: string,
  options: DialOptions,
  deadline: number,
): Promise<Result<"initialize">> {
  const cwd = currentDirectory();
  const params = {
    version,
    build,
    protocol: protocolVersion,
    client: options.name,
    credentials: options.credentials,
    ...(cwd === null ? {} : { cwd }),
  };
  let answer: unknown;
  try {
    answer = await connection.request("initialize", params, Math.max(1, deadline - Date.now()));
  } catch (error) {
    if (error instanceof RpcError) throw refused(error, path);
    if (!(error instanceof LooprError)) throw error;
    if (error.code === "daemon_unresponsive") throw unresponsive(path, options.env);
    if (error.code === "not_a_daemon") throw foreign(path, error);
    throw error;
  }
  const parsed = methods.initialize.result.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw original(path, answer);
}

function currentDirectory(): string | null {
  try {
    return process.cwd();
  } catch {
    return null; // It was deleted under us.
  }
}

function unresponsive(path: string, env: DialOptions["env"]): LooprError {
  const identity = readIdentity(defaultDataDir(env));
  const who = identity && isIdentityAlive(identity) ? `the daemon (PID ${identity.pid})` : "the daemon";
  return new LooprError(
    "daemon_unresponsive",
    `${who} is not responding on ${path}`,
    "`loopr daemon restart` ends it, by force if need be, and starts another",
  );
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

/** It speaks the protocol and does not let us in. Busy is for the person as the daemon says it. */
function refused(error: RpcError, path: string): Error {
  if (error.code === rpcCodes.unknownMethod) return original(path, null);
  if (error.code !== rpcCodes.versionMismatch) return error;
  const hint = "`loopr daemon restart` starts a daemon of this version";
  return new LooprError("version_mismatch", error.message, hint, { cause: error });
}

/** Reported, never replaced or signalled: its loops are not ours to interrupt. */
function original(path: string, answer: unknown): LooprError {
  const told = OriginalAnswer.safeParse(answer);
  const name = told.success ? `Loopr ${told.data.version}` : "another version of Loopr";
  return new LooprError(
    "version_mismatch",
    `a daemon of ${name} answers on ${path}, which this version (${version}) cannot work with`,
    "stop it with the `loopr` that started it, or set LOOPR_HOME to another directory",
  );
}

function foreign(path: string, cause: LooprError): LooprError {
  return new LooprError(
    "daemon_unreachable",
    `something other than a Loopr daemon answers on ${path}`,
    "end that program, or set LOOPR_SOCKET to another path",
    { cause },
  );
}
