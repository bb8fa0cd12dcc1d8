// A daemon that runs and is not of this build: which of the two is the newer, and what to do.
import { isNewer, type Built } from "../../client/newer.ts";
import { ok, warn, type Finding } from "./finding.ts";

const restart = "loopr daemon restart --when-idle";

/** `detail`: what is said of it in any case. */
export function checkBuild(detail: string, its: Built, own: Built): Finding {
  if (its.version === own.version && its.build === own.build) return ok("daemon", detail);
  const ours = `version ${own.version} (${own.build})`;
  if (isNewer(its, own)) {
    const remedy = "use the newer loopr: `which -a loopr` lists what is installed, the first one is run";
    return warn("daemon", `${detail}, which is newer than this loopr, ${ours}`, remedy);
  }
  const relation = isNewer(own, its) ? "older than this loopr" : "not this one";
  return warn("daemon", `${detail}, which is ${relation}, ${ours}`, restart);
}
