// The salt of a home: what the fingerprints of its keys are made with.
import { randomBytes } from "node:crypto";
import { chmodSync, linkSync, lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { systemCode } from "../lib/errors.ts";
import type { LogWrite } from "../lib/log.ts";
import { smallBytesMax } from "../lib/regular-file.ts";

const saltBytes = 16;

/**
 * Made once per home; of two that make it at the same time the first wins. What cannot be the one that we made
 * is put aside: with an empty or a known salt a fingerprint would tell of its key.
 */
export function readSalt(path: string, warn: LogWrite): string {
  const salt = ownSalt(path, warn) ?? makeSalt(path);
  // Should another one have been put there meanwhile, it is not looked at twice.
  if (!isSalt(salt)) throw new Error(`${path} changes while it is read`);
  return salt;
}

/** Null where there is none, or none any more. */
function ownSalt(path: string, warn: LogWrite): string | null {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return null;
  // Looked at first: to open a FIFO is to wait for its other end.
  if (stats.isFile() && stats.size <= smallBytesMax && stats.uid === (process.getuid?.() ?? stats.uid)) {
    if ((stats.mode & 0o777) !== 0o600) chmodSync(path, 0o600);
    const salt = readFileSync(path, "utf8");
    if (isSalt(salt)) return salt;
  }
  const aside = `${path}.aside-${Date.now()}`;
  renameSync(path, aside);
  warn("the salt was not one of ours: there is a new one; runs that wait for their key are to be resumed", {
    aside,
  });
  return null;
}

function makeSalt(path: string): string {
  const temporary = `${path}.${process.pid}.tmp`;
  rmSync(temporary, { force: true, recursive: true });
  try {
    writeFileSync(temporary, randomBytes(saltBytes).toString("hex"), { mode: 0o600, flag: "wx" });
    linkSync(temporary, path);
  } catch (error) {
    // Somebody else's salt is there now: it counts.
    if (systemCode(error) !== "EEXIST") throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  return readFileSync(path, "utf8");
}

function isSalt(text: string): boolean {
  return text.length === 2 * saltBytes && /^[0-9a-f]+$/.test(text);
}
