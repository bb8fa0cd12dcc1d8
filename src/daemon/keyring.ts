// The keys that clients have brought, in memory only. A run remembers which of them pays for it by a salted
// fingerprint, never by the key.
import { EventEmitter, once } from "node:events";
import { joinBaseUrl, secretsOfUrl, splitBaseUrl } from "../lib/base-url.ts";
import { openSecret } from "../domain/open-secret.ts";
import type { Run } from "../domain/run.ts";
import { fingerprint } from "../llm/fingerprint.ts";

/** What is shorter is no key, but what a server of one's own takes for one: it would be found in any text. */
const secretCharsMin = 8;

export interface Key {
  provider: "anthropic";
  api_key: string;
  /** May hold a name and a password, which are a part of the key. */
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
    const { url, user } = splitBaseUrl(key.base_url ?? "");
    const id = fingerprint(user === "" ? key.api_key : `${key.api_key}\0${user}`, this.#salt);
    this.#keys.set(id, key);
    this.#added.emit("added");
    return { provider: key.provider, base_url: url === "" ? null : url, fingerprint: id };
  }

  /** The key that pays for a run; null where nobody has brought it since the daemon started. */
  keyOf(run: Run): Key | null {
    const key = run.credentials ? this.#keys.get(run.credentials.fingerprint) : undefined;
    if (!key || !run.credentials) return null;
    const { base_url: url } = run.credentials;
    const { user } = splitBaseUrl(key.base_url ?? "");
    return { ...key, base_url: url === null ? null : joinBaseUrl({ url, user }) };
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
    for (const secret of this.#secrets()) clean = clean.replaceAll(secret, "[key]");
    return clean;
  }

  /** Takes it out of every text in a value as JSON has them. */
  redactAll<T>(value: T): T;
  redactAll(value: unknown): unknown {
    if (typeof value === "string") return this.redact(value);
    if (Array.isArray(value)) return value.map((one: unknown) => this.redactAll(one));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, this.redactAll<unknown>(one)]),
    );
  }

  /** See `Parts.openSecret`. */
  openSecret(text: string): number {
    return openSecret(text, this.#secrets());
  }

  #secrets(): string[] {
    return [...this.#keys.values()]
      .flatMap(({ api_key, base_url }) => [api_key, ...secretsOfUrl(base_url ?? "")])
      .filter((secret) => secret.length >= secretCharsMin);
  }
}
