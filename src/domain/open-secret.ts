// Text comes in pieces, and a secret may begin in one and end in the next.

/** A secret that is longer is looked for by its beginning. Characters. */
const lookedForMax = 4096;

/** How many characters at the end of a text may be the beginning of one of the secrets; 0: none. */
export function openSecret(text: string, secrets: Iterable<string>): number {
  let open = 0;
  for (const secret of secrets) {
    const longest = Math.min(secret.length - 1, text.length, lookedForMax);
    for (let length = longest; length > open; length -= 1) {
      if (text.endsWith(secret.slice(0, length))) open = length;
    }
  }
  return open;
}
