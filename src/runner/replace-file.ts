// Writes a file in one step: whoever looks sees the old content or the new one, never half of it.
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import type { BigIntStats } from "node:fs";
import { dirname, join } from "node:path";
import { messageOf } from "../lib/errors.ts";
import type { Located } from "./paths.ts";
import { shownName, ToolFailure } from "./tool.ts";

const permissionBits = 0o777n;

/** Makes the directories that are missing; keeps the permissions of a file that is there. */
export function replaceFile(located: Located, content: string): BigIntStats {
  const directory = dirname(located.path);
  const temporary = join(directory, `.loopr-${randomBytes(8).toString("hex")}.tmp`);
  try {
    mkdirSync(directory, { recursive: true });
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    const fd = openSync(temporary, flags, 0o666);
    try {
      writeFileSync(fd, content);
      if (located.stat) fchmodSync(fd, Number(located.stat.mode & permissionBits));
      renameSync(temporary, located.path);
      return fstatSync(fd, { bigint: true });
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    try {
      unlinkSync(temporary);
    } catch {
      // It was never made.
    }
    throw new ToolFailure(`${shownName(located.shown)} could not be written: ${messageOf(error)}`);
  }
}
