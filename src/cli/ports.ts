// What the loop commands reach outside of themselves; tests bring their own.
import { existsSync } from "node:fs";
import type { LivenessTimes } from "../client/liveness.ts";
import type { Client, ConnectOptions } from "../client/types.ts";
import { userConfigPath } from "../lib/paths.ts";
import { createAsk, type Ask } from "./ask.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface CliPorts {
  connect(options: ConnectOptions): Promise<Client>;
  ask: Ask;
  env: Environment;
  /** Milliseconds since 1970. */
  now: () => number;
  personal: (explicitConfig: string | null) => Promise<Personal>;
  /** Ctrl-C. Returns how to stop listening. */
  onInterrupt: (listener: () => void) => () => void;
  /** When a daemon that is not heard of is asked whether it is there. */
  liveness: LivenessTimes;
  /** Resolves when the person has closed the editor on a file; throws `editor_failed`. */
  edit: (file: string) => Promise<void>;
}

/** What the person's own configuration says before a daemon is asked. */
export interface Personal {
  /** The environment as keys are read from it. */
  keyEnv: Environment;
  /** `env.pass`. */
  pass: readonly string[];
}

/** Past a heartbeat of the daemon, and told before the second one that is missed. */
const liveness: LivenessTimes = { quietMs: 20_000, answerWithinMs: 5_000, againMs: 5_000 };

export function createPorts(): CliPorts {
  const { env } = process;
  return {
    connect: async (options) => (await import("../client/connect.ts")).connect(options),
    ask: createAsk(),
    env,
    now: () => Date.now(),
    personal: async (explicit) => {
      const file = userConfigPath(env);
      // Most have neither, and then reading them need not even be loaded.
      if (explicit === null && (file === null || !existsSync(file))) return { keyEnv: env, pass: [] };
      const { keyEnvironment, personalSettings } = await import("../config/personal.ts");
      const settings = personalSettings(env, explicit);
      return { keyEnv: keyEnvironment(env, settings), pass: settings.pass };
    },
    onInterrupt: (listener) => {
      process.on("SIGINT", listener);
      return () => process.off("SIGINT", listener);
    },
    liveness,
    edit: async (file) => (await import("./editor.ts")).openEditor(file, env),
  };
}
