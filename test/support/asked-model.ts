// A model of ours that asks a model server of ours, for tests of the adapter over HTTP.
import { afterEach } from "bun:test";
import type { Model, TurnRequest } from "../../src/engine/ports.ts";
import { LooprError } from "../../src/lib/errors.ts";
import { CallLimiter } from "../../src/llm/limiter.ts";
import { createModel } from "../../src/llm/models.ts";
import { modelServer, type Handler, type ModelServer, type Reply } from "./model-server.ts";
import { turnRequest } from "./turn-request.ts";

export const key = "sk-test-0123456789";
export const never = new AbortController().signal;

let running: ModelServer | null = null;

/** Registers the clean-up of the calling test file: a server started in a test is closed after it. */
export function closeServers(): void {
  afterEach(async () => {
    await running?.close();
    running = null;
  });
}

/** Starts a server of the running test. */
export async function serve(script: Reply[] | Handler): Promise<ModelServer> {
  running = await modelServer(script);
  return running;
}

/** The server of the running test. */
export function server(): ModelServer {
  if (!running) throw new Error("no model server was started");
  return running;
}

export const requests = () => running?.requests ?? [];

/** A model that asks a new server which answers so. */
export async function start(
  script: Reply[] | Handler,
  options: { limiter?: CallLimiter; baseUrl?: string } = {},
): Promise<Model> {
  const { url } = await serve(script);
  return createModel({
    provider: "anthropic",
    credentials: { api_key: key, base_url: options.baseUrl ?? url },
    script: null,
    limiter: options.limiter ?? new CallLimiter(10),
    env: { LOOPR_MODEL_RETRY_MS: "1" },
  });
}

export const ask = (
  model: Model,
  over: Partial<TurnRequest> = {},
  signal = never,
  onText = (_: string) => {},
) => model.turn(turnRequest(over), signal, onText);

/** The LooprError that the work fails with. */
export async function failureOf(work: Promise<unknown>): Promise<LooprError> {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  if (error instanceof LooprError) return error;
  throw new Error(`expected a LooprError, got ${String(error)}`);
}
