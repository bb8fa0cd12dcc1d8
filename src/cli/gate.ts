// loopr approve, reject, iterate: the plan gate.
import type { Client } from "../client/types.ts";
import { PlanSpec } from "../domain/artifacts.ts";
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
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const levels = levelsOf(typed["level"]);
  return onPlan(context, args, ports, async (client, { loop, short }) => {
    const version = levels.size > 0 ? await setLevels(client, loop.id, levels) : null;
    const result = await client.call("plan.approve", { id: loop.id, version });
    const allowed = loop.waiting_for === "protected";
    const then = allowed
      ? "its changes to protected files are allowed"
      : `${count(result.specs_spawned, "loop")} made`;
    context.say(`Approved ${short(loop.id)} "${titleOf(loop)}": ${then}`);
    context.say(`  next: loopr watch ${short(loop.root_id)}`);
    return { ...result };
  });
}

/** `--level "Spec name=code"`, by spec. */
function levelsOf(typed: unknown): Map<string, PlanSpec["level"]> {
  const levels = new Map<string, PlanSpec["level"]>();
  for (const text of Array.isArray(typed) ? typed.map(String) : []) {
    const at = text.lastIndexOf("=");
    const level = PlanSpec.shape.level.safeParse(text.slice(at + 1).trim());
    if (at < 1 || !level.success) {
      throw usage(
        `--level ${text} says nothing`,
        'the name of a spec and code or spec: --level "Spec name=code"',
      );
    }
    levels.set(text.slice(0, at).trim(), level.data);
  }
  return levels;
}

/** Stores the plan with these levels as a person's version, and returns its number. */
async function setLevels(
  client: Client,
  id: string,
  levels: ReadonlyMap<string, PlanSpec["level"]>,
): Promise<number> {
  const { plan, specs } = await client.call("plan.get_preview", { id });
  if (!plan) throw usage(`${id} is no plan`, "--level is for a plan that waits");
  if (plan.levels !== "auto") {
    throw usage(
      `the levels of this run are set for all of its specs: ${plan.levels.join(",")}`,
      "--level counts where they were left to the plan (--levels auto)",
    );
  }
  const unknown = [...levels.keys()].find((name) => !specs.some((spec) => spec.name === name));
  if (unknown !== undefined) {
    throw usage(`there is no spec "${unknown}"`, `the specs: ${specs.map(({ name }) => name).join(", ")}`);
  }
  const { title, summary, version } = plan;
  const changed = specs.map((spec) => ({ ...spec, level: levels.get(spec.name) ?? spec.level }));
  return (await client.call("plan.edit", { id, version, plan: { title, summary, specs: changed } })).version;
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
  return onPlan(context, args, ports, async (client, { loop, loops, short }) => {
    // Approved before: whoever sends it back now means all that has followed from it, too.
    const approved = loop.status === "complete";
    const result = await client.call("plan.iterate", { id: loop.id, feedback, approved });
    const below = loops.filter(({ id }) => id.startsWith(`${loop.id}-`)).length;
    const gone =
      approved && below > 0 ? `; its ${count(below, "loop")} no longer count, their work is kept` : "";
    context.say(`Sent ${short(loop.id)} "${titleOf(loop)}" back with your feedback${gone}`);
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
    const resolved = await resolveLoop(client, args[0] ?? "", styleOf(context, ports.env), context);
    const result = await decide(client, resolved);
    if (context.json) context.print({ id: resolved.loop.id, ...result });
    return exitCodes.done;
  });
}
