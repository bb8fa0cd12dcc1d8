// A client that is newer than the daemon it finds: an idle daemon is replaced, one that works is left to work.
import { build, version } from "../lib/version.ts";
import { establish, type Established, type EstablishOptions } from "./establish.ts";
import { isNewer } from "./newer.ts";

/**
 * Like `establish`, and replaces an older daemon that has nothing to do, once: what answers then is taken as
 * it is. For the first connection of an invocation; coming back after a loss never replaces anything.
 */
export async function establishNewest(options: EstablishOptions): Promise<Established> {
  const found = await establish(options);
  if (!options.autoStart || !isNewer({ version, build }, found.server)) return found;
  // Loaded only where it is needed, once in a while.
  const { replaceIfIdle } = await import("./replace.ts");
  return replaceIfIdle(found, options);
}
