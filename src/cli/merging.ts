// Asking for a merge and waiting for what comes of it.
import type { Client } from "../client/types.ts";
import { LooprError } from "../lib/errors.ts";
import type { Follow } from "./follow.ts";
import { shownState } from "./format.ts";
import { isSettled } from "./outcome.ts";
import { reconnected } from "./session.ts";

/** Returns when the run is merged, or goes no further without a person. */
export async function merging(client: Client, follow: Follow): Promise<void> {
  const { conflicts } = follow;
  const { version } = follow.loop;
  await requestMerge(client, follow);
  await follow.until(() => {
    const { loop } = follow;
    if (shownState(loop) !== "verified") return isSettled(loop);
    // The record from before the request is as settled as the one that tells of a blocked merge.
    return follow.conflicts > conflicts || (loop.version > version && isSettled(loop));
  });
}

/** The request may be lost with the connection; then it is made again only where it has had no effect. */
async function requestMerge(client: Client, follow: Follow): Promise<void> {
  const { id, version } = follow.loop;
  for (;;) {
    try {
      await client.call("plan.merge", { id });
      return;
    } catch (error) {
      const lost = error instanceof LooprError && error.code === "connection_lost";
      if (!lost || !(await reconnected(client))) throw error;
      await follow.refresh();
      if (follow.loop.version > version) return;
    }
  }
}
