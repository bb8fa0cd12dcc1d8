// Where everything lives. Client and daemon decide it by the same functions, from the environment alone.
import { statfsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { ownUid } from "./processes.ts";

/** `sun_path` holds 108 bytes on Linux and 104 on macOS, a final NUL included. */
const socketPathBytesMax = 103;
/** f_type of file systems on which Unix sockets, locks and SQLite do not work reliably (linux/magic.h). */
const networkFileSystems = new Map([
  [0x6969, "NFS"],
  [0x01021997, "9p"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
]);

type Environment = Readonly<Record<string, string | undefined>>;

/** The home, `~/.loopr`, or what `LOOPR_HOME` says. Absolute. */
export function defaultDataDir(env: Environment = process.env): string {
  if (env["LOOPR_HOME"]) return resolve(env["LOOPR_HOME"]);
  return join(userHome(env) ?? process.cwd(), ".loopr");
}

/** The user's home directory, or null where there is none at all. */
export function userHome(env: Environment = process.env): string | null {
  const home = env["HOME"] || accountHome();
  return home && home !== "/nonexistent" ? resolve(home) : null;
}

/** An account need not be known to the system: a container's user that is but a number. */
function accountHome(): string {
  try {
    return homedir();
  } catch {
    return "";
  }
}

/** `<home>/daemon.sock` or what `LOOPR_SOCKET` says, or the place in /tmp where that path is too long or on a network file system. */
export function defaultSocketPath(env: Environment = process.env): string {
  return usableSocketPath(
    env["LOOPR_SOCKET"] ? resolve(env["LOOPR_SOCKET"]) : join(defaultDataDir(env), "daemon.sock"),
  );
}

/** `<home>/daemon.pid`. */
export function defaultPidPath(env: Environment = process.env): string {
  return join(defaultDataDir(env), "daemon.pid");
}

/** The user's configuration file, `~/.config/loopr/loopr.yml`; null where there is no home directory. */
export function userConfigPath(env: Environment = process.env): string | null {
  const home = userHome(env);
  const base = env["XDG_CONFIG_HOME"] || (home ? join(home, ".config") : null);
  return base ? join(base, "loopr", "loopr.yml") : null;
}

function usableSocketPath(wanted: string): string {
  if (Buffer.byteLength(wanted) <= socketPathBytesMax && networkFileSystemOf(wanted) === null) return wanted;
  return fallbackSocketPath(wanted);
}

/** The place of a socket that cannot be, or must not be, where it is wanted. */
export function fallbackSocketPath(wanted: string): string {
  // Loaded only where it is needed: it costs every command more than its own work.
  const { createHash } = process.getBuiltinModule("node:crypto");
  const hash = createHash("sha256").update(wanted).digest("hex").slice(0, 16);
  return join(socketFallbackDir(), `${hash}.sock`);
}

/** The directory (0700, its owner checked by whoever uses it) of sockets that cannot live in their home. */
export function socketFallbackDir(): string {
  return `/tmp/loopr-${ownUid()}`;
}

/** The name of the network file system that holds `path` (or its nearest existing parent); null if none. */
export function networkFileSystemOf(path: string): string | null {
  for (let at = path; ; at = dirname(at)) {
    try {
      return networkFileSystems.get(statfsSync(at).type) ?? null;
    } catch {
      if (at === dirname(at)) return null;
    }
  }
}
