// loopr replay: a new run from the state that a loop was in before one of its iterations.
import type { Client } from "../client/types.ts";
import { plain, plainLine } from "../lib/plain.ts";
import { conclude } from "./conclude.ts";
import type { CliContext } from "./context.ts";
import { styleOf, titleOf } from "./format.ts";
import { iterationOf } from "./iteration-option.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { resolveLoop, shortener } from "./resolve.ts";
import { withSession } from "./session.ts";
import { usage } from "./usage.ts";

export async function replay(
  context: CliContext,
  args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const from = iterationOf(typed, "from");
  if (from === null) throw usage("--from is missing", "the iteration that is run anew: --from 2");
  const model = typeof typed["model"] === "string" ? typed["model"].trim() : null;
  if (model === "") throw usage("--model is empty", "leave it out, or give a model's name");
  const approve = typed["yes"] === true;
  return withSession(context, ports, { reconnect: true }, async (session) => {
    const { client } = session;
    const { loop, short } = await resolveLoop(client, args[0] ?? "", styleOf(context, ports.env), context);
    const { id, warnings, bounds } = await client.call("loop.replay", { id: loop.id, from, model, approve });
    const shortAll = await shortenerOf(client);
    context.say(`Run ${shortAll(id)}: ${short(loop.id)} "${titleOf(loop)}" from iteration ${from}`);
    if (!context.json) {
      context.note(`bounds: ${plainLine(bounds)}`);
      for (const warning of warnings) context.note(`warning: ${plain(warning)}`);
    }
    return conclude(context, ports, session, {
      id,
      short: shortAll,
      from: "beginning",
      approved: approve,
      mayStayUnmerged: true,
      mayAsk: context.interactive && !context.json && !approve,
      warnings,
    });
  });
}

async function shortenerOf(client: Client): Promise<(id: string) => string> {
  const { loops } = await client.call("loop.list", {});
  return shortener(loops);
}
