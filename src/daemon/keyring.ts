// The keys that clients have brought, in memory only. A run remembers which of them pays for it by a salted
// fingerprint, never by the key.
import { EventEmitter, once } from "node:events";
import { openSecret } from "../domain/open-secret.ts";
import type { Run } from "../domain/run.ts";
import { fingerprint } from "../llm/fingerprint.ts";

export interface Key {
  provider: "anthropic";
  api_key: string;
  base_url: string | null;
}

type RunCredentials = NonNullable<Run["credentials"]>;

export class Keyring {
  readonly #salt: string;
  readonly #keys = new Map<string, Key>();
  readonly #added = new EventEmitter().setMaxListeners(0);

  constructor(salt: string) {
    this.#salt = salt;
  }

  /** Remembers a key and says how a run refers to it. */
  add(key: Key): RunCredentials {
    const id = fingerprint(key.api_key, this.#salt);
    this.#keys.set(id, key);
    this.#added.emit("added");
    return { provider: key.provider, base_url: key.base_url, fingerprint: id };
  }

  /** The key that pays for a run; null where nobody has brought it since the daemon started. */
  keyOf(run: Run): Key | null {
    const key = run.credentials ? this.#keys.get(run.credentials.fingerprint) : undefined;
    return key && run.credentials ? { ...key, base_url: run.credentials.base_url } : null;
  }

  /** What `find` finds, as soon as a key that is brought makes it find something; null after `ms`. */
  async waitFor(find: () => Key | null, ms: number, signal: AbortSignal): Promise<Key | null> {
    const late = AbortSignal.any([signal, AbortSignal.timeout(ms)]);
    for (;;) {
      const key = find();
      if (key !== null || ms === 0 || late.aborted) return key;
      await once(this.#added, "added", { signal: late }).catch(() => {}); // too late: looked for once more
    }
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Takes every known key out of a text that is about to be recorded. */
  redact(text: string): string {
    let clean = text;
    for (const { api_key } of this.#keys.values()) {
      if (api_key) clean = clean.replaceAll(api_key, "[key]"); // a server of one's own may want none
    }
    return clean;
  }

  /** See `Parts.openSecret`. */
  openSecret(text: string): number {
    return openSecret(
      text,
      [...this.#keys.values()].map(({ api_key }) => api_key),
    );
  }
}
