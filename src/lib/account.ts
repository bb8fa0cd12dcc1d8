// The account that this process runs as, as the system knows it. (Bun's `userInfo` says what the environment
// says, and that may be anything.)
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { ownUid } from "./processes.ts";

export interface Account {
  name: string;
  home: string;
}

const lookUpTimeoutMs = 2_000;

/** Null where nobody knows of it: a user number without an account, as in some containers. */
export function ownAccount(uid = ownUid(), passwdFile = "/etc/passwd"): Account | null {
  return find(localAccounts(passwdFile), uid) ?? find(directoryAccounts(uid), uid);
}

function localAccounts(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Of a network's directory (LDAP and the like). */
function directoryAccounts(uid: number): string {
  const found = spawnSync("getent", ["passwd", String(uid)], { encoding: "utf8", timeout: lookUpTimeoutMs });
  return found.status === 0 ? found.stdout : "";
}

function find(accounts: string, uid: number): Account | null {
  for (const line of accounts.split("\n")) {
    const [name = "", , id, , , home = ""] = line.split(":");
    if (id === String(uid) && home.startsWith("/")) return { name, home };
  }
  return null;
}
