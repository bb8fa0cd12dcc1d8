import { createHash } from "node:crypto";

/** Tells keys apart without holding one: 16 hex digits of a salted SHA-256. The salt is the daemon's own. */
export function fingerprint(key: string, salt: string): string {
  return createHash("sha256").update(salt).update("\0").update(key).digest("hex").slice(0, 16);
}
