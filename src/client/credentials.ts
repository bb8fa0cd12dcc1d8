import type { Credential, Credentials } from "../protocol/methods.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The keys and base URLs that an environment holds. A base URL alone is handed over with an empty key:
 * servers of one's own often want none.
 */
export function credentialsFrom(env: Environment): Credentials {
  const anthropic = credential(env["ANTHROPIC_API_KEY"], env["ANTHROPIC_BASE_URL"]);
  const openai = credential(env["OPENAI_API_KEY"], env["OPENAI_BASE_URL"]);
  return { ...(anthropic ? { anthropic } : {}), ...(openai ? { openai } : {}) };
}

function credential(key: string | undefined, baseUrl: string | undefined): Credential | null {
  if (!key && !baseUrl) return null;
  return { api_key: key ?? "", base_url: baseUrl || null };
}
