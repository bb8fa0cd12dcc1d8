// The configuration as it is stored with a run: without the password that an address may hold.
import { joinBaseUrl, splitBaseUrl } from "../lib/base-url.ts";
import type { Config } from "../domain/config.ts";

export function withoutPassword(config: Config): Config {
  const { base_url } = config.llm.providers.anthropic;
  return base_url === null ? config : withBaseUrl(config, splitBaseUrl(base_url).url);
}

/** With the password again, where the person's own configuration still has one for the same address. */
export function withPassword(stored: Config, own: Config): Config {
  const [mine, theirs] = [own, stored].map(({ llm }) => llm.providers.anthropic.base_url);
  if (mine == null || theirs == null) return stored;
  const split = splitBaseUrl(mine);
  return split.url === theirs ? withBaseUrl(stored, joinBaseUrl(split)) : stored;
}

function withBaseUrl(config: Config, base_url: string): Config {
  const { llm } = config;
  const anthropic = { ...llm.providers.anthropic, base_url };
  return { ...config, llm: { ...llm, providers: { ...llm.providers, anthropic } } };
}
