// The pipe to whoever started us: lines of progress, then one that says how the start ended.
import { closeSync, writeSync } from "node:fs";
import type { ReadinessLine } from "../protocol/identity.ts";

interface Readiness {
  /** After `ready` or `error` the pipe is closed, and further lines go nowhere. */
  report(line: ReadinessLine): void;
}

export function readinessPipe(fd: number): Readiness {
  let open: number | null = fd;
  return {
    report: (line) => {
      if (open === null) return;
      try {
        writeSync(open, JSON.stringify(line) + "\n");
        if (!("progress" in line)) closeSync(open);
      } catch {
        open = null; // Who started us is gone: that changes nothing for us.
        return;
      }
      if (!("progress" in line)) open = null;
    },
  };
}
