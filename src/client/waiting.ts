// Why a process that lives does not answer, as far as the kernel tells.
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { listeners } from "./listeners.ts";

/** For people; null where nothing is known. Looks only. `proc`: where the kernel tells of processes. */
export function whatItWaitsOn(pid: number, proc = "/proc"): string | null {
  const stat = read(`${proc}/${pid}/stat`);
  const state = stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
  switch (state) {
    case "T":
      return `it was stopped by a signal; \`kill -CONT ${pid}\` lets it go on`;
    case "t":
      return "a debugger has stopped it";
    case "D": {
      const where = read(`${proc}/${pid}/wchan`).trim();
      const place = where === "" || where === "0" ? "" : ` (${where})`;
      return `the kernel${place}: a disk or a network file system that does not answer, perhaps`;
    }
    case "R":
      return "nothing: it is computing";
    default:
      return null;
  }
}

/** Whether a process listens on a Unix socket, whatever name that has by now. False where nothing is known. */
export function isListening(pid: number, proc = "/proc"): boolean {
  const inodes = listeners(`${proc}/${pid}/net/unix`).map(({ inode }) => `socket:[${inode}]`);
  const listening = new Set(inodes);
  try {
    const descriptors = `${proc}/${pid}/fd`;
    return readdirSync(descriptors).some((fd) => listening.has(linkTargetOf(`${descriptors}/${fd}`)));
  } catch {
    return false;
  }
}

function linkTargetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ""; // Closed meanwhile.
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
