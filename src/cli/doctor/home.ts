// The home directory and the daemon in it. Looks only: makes nothing, starts nothing.
import { accessSync, constants, lstatSync, statfsSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { credentialsFrom } from "../../client/credentials.ts";
import { remainsOf } from "../../client/post-mortem.ts";
import { probeDaemon } from "../../client/probe.ts";
import { whatItWaitsOn } from "../../client/waiting.ts";
import { systemCode } from "../../lib/errors.ts";
import { defaultDataDir, defaultPidPath, defaultSocketPath, networkFileSystemOf } from "../../lib/paths.ts";
import { build, version } from "../../lib/version.ts";
import { fail, failed, ok, warn, type Finding } from "./finding.ts";
import { checkBuild } from "./other-build.ts";
import { checkSocket } from "./socket.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const megabyte = 1024 * 1024;
/** Worktrees and records of a few runs of an ordinary repository. */
const spaceWantedBytes = 1024 * megabyte;
const spaceNeededBytes = 64 * megabyte;
/** A daemon makes some ten, a worktree at least as many. */
const filesNeeded = 20;
const moveRemedy = "set LOOPR_HOME to a directory of your own on a local disk";

/** `networkOf`: the network file system that holds a path. */
export function checkHome(env: Environment, networkOf = networkFileSystemOf): Finding[] {
  const home = defaultDataDir(env);
  const found = lstatOrNull(home);
  if (found instanceof Error) return [fail("home", `${home}: ${found.message}`, moveRemedy)];
  const problem = found === null ? creationProblem(home) : directoryProblem(home, found);
  if (problem) return [problem];
  const network = networkOf(home);
  if (network !== null) {
    return [fail("home", `${home} is on ${network}, where locks and databases are not safe`, moveRemedy)];
  }
  const detail = found === null ? `${home} (made when it is needed)` : `${home}, private`;
  return [ok("home", detail), checkSpace(nearestExisting(home)), checkSocket(env, home, directoryProblem)];
}

function directoryProblem(home: string, found: Stats): Finding | null {
  if (found.isSymbolicLink()) return fail("home", `${home} is a symbolic link`, moveRemedy);
  if (!found.isDirectory()) return fail("home", `${home} is not a directory`, moveRemedy);
  const uid = process.getuid?.() ?? found.uid;
  if (found.uid !== uid)
    return fail("home", `${home} belongs to another user (uid ${found.uid})`, moveRemedy);
  const close = `chmod 700 '${home}'`;
  if (found.mode & 0o022) return fail("home", `${home} can be written to by other users`, close);
  if (found.mode & 0o077) return warn("home", `${home} can be read by other users`, close);
  return isWritable(home) ? null : fail("home", `${home} cannot be written to`, moveRemedy);
}

function creationProblem(home: string): Finding | null {
  const parent = nearestExisting(home);
  return isWritable(parent)
    ? null
    : fail("home", `${home} cannot be made: ${parent} cannot be written to`, moveRemedy);
}

function checkSpace(path: string): Finding {
  const { bavail, bsize, files, ffree } = statfsSync(path);
  const free = bavail * bsize;
  const detail =
    free < 10 * spaceWantedBytes
      ? `${Math.floor(free / megabyte)} MB free`
      : `${Math.floor(free / megabyte / 1024)} GB free`;
  const remedy = `free some space on the file system of ${path}, or ${moveRemedy}`;
  // Some file systems do not count them.
  if (files > 0 && ffree < filesNeeded) {
    const room = `${detail}, and room for ${ffree} more files (inodes): a store, logs and worktrees need more`;
    return fail("disk space", room, `remove files from the file system of ${path}, or ${moveRemedy}`);
  }
  if (free < spaceNeededBytes) return fail("disk space", detail, remedy);
  return free < spaceWantedBytes ? warn("disk space", detail, remedy) : ok("disk space", detail);
}

export async function checkDaemon(env: Environment): Promise<Finding> {
  try {
    const probe = await probeDaemon({ env, name: "cli", credentials: credentialsFrom({}) });
    if (probe.kind === "stopped") return notRunning(env);
    if (probe.kind === "unresponsive") {
      const { pid = null } = probe.identity ?? {};
      const why = probe.why ?? (pid === null ? null : whatItWaitsOn(pid));
      const detail = `does not respond${pid === null ? "" : ` (PID ${pid})`}${why === null ? "" : `: ${why}`}`;
      return fail("daemon", detail, "loopr daemon restart");
    }
    if (probe.kind === "busy") {
      const pid = probe.identity === null ? "" : ` (PID ${probe.identity.pid})`;
      return warn("daemon", `running${pid}, and lets nobody in: ${probe.why}`, "end some of its clients");
    }
    const { server } = probe;
    probe.connection.close();
    const detail = `running (PID ${server.pid}), version ${server.version} (${server.build})`;
    return checkBuild(detail, server, { version, build });
  } catch (error) {
    return failed("daemon", error);
  }
}

function notRunning(env: Environment): Finding {
  const places = {
    dataDir: defaultDataDir(env),
    socketPath: defaultSocketPath(env),
    pidPath: defaultPidPath(env),
  };
  const remains = remainsOf(places);
  if (remains.kind !== "crashed") return ok("daemon", "not running; it is started when it is needed");
  const { pid, last_seen } = remains.crash;
  const detail = `crashed (PID ${pid}, last alive ${new Date(last_seen).toISOString()})`;
  return warn(
    "daemon",
    detail,
    "loopr daemon status shows its last words, loopr daemon start starts another",
  );
}

function nearestExisting(path: string): string {
  const found = lstatOrNull(path);
  return (found && !(found instanceof Error)) || path === dirname(path)
    ? path
    : nearestExisting(dirname(path));
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function lstatOrNull(path: string): Stats | Error | null {
  try {
    return lstatSync(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    return error instanceof Error ? error : new Error(String(error));
  }
}
