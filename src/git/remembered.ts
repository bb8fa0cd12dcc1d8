// Answers of git that can never change: what a commit or tree holds, asked by its full id. The least recently
// used are forgotten first.

/** An answer heavier than this part of the bound would push out too many others. */
const shareMax = 4;

export interface Remembered<T> {
  /** The answer that is known, else `ask`'s, which is kept. Failures are not. */
  answer(key: string, ask: () => Promise<T>): Promise<T>;
  learn(key: string, value: T): void;
  /** The answer, where it is known. */
  find(key: string): T | undefined;
  forget(key: string): void;
}

/** Whether a revision is the full id of an object, which git then never takes for anything else. */
export function isObjectId(revision: string): boolean {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(revision);
}

export function remembered<T>(weightMax: number, weigh: (key: string, value: T) => number): Remembered<T> {
  const known = new Map<string, { value: T; weight: number }>();
  let total = 0;
  const forget = (key: string) => {
    total -= known.get(key)?.weight ?? 0;
    known.delete(key);
  };
  const learn = (key: string, value: T) => {
    forget(key);
    const weight = weigh(key, value);
    if (weight > weightMax / shareMax) return;
    known.set(key, { value, weight });
    total += weight;
    for (const oldest of known.keys()) {
      if (total <= weightMax) return;
      forget(oldest);
    }
  };
  return {
    learn,
    forget,
    find: (key) => {
      const found = known.get(key);
      if (found) learn(key, found.value);
      return found?.value;
    },
    answer: async (key, ask) => {
      const found = known.get(key);
      const value = found ? found.value : await ask();
      learn(key, value);
      return value;
    },
  };
}
