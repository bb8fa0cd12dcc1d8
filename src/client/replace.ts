// Replacing the daemon of an older version where that interrupts nothing.
import * as z from "zod/mini";
import { LooprError } from "../lib/errors.ts";
import { build, version } from "../lib/version.ts";
import { RpcError } from "../protocol/errors.ts";
import type { Connection } from "./connection.ts";
import { establish, type Established, type EstablishOptions } from "./establish.ts";
import { stopDaemon } from "./stop.ts";

const askMs = 2_000;
const titlesShown = 3;

/** Returns the connection to go on with: to the daemon that was found, or to the one that replaced it. */
export async function replaceIfIdle(found: Established, options: EstablishOptions): Promise<Established> {
  const { server, connection } = found;
  const who = `the daemon (PID ${server.pid}, version ${server.version}, build ${server.build})`;
  const active = await activeLoops(connection);
  if (active === null || active.count > 0) {
    options.onProgress(`${who} is older than this loopr (${version}, build ${build})${reason(active)}`);
    return found;
  }
  options.onProgress(`${who} has nothing to do: replacing it by version ${version}, build ${build}`);
  connection.close();
  await stopDaemon({ ...options, nonce: server.nonce });
  return establish(options);
}

function reason(active: Active | null): string {
  if (active === null) return " and does not say whether it is idle; `loopr daemon restart` replaces it";
  const { count, titles } = active;
  const named = titles.slice(0, titlesShown).map((title) => `\n  ${title}`);
  const more = count - named.length;
  return [
    ` and is not replaced while it works: ${count} loop${count === 1 ? " is" : "s are"} running`,
    ...named,
    ...(named.length > 0 && more > 0 ? [`\n  and ${more} more`] : []),
    "\n  `loopr daemon restart --when-idle` replaces it when they have come to a checkpoint",
  ].join("");
}

interface Active {
  count: number;
  /** What they are about, as far as that daemon tells. */
  titles: string[];
}

/** The fields that every version of the protocol has. */
const ListedLoop = z.object({
  id: z.string(),
  status: z.string(),
  loop_type: z.string(),
  title: z.optional(z.nullable(z.string())),
  run_state: z.optional(z.nullable(z.string())),
  waiting_for: z.optional(z.nullable(z.string())),
});
const ListAnswer = z.object({ loops: z.array(ListedLoop) });
const activeStatuses = new Set(["running", "rebasing"]);

/** What runs, is rebased or integrated; null where the daemon does not say it in a way that we understand. */
async function activeLoops(connection: Connection): Promise<Active | null> {
  try {
    const { loops: counts } = await connection.call("status", {}, askMs);
    const listed = await connection.request("loop.list", {}, askMs).catch((error: unknown) => {
      if (error instanceof RpcError) return null; // It has no loops to list, or another way to.
      throw error;
    });
    const loops = ListAnswer.safeParse(listed).data?.loops ?? [];
    const active = loops.filter(
      (loop) => activeStatuses.has(loop.status) || (loop.run_state === "integrating" && !loop.waiting_for),
    );
    const counted = (counts["running"] ?? 0) + (counts["rebasing"] ?? 0);
    return {
      count: Math.max(counted, active.length),
      titles: active.map((loop) => `${loop.loop_type} ${loop.id}${loop.title ? `: ${loop.title}` : ""}`),
    };
  } catch (error) {
    if (error instanceof RpcError || error instanceof LooprError) return null;
    throw error;
  }
}
