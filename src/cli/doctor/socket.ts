// The place of the daemon's socket: whether the daemon can put it there. Looks only.
import { accessSync, constants, lstatSync, readlinkSync, statSync, type Stats } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { messageOf, systemCode } from "../../lib/errors.ts";
import {
  defaultSocketPath,
  fallbackSocketPath,
  networkFileSystemOf,
  socketFallbackDir,
} from "../../lib/paths.ts";
import { fail, ok, type Finding } from "./finding.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const name = "socket";
const elsewhere = "set LOOPR_SOCKET to a path of your own where nothing is, or unset it";

/** `privacyProblem`: what keeps a directory from being ours alone. */
export function checkSocket(
  env: Environment,
  home: string,
  privacyProblem: (directory: string, found: Stats) => Finding | null,
): Finding {
  const path = defaultSocketPath(env);
  const isNamed = Boolean(env["LOOPR_SOCKET"]);
  if (path !== join(socketFallbackDir(), basename(path))) {
    const problem = problemAt(path, home);
    if (problem !== null) return fail(name, problem.detail, isNamed ? problem.remedy : "move it away");
    return ok(name, path.startsWith(`${home}/`) ? path : `${path} (LOOPR_SOCKET)`);
  }
  const remedy = isNamed
    ? "set LOOPR_SOCKET to a shorter path on a local disk, or unset it"
    : "set LOOPR_HOME to a shorter path, or LOOPR_SOCKET to a path of your own";
  const directory = statsOf(dirname(path));
  const squatted = directory === null ? null : privacyProblem(dirname(path), directory);
  if (squatted?.status === "fail") return { ...squatted, name, remedy };
  return { ...ok(name, `${path}, because ${whyNotAtItsPlace(env)}`), remedy };
}

function whyNotAtItsPlace(env: Environment): string {
  const named = env["LOOPR_SOCKET"];
  if (!named) return "a socket's path holds 103 bytes and that of the home is longer";
  const network = networkFileSystemOf(resolve(named));
  if (network !== null) return `LOOPR_SOCKET is on ${network}, where sockets do not work`;
  return "a socket's path holds 103 bytes and that of LOOPR_SOCKET is longer";
}

function problemAt(path: string, home: string): { detail: string; remedy: string } | null {
  const directory = dirname(path);
  if (directory !== home) {
    const problem = directoryProblem(directory);
    if (problem !== null) return problem;
  }
  const found = statsOf(path);
  if (found === null || isLinkOfOurs(path)) return null;
  if (!found.isSocket()) return { detail: `${path} is ${kindOf(found)}, and no socket`, remedy: elsewhere };
  const isOurs = found.uid === (process.getuid?.() ?? found.uid);
  return isOurs ? null : { detail: `${path} belongs to another user (uid ${found.uid})`, remedy: elsewhere };
}

function directoryProblem(directory: string): { detail: string; remedy: string } | null {
  try {
    if (!statSync(directory).isDirectory()) {
      return { detail: `${directory} is not a directory`, remedy: elsewhere };
    }
    accessSync(directory, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    if (systemCode(error) === "ENOENT") {
      const remedy = `make it (mkdir -p '${directory}'), or set LOOPR_SOCKET to another path`;
      return { detail: `the directory ${directory} does not exist`, remedy };
    }
    return { detail: `a socket cannot be made in ${directory}: ${messageOf(error)}`, remedy: elsewhere };
  }
}

/** A daemon that its own jobs must not see has its socket in /tmp, and a link to it here. */
function isLinkOfOurs(path: string): boolean {
  try {
    return readlinkSync(path) === fallbackSocketPath(path);
  } catch {
    return false;
  }
}

function kindOf(found: Stats): string {
  if (found.isDirectory()) return "a directory";
  if (found.isSymbolicLink()) return "a symbolic link";
  return found.isFile() ? "a file" : "a device or a FIFO";
}

function statsOf(path: string): Stats | null {
  try {
    return lstatSync(path);
  } catch {
    return null; // Of a directory that cannot be looked at, the check of the directory tells.
  }
}
