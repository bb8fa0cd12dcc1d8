// One attempt at reaching a daemon that is already there: the socket, then the handshake.
import { defaultDataDir, defaultSocketPath } from "../lib/paths.ts";
import { LooprError } from "../lib/errors.ts";
import { build, version } from "../lib/version.ts";
import { rpcCodes, type RpcError } from "../protocol/errors.ts";
import { protocolVersion } from "../protocol/messages.ts";
import type { Credentials, Params } from "../protocol/methods.ts";
import { ask, handshakeMs, type Answer } from "./ask.ts";
import { isDaemonLockHeld, provenDaemon } from "./holder.ts";
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
 * Throws `daemon_unresponsive` (it accepts, and does not answer), `socket_taken` (something that is no
 * daemon of ours answers there), `daemon_unreachable` (permissions), `version_mismatch` (an original or
 * future daemon).
 */
export async function dial(options: DialOptions): Promise<Dialled> {
  const deadline = Date.now() + handshakeMs;
  const hello = helloOf(options);
  for (const path of socketPaths(options.env)) {
    const answer = await ask(path, hello, deadline);
    if (answer.kind === "connected") return answer;
    if (answer.kind === "nobody") continue;
    if (answer.kind === "closes" && !(await closesAgain(path, hello, options.env))) continue;
    throw notLetIn(answer, path, options.env);
  }
  return { kind: "absent" };
}

/** What daemon.json says comes first: the daemon may have been started with other settings than ours. */
function* socketPaths(env: DialOptions["env"]): Generator<string> {
  const told = readIdentity(defaultDataDir(env))?.socket;
  if (told !== undefined) yield told;
  const own = defaultSocketPath(env); // Looks at file systems, which is seldom needed.
  if (own !== told) yield own;
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
async function closesAgain(
  path: string,
  hello: Params<"initialize">,
  env: DialOptions["env"],
): Promise<boolean> {
  const isLocked = () => isDaemonLockHeld(defaultDataDir(env));
  if (isLocked()) return false;
  const answer = await ask(path, hello, Date.now() + handshakeMs);
  if (answer.kind === "connected") answer.connection.close();
  return answer.kind === "closes" && !isLocked();
}

function notLetIn(
  answer: Exclude<Answer, { kind: "connected" | "nobody" }>,
  path: string,
  env: DialOptions["env"],
): Error {
  switch (answer.kind) {
    case "silent":
      return unresponsive(path, env);
    case "closes":
      return socketTaken(path, "it closes every connection");
    case "stranger":
      return socketTaken(path, "it does not speak Loopr's protocol", answer.cause);
    case "original":
      return original(path, answer.version);
    case "refuses":
      return refused(answer.error);
  }
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

/** It speaks the protocol and does not let us in. Busy is for the person as the daemon says it. */
function refused(error: RpcError): Error {
  if (error.code !== rpcCodes.versionMismatch) return error;
  const hint = "`loopr daemon restart` starts a daemon of this version";
  return new LooprError("version_mismatch", error.message, hint, { cause: error });
}

/** Reported, never replaced or signalled: its loops are not ours to interrupt. */
function original(path: string, itsVersion: string | null): LooprError {
  const name = itsVersion === null ? "another version of Loopr" : `Loopr ${itsVersion}`;
  return new LooprError(
    "version_mismatch",
    `a daemon of ${name} answers on ${path}, which this version (${version}) cannot work with`,
    "stop it with the `loopr` that started it, or set LOOPR_HOME to another directory",
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
