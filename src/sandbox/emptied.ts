// The places that are empty in every sandbox, of every daemon.
import { realpathSync } from "node:fs";
import { dirname } from "node:path";
import { isBelow } from "./bwrap.ts";

/** Sockets of the host and other people's files are there. */
export const emptied = ["/run", "/tmp", "/var/tmp"] as const;

/** Whether a path, which need not exist yet, lies in one of them. */
export function isInEmptied(path: string): boolean {
  const real = nearestReal(path);
  return emptied.some((directory) => {
    const place = nearestReal(directory);
    return real === place || isBelow(real, place);
  });
}

/** Where the links lead, as far as the path exists. */
function nearestReal(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path === dirname(path) ? path : nearestReal(dirname(path));
  }
}
