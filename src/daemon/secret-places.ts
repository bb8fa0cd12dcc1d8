// Where a person's secrets are, for a run: the usual places, and those that its environment has moved them to.
import type { Run } from "../domain/run.ts";
import { userHome } from "../lib/paths.ts";
import { defaultDeny } from "../sandbox/deny.ts";
import type { ConfigPlaces } from "../sandbox/git-configs.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface SecretPlaces {
  deny(run: Run): string[];
  gitConfigs(run: Run): ConfigPlaces;
}

/** `accountHome`: as the system knows it. HOME may be set to anything; that home holds secrets all the same. */
export function secretPlaces(own: Environment, dataDir: string, accountHome: string | null): SecretPlaces {
  const homesOf = (run: Run) => present([run.env["HOME"], userHome({}), accountHome]);
  const valuesOf = (run: Run, name: string) => present([run.env[name], own[name]]);
  return {
    deny: (run) => {
      const moved = {
        ".config": valuesOf(run, "XDG_CONFIG_HOME"),
        ".local/share": valuesOf(run, "XDG_DATA_HOME"),
        ".cargo": valuesOf(run, "CARGO_HOME"),
        ".composer": valuesOf(run, "COMPOSER_HOME"),
      };
      return [...new Set(homesOf(run).flatMap((home) => defaultDeny({ home, dataDir, moved })))];
    },
    gitConfigs: (run) => ({
      homes: homesOf(run),
      configHomes: valuesOf(run, "XDG_CONFIG_HOME"),
      // Those that git is told of, of a person who passes the variables on or started the daemon with them.
      named: ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"].flatMap((name) => valuesOf(run, name)),
      path: run.env["PATH"] ?? "",
    }),
  };
}

function present(values: readonly (string | null | undefined)[]): string[] {
  return [...new Set(values)].flatMap((value) => (value?.startsWith("/") ? [value] : []));
}
