// Makes the model of a run from its configuration and the key that pays for it.
import type { Model } from "../engine/ports.ts";
import { LooprError } from "../lib/errors.ts";
import { anthropicModel } from "./anthropic.ts";
import type { CallLimiter } from "./limiter.ts";
import { retryBaseMs } from "./retry.ts";
import { loadScript } from "./script-file.ts";
import { scriptedModel } from "./scripted.ts";
import { systemTime, type Time } from "./time.ts";

export interface ModelOptions {
  /** `llm.provider`. */
  provider: "anthropic" | "scripted";
  /** Null where nobody has brought a key; the scripted model needs none. */
  credentials: { api_key: string; base_url: string | null } | null;
  /** Script file of the scripted model. */
  script: string | null;
  /** One for the whole daemon. */
  limiter: CallLimiter;
  /** Where LOOPR_MODEL_RETRY_MS is looked up. */
  env?: Readonly<Record<string, string | undefined>>;
  time?: Time;
  random?: () => number;
}

/**
 * Throws `no_model` (no key, no script) and `config_invalid` (base URL or script that is not right). The
 * vendor's SDK is loaded at the first turn, and nothing is asked before.
 */
export function createModel(options: ModelOptions): Model {
  const time = options.time ?? systemTime;
  if (options.provider === "scripted") {
    if (options.script !== null) return scriptedModel(loadScript(options.script), time);
    throw new LooprError(
      "no_model",
      "llm.provider is `scripted`, but there is no script.",
      "Set llm.script in your configuration, or LOOPR_SCRIPT, to a script file.",
    );
  }
  if (options.credentials === null) {
    throw new LooprError(
      "no_model",
      "There is no API key for the model provider `anthropic`.",
      "Set ANTHROPIC_API_KEY, or llm.providers.anthropic.api_key_file in your configuration.",
    );
  }
  return anthropicModel({
    apiKey: options.credentials.api_key,
    baseUrl: options.credentials.base_url,
    limiter: options.limiter,
    retryBaseMs: retryBaseMs(options.env ?? process.env),
    time,
    random: options.random ?? Math.random,
  });
}
