// Which key pays for a run. Nothing here is ever stored or logged.
import type { Config } from "../domain/config.ts";
import { LooprError } from "../lib/errors.ts";
import { readSmallFile } from "./read.ts";

type Environment = Readonly<Record<string, string | undefined>>;

interface Credential {
  api_key: string;
  base_url?: string | null;
}

interface ResolvedCredential {
  provider: "anthropic";
  api_key: string;
  base_url: string | null;
}

/** A key on one line: what an HTTP header can carry. */
const keyForm = /^[\x21-\x7e]+$/;

/**
 * The key for `llm.provider`, or null where there is none: what the client's environment held, else
 * `api_key_file`, else the daemon's own environment (pass `{}` where that must not count). Only the user's
 * files can set `llm.providers`, so a project cannot redirect a key. Throws `config_invalid`.
 */
export function resolveCredentials(
  config: Config,
  client: { anthropic?: Credential | null } | null,
  env: Environment,
): ResolvedCredential | null {
  if (config.llm.provider !== "anthropic") return null;
  const settings = config.llm.providers.anthropic;
  const variable = settings.api_key_env ?? "ANTHROPIC_API_KEY";
  const offered = client?.anthropic ?? null;
  const fromFile = () => (settings.api_key_file === null ? null : readKeyFile(settings.api_key_file));
  const baseUrl = offered?.base_url || env["ANTHROPIC_BASE_URL"] || settings.base_url || null;
  const key = offered?.api_key || fromFile() || env[variable]?.trim() || "";
  // A server of one's own, named by its base URL, often wants no key.
  if (!key && baseUrl === null) return null;
  if (key && !keyForm.test(key)) {
    throw new LooprError(
      "config_invalid",
      "the API key holds blanks or characters that no key has",
      `correct ${variable} or llm.providers.anthropic.api_key_file`,
    );
  }
  return { provider: "anthropic", api_key: key, base_url: baseUrl };
}

function readKeyFile(path: string): string {
  const text = readSmallFile(path);
  if (text?.trim()) return text.trim();
  throw new LooprError(
    "config_invalid",
    text === null ? `the key file ${path} does not exist` : `the key file ${path} is empty`,
    "correct llm.providers.anthropic.api_key_file in your configuration",
  );
}
