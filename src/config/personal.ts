// What a client has to know of the configuration before it asks the daemon: from the person's own files.
import { LooprError } from "../lib/errors.ts";
import { userConfigPath } from "../lib/paths.ts";
import { parseConfigFile } from "./parse.ts";
import { readSmallFile } from "./read.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface PersonalSettings {
  /** `env.pass`: names of variables that a run's environment holds beside the usual ones. */
  pass: readonly string[];
  /** `llm.providers.anthropic.api_key_env`: the variable that holds the key instead of ANTHROPIC_API_KEY. */
  keyVariable: string | null;
}

/** From the user's file, and the explicit one (absolute, or null) that goes before it. Throws `config_invalid`. */
export function personalSettings(env: Environment, explicit: string | null): PersonalSettings {
  const settings: { pass: string[]; keyVariable: string | null } = { pass: [], keyVariable: null };
  for (const file of [userConfigPath(env), explicit]) {
    const text = file === null ? null : readSmallFile(file);
    if (file === null || text === null) {
      if (file === explicit && file !== null) throw missing(file);
      continue;
    }
    for (const { key, value } of parseConfigFile(file, text)) {
      if (key.name === "env.pass" && Array.isArray(value)) settings.pass = value.map(String);
      if (key.name === "llm.providers.anthropic.api_key_env") {
        settings.keyVariable = typeof value === "string" ? value : null;
      }
    }
  }
  return settings;
}

/** The environment as keys are read from it: the named variable stands for ANTHROPIC_API_KEY. */
export function keyEnvironment(env: Environment, { keyVariable }: PersonalSettings): Environment {
  return keyVariable === null ? env : { ...env, ANTHROPIC_API_KEY: env[keyVariable] };
}

/** An explicit file has to be there: who names one does not mean the defaults. */
export function missing(path: string): LooprError {
  return new LooprError(
    "config_invalid",
    `the configuration file ${path} does not exist`,
    "correct --config or LOOPR_CONFIG",
  );
}
