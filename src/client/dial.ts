// One attempt at reaching a daemon that is already there: the socket, then the handshake.
import { statSync } from "node:fs";
import { join } from "node:path";
import { defaultDataDir, defaultSocketPath } from "../lib/paths.ts";
import { LooprError } from "../lib/errors.ts";
import { build, version } from "../lib/version.ts";
import { rpcCodes, type RpcError } from "../protocol/errors.ts";
import { protocolVersion } from "../protocol/messages.ts";
import type { Credentials, Params } from "../protocol/methods.ts";
import { ask, handshakeMs, type Answer, type Proof, type Server } from "./ask.ts";
import { isDaemonLockHeld, liveIdentity, provenDaemon } from "./holder.ts";
import { readIdentity } from "./identity.ts";

export interface DialOptions {
  env: Readonly<Record<string, string | undefined>>;
  name: string;
  credentials: Credentials;
}

export type Dialled =
  | Extract<Answer, { kind: "connected" }>
  /** Nobody listens, or the listener went before it answered. */
  | { kind: "absent" };

/**
 * Throws `daemon_unresponsive` (it accepts, and does not answer), `daemon_busy` (it takes no more clients),
 * `socket_taken` (something that is no daemon of ours answers there), `other_home` (the daemon of another home
 * does), `daemon_unreachable` (permissions),
 * `version_mismatch` (an original or future daemon).
 */
export async function dial(options: DialOptions): Promise<Dialled> {
  const { env } = options;
  const dataDir = defaultDataDir(env);
  const hello = helloOf(options);
  let failure: LooprError | null = null;
  for (const { path, proof } of places(env)) {
    try {
      const answer = await ask(path, hello, Date.now() + handshakeMs, proof);
      const server = "server" in answer ? answer.server : null;
      if (server !== null && !isOfHome(dataDir, server)) {
        if (answer.kind === "connected") answer.connection.close();
        // Only where ours belongs it is in the way: a daemon.json that came with the copy of a home names the other.
        if (path === defaultSocketPath(env)) failure = otherHome(path, server, env);
        continue;
      }
      if (answer.kind === "connected") return answer;
      if (answer.kind === "nobody") continue;
      if (answer.kind === "closes" && !(await closesAgain(path, proof, options))) continue;
      failure = notLetIn(answer, path, env);
    } catch (error) {
      if (!(error instanceof LooprError)) throw error;
      failure = error; // daemon.json may be wrong: the daemon may still be where it belongs.
    }
  }
  if (failure !== null) throw failure;
  return { kind: "absent" };
}

interface Place {
  path: string;
  /** Whether who answers may have our keys; null: nobody but us can have put a socket there. */
  proof: Proof | null;
}

/**
 * What daemon.json says comes first: the daemon may have been started with other settings than ours. A socket
 * elsewhere than in our home gets no key before who listens there has shown to be the daemon that is named.
 */
function* places(env: DialOptions["env"]): Generator<Place> {
  const dataDir = defaultDataDir(env);
  const atHome = join(dataDir, "daemon.sock");
  const told = readIdentity(dataDir)?.socket;
  if (told !== undefined) {
    yield { path: told, proof: told === atHome ? null : (server) => isNamed(dataDir, server) };
  }
  const own = defaultSocketPath(env); // Looks at file systems, which is seldom needed.
  if (own !== told) yield { path: own, proof: own === atHome ? null : (server) => isOfHome(dataDir, server) };
}

/** One socket may be named for several homes; the loops, keys and records of a daemon are those of its home. */
function isOfHome(dataDir: string, server: Server): boolean {
  if (server.home === dataDir) return true;
  try {
    const [its, ours] = [statSync(server.home), statSync(dataDir)];
    return its.ino === ours.ino && its.dev === ours.dev;
  } catch {
    return isNamed(dataDir, server); // In a container the same home may have another path.
  }
}

/** Read anew: a daemon that has just come has written its name before it listens. */
function isNamed(dataDir: string, { pid, nonce }: Parameters<Proof>[0]): boolean {
  const identity = readIdentity(dataDir);
  return identity !== null && identity.pid === pid && identity.nonce === nonce;
}

function helloOf({ name, credentials }: DialOptions): Params<"initialize"> {
  const cwd = currentDirectory();
  return {
    version,
    build,
    protocol: protocolVersion,
    client: name,
    credentials,
    ...(cwd === null ? {} : { cwd }),
  };
}

function currentDirectory(): string | null {
  try {
    return process.cwd();
  } catch {
    return null; // It was deleted under us.
  }
}

/**
 * A daemon of ours closes a connection unanswered on its way down, holding its lock. Who does so while
 * nobody holds the lock, before and after, is none.
 */
async function closesAgain(path: string, proof: Proof | null, options: DialOptions): Promise<boolean> {
  const isLocked = () => isDaemonLockHeld(defaultDataDir(options.env));
  if (isLocked()) return false;
  const answer = await ask(path, helloOf(options), Date.now() + handshakeMs, proof);
  if (answer.kind === "connected") answer.connection.close();
  return answer.kind === "closes" && !isLocked();
}

function notLetIn(
  answer: Exclude<Answer, { kind: "connected" | "nobody" }>,
  path: string,
  env: DialOptions["env"],
): LooprError {
  switch (answer.kind) {
    case "silent":
      return unresponsive(path, env);
    case "closes":
      return socketTaken(path, "it closes every connection");
    case "stranger":
      return socketTaken(path, `it does not speak Loopr's protocol${because(answer.cause)}`, answer.cause);
    case "original":
      return original(path, answer.version);
    case "refuses":
      return refused(answer.error, env);
  }
}

function because(cause: LooprError | null): string {
  return cause === null ? "" : ` (${cause.message})`;
}

function unresponsive(path: string, env: DialOptions["env"]): LooprError {
  const dataDir = defaultDataDir(env);
  const daemon = provenDaemon(dataDir);
  if (daemon === null && !isDaemonLockHeld(dataDir)) return socketTaken(path, "it is not responding");
  return new LooprError(
    "daemon_unresponsive",
    `the daemon${daemon ? ` (PID ${daemon.pid})` : ""} is not responding on ${path}`,
    "`loopr daemon restart` ends it, by force if need be, and starts another",
  );
}

/** It speaks the protocol and does not let us in. */
function refused(error: RpcError, env: DialOptions["env"]): LooprError {
  if (error.code !== rpcCodes.versionMismatch) {
    const pid = liveIdentity(defaultDataDir(env))?.pid;
    return new LooprError(
      "daemon_busy",
      `the daemon${pid === undefined ? "" : ` (PID ${pid})`} runs, and lets nobody in: ${error.message}`,
      "end some of its clients and try again; `loopr daemon restart` starts another, and its loops go on",
      { cause: error },
    );
  }
  const hint = "`loopr daemon restart` starts a daemon of this version";
  return new LooprError("version_mismatch", error.message, hint, { cause: error });
}

/** Reported, never replaced or signalled: its loops are not ours to interrupt. */
function original(path: string, itsVersion: string): LooprError {
  return new LooprError(
    "version_mismatch",
    `a daemon of Loopr ${itsVersion} answers on ${path}, which this version (${version}) cannot work with`,
    "stop it with the `loopr` that started it, or set LOOPR_HOME to another directory",
  );
}

function otherHome(path: string, { home, pid }: Server, env: DialOptions["env"]): LooprError {
  const way = env["LOOPR_SOCKET"] ? "set LOOPR_SOCKET to another path" : "stop that daemon";
  return new LooprError(
    "other_home",
    `the daemon of ${home} (PID ${pid}) answers on ${path}; the home of this command is ${defaultDataDir(env)}`,
    `set LOOPR_HOME='${home}' to work with that daemon, or ${way} for one of this home`,
  );
}

function socketTaken(path: string, what: string, cause: LooprError | null = null): LooprError {
  return new LooprError(
    "socket_taken",
    `something that is not our daemon holds the socket ${path}: ${what}`,
    `end that program (\`ss -xlp src '${path}'\` names it), or set LOOPR_SOCKET to another path`,
    { cause },
  );
}
