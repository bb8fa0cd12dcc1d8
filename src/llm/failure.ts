// What went wrong with one attempt at a model call, and what it is called once it is final.
import { LooprError } from "../lib/errors.ts";

/**
 * `auth`: the key is refused, or nobody pays for it. `rejected`: the request itself is. `rate_limited`,
 * `unavailable` (connection, 5xx, broken stream) and `timeout` may pass.
 */
export type FailureKind = "auth" | "rejected" | "rate_limited" | "unavailable" | "timeout";

/** Ends one attempt. Its message holds no key: see `withoutSecret`. */
export class AttemptFailure extends Error {
  readonly kind: FailureKind;
  /** What the server asked for, in milliseconds; null where it did not. */
  readonly retryAfterMs: number | null;
  /** False where the server said that asking again is of no use. */
  readonly retryable: boolean;

  constructor(
    kind: FailureKind,
    message: string,
    options: { retryAfterMs?: number | null; final?: boolean } = {},
  ) {
    super(message);
    this.name = "AttemptFailure";
    this.kind = kind;
    this.retryAfterMs = options.retryAfterMs ?? null;
    this.retryable =
      !options.final && (kind === "rate_limited" || kind === "unavailable" || kind === "timeout");
  }
}

/** The error of the Model port after the last attempt. */
export function finalFailure(failure: AttemptFailure, attempts: number): LooprError {
  const tries = attempts > 1 ? ` (${attempts} attempts)` : "";
  const message = `${failure.message}${tries}`;
  switch (failure.kind) {
    case "auth":
      return new LooprError(
        "model_auth",
        message,
        "Set ANTHROPIC_API_KEY to a key that is valid and paid for, then `loopr resume <id>`.",
      );
    case "rejected":
      return new LooprError(
        "model_rejected",
        message,
        "Check llm.model, llm.max_tokens and the base URL in the configuration.",
      );
    case "timeout":
      return new LooprError(
        "model_timeout",
        message,
        "Raise llm.timeout_s or lower llm.max_tokens, then `loopr resume <id>`.",
      );
    case "rate_limited":
      return new LooprError(
        "model_unreachable",
        message,
        "The provider's limits are reached: wait, or lower concurrency.model_calls; then `loopr resume <id>`.",
      );
    case "unavailable":
      return new LooprError(
        "model_unreachable",
        message,
        "Check the network, ANTHROPIC_BASE_URL and the provider's status page; then `loopr resume <id>`.",
      );
  }
}

export function cancelled(): LooprError {
  return new LooprError("cancelled", "The model call was cancelled.");
}

/** Longest part of a foreign text in one of our messages. Characters. */
const foreignTextMax = 500;

/** A text of the server's or the network's for a message of ours: without the key, on one line, bounded. */
export function withoutSecret(text: string, secret: string): string {
  const clean = (secret ? text.replaceAll(secret, "[key]") : text).replaceAll(/\s+/g, " ").trim();
  return clean.length > foreignTextMax ? `${clean.slice(0, foreignTextMax)}…` : clean;
}
