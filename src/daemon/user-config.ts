// What the person's own file says of the daemon itself: concurrency, log, limits. Read once, at its start.
import { loadConfig } from "../config/load.ts";
import { defaultConfig, type Config } from "../domain/config.ts";
import { LooprError } from "../lib/errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface UserConfig {
  config: Config;
  /** Why the defaults stand in place of the file; null where they do not. Each run is refused with it, too. */
  problem: string | null;
}

export function readUserConfig(dataDir: string, env: Environment): UserConfig {
  try {
    const { config } = loadConfig({ env, projectRoot: null, projectHash: "", dataDir, explicit: null });
    return { config, problem: null };
  } catch (error) {
    if (!(error instanceof LooprError)) throw error;
    return { config: defaultConfig, problem: error.message };
  }
}
