// The credentials in git's configuration for a run: jobs do not see them, and no text keeps them.
import { statSync } from "node:fs";
import { withoutCredentials } from "../domain/git-credentials.ts";
import { openSecret } from "../domain/open-secret.ts";
import type { Run } from "../domain/run.ts";
import { gitConfigs, readConfig, type ConfigPlaces } from "../sandbox/git-configs.ts";

interface Known {
  /** As the files were when they were read. */
  stamps: Map<string, string>;
  /** Those that were there before too: a text may be older than the configuration. */
  secrets: Set<string>;
}

export class GitSecrets {
  readonly #placesOf: (run: Run) => ConfigPlaces;
  readonly #known = new Map<string, Known>();

  constructor(placesOf: (run: Run) => ConfigPlaces) {
    this.#placesOf = placesOf;
  }

  /** Looks for the files anew: for the jobs that are about to start. */
  configsOf(run: Run): string[] {
    const paths = gitConfigs(run.project.common_dir, this.#placesOf(run));
    const secrets = this.#known.get(run.id)?.secrets ?? new Set();
    this.#known.set(run.id, { stamps: new Map(paths.map((path) => [path, ""])), secrets });
    return paths;
  }

  redact(run: Run, text: string): string {
    let clean = text;
    for (const secret of this.#secretsOf(run)) clean = clean.replaceAll(secret, "[credential]");
    return clean;
  }

  /** See `Parts.openSecret`. */
  openSecret(run: Run, text: string): number {
    return openSecret(text, this.#secretsOf(run));
  }

  #secretsOf(run: Run): Iterable<string> {
    if (!this.#known.has(run.id)) this.configsOf(run);
    const known = this.#known.get(run.id);
    if (known === undefined) return [];
    let changed = false;
    for (const [path, before] of known.stamps) {
      const now = stampOf(path);
      if (now === before) continue;
      known.stamps.set(path, now);
      for (const secret of withoutCredentials(readConfig(path) ?? "").secrets) known.secrets.add(secret);
      changed = true;
    }
    // A secret that is part of another goes last.
    if (changed) known.secrets = new Set([...known.secrets].sort((a, b) => b.length - a.length));
    return known.secrets;
  }
}

function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.ino}:${stat.mtimeMs}:${stat.size}` : "absent";
}
