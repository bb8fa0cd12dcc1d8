// The Model port over Anthropic's official SDK: streaming, tool use, prompt caching, retries of our own.
import type * as Sdk from "@anthropic-ai/sdk";
import type { Model, TurnRequest, TurnResult, Usage } from "../engine/ports.ts";
import { LooprError, systemCode } from "../lib/errors.ts";
import { requestBody } from "./anthropic-request.ts";
import { StreamedAnswer } from "./anthropic-stream.ts";
import { AttemptFailure, withoutSecret, type FailureKind } from "./failure.ts";
import type { CallLimiter } from "./limiter.ts";
import { costOf } from "./pricing.ts";
import { parseRetryAfter, withRetries } from "./retry.ts";
import type { Time } from "./time.ts";

const baseUrlDefault = "https://api.anthropic.com";

export interface AnthropicOptions {
  apiKey: string;
  /** Null: Anthropic's own. */
  baseUrl: string | null;
  limiter: CallLimiter;
  retryBaseMs: number;
  time: Time;
  random: () => number;
}

type Client = Sdk.Anthropic;

/** Throws `config_invalid` for a base URL that is none. Everything else is found out at the first turn. */
export function anthropicModel(options: AnthropicOptions): Model {
  const baseUrl = checkedBaseUrl(options.baseUrl ?? baseUrlDefault);
  let connecting: Promise<{ sdk: typeof Sdk; client: Client }> | null = null;
  return {
    priceOf: (model, input, output) => costOf(model, { input, output, cache_read: 0, cache_write: 0 }),
    turn: async (request, signal, onText) => {
      const { sdk, client } = await (connecting ??= connect(options.apiKey, baseUrl));
      const spent: Usage[] = [];
      const attempt = async () => {
        const answer = new StreamedAnswer(onText);
        try {
          await receive(client, request, answer, signal, (error) => failureOf(error, sdk, options, baseUrl));
          return answer.finish();
        } catch (error) {
          if (answer.spoke) onText("\n[the answer broke off]\n");
          throw error;
        } finally {
          // What a broken answer cost is paid for as well.
          spent.push(answer.usage);
        }
      };
      const provider = `anthropic ${baseUrl.href}`;
      const { limiter, time, random } = options;
      const policy = { limiter, provider, baseMs: options.retryBaseMs, time, random, signal };
      const { value, retries } = await withRetries(attempt, policy);
      return { ...value, ...total(request.model, spent), retries };
    },
  };
}

function checkedBaseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url && (url.protocol === "https:" || url.protocol === "http:")) return url;
  throw new LooprError(
    "config_invalid",
    "The base URL of the model provider is not an http(s) URL.",
    "Correct ANTHROPIC_BASE_URL or llm.providers.anthropic.base_url, e.g. https://api.anthropic.com.",
  );
}

async function connect(apiKey: string, baseUrl: URL): Promise<{ sdk: typeof Sdk; client: Client }> {
  const sdk = await import("@anthropic-ai/sdk");
  // The constructor reads headers, log level and more from ANTHROPIC_* by itself. Those of the daemon's
  // environment are not those of the client whose run this is. It is synchronous: nobody sees the gap.
  const hidden = Object.entries(process.env).filter(([name]) => name.startsWith("ANTHROPIC_"));
  for (const [name] of hidden) Reflect.deleteProperty(process.env, name);
  try {
    const client = new sdk.default({ apiKey, baseURL: baseUrl.href, maxRetries: 0, logLevel: "off" });
    return { sdk, client };
  } finally {
    for (const [name, value] of hidden) process.env[name] = value;
  }
}

/** Feeds one answer into `answer`. Throws AttemptFailure, or what `onText` threw. */
async function receive(
  client: Client,
  request: TurnRequest,
  answer: StreamedAnswer,
  signal: AbortSignal,
  failure: (error: unknown) => AttemptFailure,
): Promise<void> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), request.timeout_ms);
  const stop = AbortSignal.any([signal, late.signal]);
  const throwIfStopped = () => {
    if (late.signal.aborted && !signal.aborted) {
      const seconds = request.timeout_ms / 1000;
      throw new AttemptFailure("timeout", `The model did not finish its turn within ${seconds} s.`);
    }
    // Cancelled: whoever looks at the signal next says so.
    if (signal.aborted) throw new AttemptFailure("unavailable", "The model call was cancelled.");
  };
  try {
    const events = await open(client, request, stop, failure, throwIfStopped);
    for (;;) {
      const next = await events.next().catch((error: unknown) => {
        throwIfStopped();
        throw failure(error);
      });
      // The SDK ends an aborted stream as if it were complete.
      throwIfStopped();
      if (next.done) return;
      answer.accept(next.value);
    }
  } finally {
    clearTimeout(timer);
    // Closes the connection where the answer was left half read.
    late.abort();
  }
}

async function open(
  client: Client,
  request: TurnRequest,
  signal: AbortSignal,
  failure: (error: unknown) => AttemptFailure,
  throwIfStopped: () => void,
): Promise<AsyncIterator<unknown>> {
  try {
    const timeout = request.timeout_ms;
    const stream = await client.messages.create(requestBody(request), { signal, timeout });
    return stream[Symbol.asyncIterator]();
  } catch (error) {
    throwIfStopped();
    throw failure(error);
  }
}

function failureOf(error: unknown, sdk: typeof Sdk, options: AnthropicOptions, baseUrl: URL): AttemptFailure {
  const clean = (text: string) => withoutSecret(text, options.apiKey);
  if (error instanceof sdk.APIError && !(error instanceof sdk.APIConnectionError)) {
    const answered: ServerError = error;
    return answeredFailure(answered, clean, options.time.now());
  }
  const cause = error instanceof sdk.APIConnectionError ? (error.cause ?? error) : error;
  const reason = systemCode(cause) || (cause instanceof Error ? cause.message : String(cause));
  const message = `The model provider at ${baseUrl.origin} could not be reached, or broke off: ${clean(reason)}.`;
  return new AttemptFailure("unavailable", message);
}

/** What is used of the SDK's APIError. */
interface ServerError {
  status: number | undefined;
  type: string | null;
  apiMessage: string | null;
  message: string;
  headers: Headers | undefined;
}

/** The server said what is wrong: as a status, or as an error event in the stream (then without one). */
function answeredFailure(error: ServerError, clean: (text: string) => string, nowMs: number): AttemptFailure {
  const status = error.status ?? statusOfType(error.type);
  const kind = kindOf(status, error.type);
  const code = [error.status, error.type].filter(Boolean).join(" ");
  const said = clean(error.apiMessage ?? error.message);
  const retryAfterMs = parseRetryAfter(error.headers?.get("retry-after") ?? null, nowMs);
  const final = error.headers?.get("x-should-retry") === "false";
  return new AttemptFailure(kind, `${what[kind]} (${code}): ${said}`, { retryAfterMs, final });
}

const what: Record<FailureKind, string> = {
  auth: "The model provider refused the API key",
  rejected: "The model provider refused the request",
  rate_limited: "The model provider limits the rate of calls",
  unavailable: "The model provider failed",
  timeout: "The model provider took too long",
};

function kindOf(status: number, type: string | null): FailureKind {
  if ([401, 402, 403].includes(status) || type === "billing_error") return "auth";
  if (status === 429) return "rate_limited";
  // 408 and 409: timed out, or collided with another request, on the server's side.
  if (status === 408 || status === 409 || status >= 500) return "unavailable";
  return "rejected";
}

/** https://platform.claude.com/docs/en/api/errors: the status that an error of this type otherwise comes with. */
function statusOfType(type: string | null): number {
  switch (type) {
    case "authentication_error":
      return 401;
    case "permission_error":
      return 403;
    case "rate_limit_error":
      return 429;
    case "invalid_request_error":
    case "not_found_error":
    case "request_too_large":
      return 400;
    default:
      return 500;
  }
}

/** Long prompts may have another price, so that each attempt is counted by itself. */
function total(model: string, spent: readonly Usage[]): Pick<TurnResult, "usage" | "cost_usd"> {
  const usage: Usage = { input: 0, output: 0, cache_read: 0, cache_write: 0 };
  let cost_usd = 0;
  for (const one of spent) {
    usage.input += one.input;
    usage.output += one.output;
    usage.cache_read += one.cache_read;
    usage.cache_write += one.cache_write;
    cost_usd += costOf(model, one);
  }
  return { usage, cost_usd };
}
