// loopr approve, reject, iterate: the plan gate.
import type { Client } from "../client/types.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { styleOf, titleOf } from "./format.ts";
import { count } from "./narrate.ts";
import { usage } from "./usage.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { resolveLoop, type Resolved } from "./resolve.ts";
import { withSession } from "./session.ts";

export async function approve(
  context: CliContext,
  args: string[],
  _typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  return onPlan(context, args, ports, async (client, { loop, short }) => {
    const result = await client.call("plan.approve", { id: loop.id });
    context.say(`Approved ${short(loop.id)} "${titleOf(loop)}": ${count(result.specs_spawned, "loop")} made`);
    context.say(`  next: loopr watch ${short(loop.root_id)}`);
    return { ...result };
  });
}

export async function reject(
  context: CliContext,
  args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const reason = typeof typed["reason"] === "string" ? typed["reason"].trim() : "";
  return onPlan(context, args, ports, async (client, { loop, short }) => {
    const result = await client.call("plan.reject", { id: loop.id, reason: reason || null });
    context.say(`Rejected ${short(loop.id)} "${titleOf(loop)}"`);
    return { ...result };
  });
}

export async function iterate(
  context: CliContext,
  args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const feedback = typeof typed["message"] === "string" ? typed["message"].trim() : "";
  if (!feedback) throw usage("the feedback is empty", "say what to change: -m FEEDBACK");
  return onPlan(context, args, ports, async (client, { loop, short }) => {
    const result = await client.call("plan.iterate", { id: loop.id, feedback });
    context.say(`Sent ${short(loop.id)} "${titleOf(loop)}" back with your feedback`);
    context.say(`  next: loopr watch ${short(loop.root_id)}`);
    return { ...result };
  });
}

async function onPlan(
  context: CliContext,
  args: readonly string[],
  ports: CliPorts,
  decide: (client: Client, resolved: Resolved) => Promise<Record<string, unknown>>,
): Promise<number> {
  return withSession(context, ports, {}, async ({ client }) => {
    const resolved = await resolveLoop(client, args[0] ?? "", styleOf(context, ports.env));
    const result = await decide(client, resolved);
    if (context.json) context.print({ id: resolved.loop.id, ...result });
    return exitCodes.done;
  });
}
