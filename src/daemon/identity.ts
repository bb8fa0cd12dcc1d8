// daemon.pid and daemon.json: who we are, for people and for clients. Written whole or not at all.
import { lstatSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { readIdentity } from "../client/identity.ts";
import { join } from "node:path";
import { systemCode } from "../lib/errors.ts";
import { readSmall } from "../lib/regular-file.ts";
import type { DaemonIdentity } from "../protocol/identity.ts";

export interface IdentityFiles {
  write(): void;
  /**
   * Writes them again where they do not say what we wrote; true if it had to. Otherwise daemon.json gets the
   * current time: should we crash, it says until when we lived.
   */
  repair(): boolean;
  /** Removes them, unless a successor has written its own. */
  remove(): void;
}

export function identityFiles(dataDir: string, pidPath: string, identity: DaemonIdentity): IdentityFiles {
  const jsonPath = join(dataDir, "daemon.json");
  const write = (): void => {
    replaceFile(jsonPath, JSON.stringify(identity) + "\n");
    replaceFile(pidPath, `${identity.pid}\n`);
  };
  const isOurs = (): boolean => readIdentity(dataDir)?.nonce === identity.nonce;
  const isWhole = (): boolean => {
    const told = readIdentity(dataDir);
    return told !== null && textOf(told) === textOf(identity) && readText(pidPath) === `${identity.pid}\n`;
  };
  return {
    write,
    repair: () => {
      if (isWhole()) {
        const now = new Date();
        utimesSync(jsonPath, now, now);
        return false;
      }
      write();
      return true;
    },
    remove: () => {
      if (!isOurs()) return;
      rmSync(pidPath, { force: true });
      rmSync(jsonPath, { force: true });
    },
  };
}

/** Every field, in one order. */
function textOf(told: DaemonIdentity): string {
  const { pid, startTime, bootId, version, build, protocol, nonce, socket } = told;
  return JSON.stringify([pid, startTime, bootId, version, build, protocol, nonce, socket]);
}

function readText(path: string): string | null {
  try {
    return readSmall(path);
  } catch {
    return null;
  }
}

function replaceFile(path: string, content: string): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, content, { mode: 0o600 });
    moveDirectoryAside(path);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** A directory in a file's place would stop the rename. It is not ours to delete. */
function moveDirectoryAside(path: string): void {
  try {
    if (lstatSync(path).isDirectory()) renameSync(path, `${path}.aside-${Date.now()}`);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}
