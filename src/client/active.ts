// What a daemon is working on, asked in a way that daemons of other versions understand too.
import * as z from "zod/mini";
import { LooprError } from "../lib/errors.ts";
import { RpcError } from "../protocol/errors.ts";
import type { Connection } from "./connection.ts";

const askMs = 2_000;
const titlesShown = 3;

export interface Active {
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
export async function activeLoops(connection: Connection): Promise<Active | null> {
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

/** For people: how many, and a line for each of the first. */
export function atWork({ count, titles }: Active): string {
  const shown = titles.slice(0, titlesShown).map((title) => `\n  ${title}`);
  const more = count - shown.length;
  const rest = shown.length > 0 && more > 0 ? `\n  and ${more} more` : "";
  return `${count} loop${count === 1 ? " is" : "s are"} running${shown.join("")}${rest}`;
}
