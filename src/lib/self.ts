import { statSync } from "node:fs";
import { build } from "./version.ts";

/**
 * The program that is running, even where it was replaced on disk since: the kernel's link still leads to
 * it, while its path would start another version or nothing.
 */
export function ownProgram(): [string, ...string[]] {
  if (build === "dev") return [process.execPath, "--no-env-file", process.argv[1] ?? ""];
  const link = "/proc/self/exe";
  try {
    const [running, there] = [statSync(link), statSync(process.execPath)];
    return [running.ino === there.ino && running.dev === there.dev ? process.execPath : link];
  } catch {
    return [isThere(link) ? link : process.execPath];
  }
}

function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch {
    return false;
  }
}
