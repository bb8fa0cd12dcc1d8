// The methods of the daemon itself. Their shapes never change: any client can ask any daemon and stop it.
import { secretsOfUrl } from "../lib/base-url.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import type { DaemonIdentity } from "../protocol/identity.ts";
import { protocolVersion } from "../protocol/messages.ts";
import type { Credentials, Params, Result } from "../protocol/methods.ts";
import { crashOn } from "./debug.ts";
import type { Caller, Handlers } from "./handlers.ts";
import type { Services, StopMode } from "./ports.ts";

export interface CoreOptions {
  identity: DaemonIdentity;
  dataDir: string;
  startedAtMs: number;
  now: () => number;
  services: Pick<Services, "handlers" | "counts" | "llmReady" | "onClientCredentials">;
  onSecret: (secret: string) => void;
  clients: () => number;
  remember: (
    id: number,
    about: { cwd: string | null; credentials: Credentials | null; name: string },
  ) => void;
  stop: (mode: StopMode) => void;
}

export function coreMethods(options: CoreOptions): Handlers {
  const { identity, services } = options;
  return {
    initialize: (params, caller) => initialize(options, params, caller),
    ping: () => ({ pong: true }),
    status: (_params, caller) => {
      crashOn("status", caller);
      return {
        running: true,
        version: identity.version,
        build: identity.build,
        pid: identity.pid,
        uptime_ms: options.now() - options.startedAtMs,
        llm_ready: services.llmReady(),
        loops: services.counts(),
        clients: options.clients(),
        memory_bytes: process.memoryUsage.rss(),
      };
    },
    shutdown: (params) => {
      // After the answer has been queued.
      setImmediate(() => options.stop(params.mode ?? "graceful"));
      return { stopping: true };
    },
  };
}

function initialize(
  options: CoreOptions,
  params: Params<"initialize">,
  caller: Caller,
): Result<"initialize"> {
  const { identity, services } = options;
  // Any 1.x client is welcome whatever its version; the original clients do not say a protocol at all.
  const major = (params.protocol ?? protocolVersion).split(".")[0];
  if (major !== protocolVersion.split(".")[0]) {
    throw new RpcError(
      rpcCodes.versionMismatch,
      `Version mismatch: this daemon speaks protocol ${protocolVersion}, the client ${params.protocol}`,
      { client_version: params.version, daemon_version: identity.version, reason: "version_mismatch" },
    );
  }
  const credentials = params.credentials ?? null;
  options.remember(caller.id, { cwd: params.cwd ?? null, credentials, name: params.client ?? "" });
  if (credentials) {
    for (const credential of [credentials.anthropic, credentials.openai]) {
      const { api_key = "", base_url } = credential ?? {};
      for (const secret of [api_key, ...secretsOfUrl(base_url ?? "")]) options.onSecret(secret);
    }
    services.onClientCredentials(credentials);
  }
  return {
    version: identity.version,
    build: identity.build,
    protocol: protocolVersion,
    capabilities: {
      chat: services.handlers["chat.send"] !== undefined,
      loops: services.handlers["loop.create_plan"] !== undefined,
      events: true,
    },
    pid: identity.pid,
    nonce: identity.nonce,
    started_at: options.startedAtMs,
    home: options.dataDir,
  };
}
