// What the interface asks of the daemon: the snapshot, contents of views, and what the person decides.
import type { Client } from "../client/types.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { RpcError } from "../protocol/errors.ts";
import type { Acting } from "./keys.ts";
import { textLines } from "./output.ts";
import type { Action, Failed, LoadedAction, Resource, State } from "./state.ts";
import { cleanLine } from "./text.ts";
import { plural } from "./words.ts";

export async function snapshot(client: Client, cwd: string): Promise<Extract<Action, { type: "snapshot" }>> {
  const [{ loops }, projects] = await Promise.all([client.call("loop.list", {}), projectsAt(client, cwd)]);
  return { type: "snapshot", loops, projects };
}

/** The checkouts of this repository that have loops; null outside of a repository. */
async function projectsAt(client: Client, cwd: string): Promise<ReadonlySet<string> | null> {
  try {
    const { loops } = await client.call("loop.list", { project: cwd });
    return new Set(loops.map((loop) => loop.project));
  } catch (error) {
    if (error instanceof RpcError && error.reason === "not_a_repository") return null;
    throw error;
  }
}

/** What the open view lacks. */
export function staleResources(state: State): { resource: Resource; id: string }[] {
  const resources: Resource[] = ["history", "output", "diff", "plan"];
  return resources.flatMap((resource) => {
    const load = state.loads[resource];
    return load?.phase === "stale" ? [{ resource, id: load.id }] : [];
  });
}

export async function load(client: Client, resource: Resource, id: string): Promise<LoadedAction> {
  switch (resource) {
    case "history": {
      const value = await client.call("loop.iterations", { id });
      return { type: "loaded", resource, id, value };
    }
    case "output": {
      const { output } = await client.call("loop.output", { id });
      return { type: "loaded", resource, id, value: textLines(output) };
    }
    case "diff": {
      const { diff, truncated } = await client.call("loop.diff", { id });
      return { type: "loaded", resource, id, value: { lines: textLines(diff), truncated } };
    }
    case "plan": {
      const { content, specs, plan } = await client.call("plan.get_preview", { id });
      const version = plan?.version ?? null;
      return {
        type: "loaded",
        resource,
        id,
        value: { content, specs, version, edited: plan?.author === "person" },
      };
    }
  }
}

/** Does it, and says what was done. */
export async function perform(client: Client, { act, id, text, version }: Acting): Promise<string> {
  switch (act) {
    case "pause":
      await client.call("loop.pause", { id });
      return "Paused. Press s to go on.";
    case "resume":
      await client.call("loop.resume", { id });
      return "Resumed.";
    case "cancel":
      await client.call("loop.cancel", { id });
      return "Cancelled. Its branch stays.";
    case "approve": {
      const { specs_spawned } = await client.call("plan.approve", { id, version });
      return `Approved: ${plural(specs_spawned, "spec")} under way.`;
    }
    case "reject":
      await client.call("plan.reject", text === "" ? { id } : { id, reason: text });
      return "Rejected.";
    case "iterate":
      await client.call("plan.iterate", { id, feedback: text });
      return "Sent back: the plan is being made anew with your feedback.";
  }
}

/** A failure as the interface shows it. */
export function failed(error: unknown): Failed {
  const hint = error instanceof LooprError || error instanceof RpcError ? error.hint : "";
  return { message: cleanLine(messageOf(error)), hint: cleanLine(hint) };
}
