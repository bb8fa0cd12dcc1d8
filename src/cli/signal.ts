// loopr pause, resume, cancel, rebase, invalidate with selectors: one signal to many loops.
import type { Client } from "../client/types.ts";
import type { Signal } from "../domain/signal.ts";
import { parseSelector, renderSelector } from "../domain/selector.ts";
import { LooprError } from "../lib/errors.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { stateName, styleOf, titleOf } from "./format.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { resolveLoop, shortener } from "./resolve.ts";
import { withSession } from "./session.ts";

/** Done, as it is told of each loop. */
const done: Readonly<Record<Signal, string>> = {
  stop: "Cancelled",
  pause: "Paused",
  resume: "Resumed",
  rebase: "Rebases at its next safe point:",
  invalidate: "Runs again:",
};

/** Whether the words are more than one plain id, which a command answers in its own way. */
export function areSelectors(args: readonly string[]): boolean {
  return args.length > 1 || /[:,]/.test(args[0] ?? "");
}

export async function sendSignal(
  context: CliContext,
  args: readonly string[],
  options: { signal: Signal; feedback?: string; may_change?: string[] },
  ports: CliPorts,
): Promise<number> {
  const { signal, feedback, may_change } = options;
  return withSession(context, ports, {}, async ({ client }) => {
    const selectors: string[] = [];
    for (const arg of args) selectors.push(await completed(client, arg, context, ports));
    const project = context.cwd;
    const result = await client.call("loop.signal", {
      signal,
      selectors,
      project,
      ...(feedback && { feedback }),
      ...(may_change && { may_change }),
    });
    if (context.json) {
      context.print(result);
      return exitCodes.done;
    }
    const { loops } = await client.call("loop.list", {});
    const short = shortener(loops);
    const byId = new Map(loops.map((loop) => [loop.id, loop]));
    for (const { id, status } of result.loops) {
      const loop = byId.get(id);
      context.say(`${done[signal]} ${short(id)}${loop ? ` "${titleOf(loop)}"` : ""}: ${stateName(status)}`);
    }
    return exitCodes.done;
  });
}

/** The selector with the full ids that the typed ones mean. */
async function completed(client: Client, arg: string, context: CliContext, ports: CliPorts): Promise<string> {
  const parsed = parseSelector(arg);
  if (parsed.kind === "malformed") throw new LooprError("usage", parsed.message, parsed.hint);
  const terms = [];
  for (const term of parsed.terms) {
    if (!("id" in term)) terms.push(term);
    else
      terms.push({
        ...term,
        id: (await resolveLoop(client, term.id, styleOf(context, ports.env), context)).loop.id,
      });
  }
  return renderSelector(terms);
}

export async function rebase(
  context: CliContext,
  args: string[],
  _typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  return sendSignal(context, args, { signal: "rebase" }, ports);
}

export async function invalidate(
  context: CliContext,
  args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const { message } = typed;
  const feedback = typeof message === "string" && message.trim() !== "" ? { feedback: message } : {};
  return sendSignal(context, args, { signal: "invalidate", ...feedback }, ports);
}
