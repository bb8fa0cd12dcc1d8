// Refs that are a file of their own, moved as git moves them: a lock beside it, renamed over it. Only refs that
// nobody but Loopr writes, so that nothing has to be compared; whatever is not of the plain form is left to git.
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { systemCode } from "../lib/errors.ts";
import { killPoint } from "../lib/kill-point.ts";

const commitLine = /^([0-9a-f]{40}|[0-9a-f]{64})\n$/;

/** Moves a ref below `refs/`, or makes it. False where git has to do it. */
export function moveLooseRef(commonDir: string, name: string, commit: string): boolean {
  const path = join(commonDir, name);
  return canBeMoved(path, true) && move(path, commit);
}

/** Moves HEAD of a worktree where it is detached. False where git has to do it. */
export function moveDetachedHead(gitDir: string, commit: string): boolean {
  const path = join(gitDir, "HEAD");
  return canBeMoved(path, false) && move(path, commit);
}

/** It names a commit, no other ref; `orNothing`: or is not there. */
function canBeMoved(path: string, orNothing: boolean): boolean {
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found === undefined) return orNothing;
    return found.isFile() && commitLine.test(readFileSync(path, "latin1"));
  } catch (error) {
    if (systemCode(error) === "") throw error;
    return false;
  }
}

function move(path: string, commit: string): boolean {
  const lock = `${path}.lock`;
  let isOurs = false;
  try {
    mkdirSync(dirname(path), { recursive: true });
    const fd = openSync(lock, "wx", 0o666);
    isOurs = true;
    try {
      writeSync(fd, `${commit}\n`);
    } finally {
      closeSync(fd);
    }
    killPoint();
    renameSync(lock, path);
    return true;
  } catch (error) {
    if (isOurs) rmSync(lock, { force: true });
    if (systemCode(error) === "") throw error;
    return false;
  }
}
