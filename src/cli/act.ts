// loopr pause, resume, cancel, delete, merge: a person acts on a loop, and on a root on its whole run.
import type { Client } from "../client/types.ts";
import { LooprError } from "../lib/errors.ts";
import { plainLine } from "../lib/plain.ts";
import { boundLines } from "./bounds.ts";
import { showOutcome, startTelling } from "./conclude.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { shownState, stateName, styleOf, titleOf } from "./format.ts";
import { merging } from "./merging.ts";
import { count, waitingText } from "./narrate.ts";
import { branchWithWork, readOutcome, unfinishedWork } from "./outcome.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { resolveLoop, type Resolved } from "./resolve.ts";
import { createScreen } from "./screen.ts";
import { withSession } from "./session.ts";
import { areSelectors, sendSignal } from "./signal.ts";

type Typed = Record<string, unknown>;

export async function pause(
  context: CliContext,
  args: string[],
  _typed: Typed,
  ports: CliPorts = createPorts(),
): Promise<number> {
  if (areSelectors(args)) return sendSignal(context, args, { signal: "pause" }, ports);
  return act(context, args, ports, async (client, resolved) => ({
    result: await client.call("loop.pause", { id: resolved.loop.id }),
    says: [
      `Paused ${named(resolved)}${withDescendants(resolved)}`,
      `  next: loopr resume ${resolved.short(resolved.loop.id)}`,
    ],
  }));
}

export async function resume(
  context: CliContext,
  args: string[],
  typed: Typed,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const may = mayChangeOf(typed);
  const said = feedbackOf(typed);
  if (areSelectors(args)) return sendSignal(context, args, { signal: "resume", ...may, ...said }, ports);
  return act(context, args, ports, async (client, resolved) => {
    const result = await client.call("loop.resume", { id: resolved.loop.id, ...may, ...said });
    const { loop } = await client.call("loop.get", { id: resolved.loop.id });
    const waiting = waitingText(loop);
    return {
      result,
      says: [
        `Resumed ${named(resolved)}: ${stateName(shownState(loop))}${waiting ? `, ${waiting}` : ""}`,
        ...(may ? [`  may change now: ${may.may_change.map(plainLine).join(", ")}`] : []),
        `  next: loopr watch ${resolved.short(loop.root_id)}`,
      ],
    };
  });
}

function feedbackOf({ message }: Typed): { feedback: string } | null {
  if (typeof message !== "string") return null;
  const feedback = message.trim();
  if (feedback) return { feedback };
  throw new LooprError("usage", "the feedback is empty", "say what to do otherwise: -m FEEDBACK");
}

function mayChangeOf({ mayChange }: Typed): { may_change: string[] } | null {
  if (!Array.isArray(mayChange)) return null;
  const globs = mayChange.map((glob) => String(glob).trim());
  if (globs.every((glob) => glob !== "")) return { may_change: globs };
  throw new LooprError(
    "usage",
    "--may-change takes a file or a glob",
    "such as: --may-change tests/api_test.py",
  );
}

export async function budget(
  context: CliContext,
  args: string[],
  typed: Typed,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const raise = raiseOf(typed);
  return act(context, args, ports, async (client, resolved) => {
    const { loop, short } = resolved;
    const result = await client.call("loop.budget", { id: loop.id, ...raise });
    const waits = loop.waiting_for === "budget" || loop.run_state === "paused";
    return {
      result,
      says: [
        `Raised the bounds of ${named(resolved)}:`,
        ...boundLines(result.bounds, loop, short).map((line) => `  ${line}`),
        ...(raise.add_iterations === undefined ? [] : [`  iterations of ${short(loop.id)}: raised`]),
        ...(waits ? [`  next: loopr resume ${short(loop.root_id)}`] : []),
      ],
    };
  });
}

/** The options of `loopr budget` and the parameters that they stand for. */
const raises = [
  { option: "add", parameter: "add_usd", whole: false, what: "US dollars" },
  { option: "tokens", parameter: "add_tokens", whole: true, what: "tokens" },
  { option: "minutes", parameter: "add_minutes", whole: false, what: "minutes of running time" },
  { option: "iterations", parameter: "add_iterations", whole: true, what: "iterations" },
] as const;

function raiseOf(typed: Typed): Partial<Record<(typeof raises)[number]["parameter"], number>> {
  const example = "such as: loopr budget a1b2 --add 5";
  const given = raises.filter(({ option }) => typed[option] !== undefined);
  if (given.length === 0) {
    const options = raises.map(({ option }) => `--${option}`).join(", ");
    throw new LooprError("usage", `budget takes at least one of ${options}`, example);
  }
  return Object.fromEntries(
    given.map(({ option, parameter, whole, what }) => {
      const amount = String(typed[option]).trim() === "" ? NaN : Number(typed[option]);
      if (Number.isFinite(amount) && amount > 0 && (!whole || Number.isInteger(amount)))
        return [parameter, amount];
      const kind = whole ? "a whole number" : "a number";
      throw new LooprError("usage", `--${option} takes ${kind} of ${what} above 0`, example);
    }),
  );
}

export async function cancel(
  context: CliContext,
  args: string[],
  _typed: Typed,
  ports: CliPorts = createPorts(),
): Promise<number> {
  if (areSelectors(args)) return sendSignal(context, args, { signal: "stop" }, ports);
  return act(context, args, ports, async (client, resolved) => {
    const result = await client.call("loop.cancel", { id: resolved.loop.id });
    const says = [`Cancelled ${named(resolved)}${withDescendants(resolved)}`];
    const branch = branchWithWork(resolved.loops, resolved.loop.root_id);
    if (branch !== null) says.push(`  what is integrated stays on ${plainLine(branch)}`);
    const left = unfinishedWork(resolved.loops, resolved.loop.id).map(resolved.short);
    if (left.length > 0) says.push(`  what it had begun: ${left.map((id) => `loopr diff ${id}`).join(", ")}`);
    return { result, says };
  });
}

export async function remove(
  context: CliContext,
  args: string[],
  _typed: Typed,
  ports: CliPorts = createPorts(),
): Promise<number> {
  return act(context, args, ports, async (client, resolved) => {
    const { branch } = resolved.loop;
    return {
      result: await client.call("loop.delete", { id: resolved.loop.id }),
      says: [
        `Deleted ${named(resolved)}${withDescendants(resolved)}`,
        ...(branch ? [`  its branch ${plainLine(branch)} stays`] : []),
      ],
    };
  });
}

/** Ends with the outcome: 0 merged, 6 blocked with the command to run. */
export async function merge(
  context: CliContext,
  args: string[],
  _typed: Typed,
  ports: CliPorts = createPorts(),
): Promise<number> {
  return withSession(context, ports, { reconnect: true }, async (session) => {
    const { client } = session;
    const { loop, short } = await resolveLoop(client, args[0] ?? "", styleOf(context, ports.env), context);
    const { follow, close } = await startTelling(context, ports, session, {
      id: loop.id,
      short,
      from: "now",
    });
    try {
      await merging(client, follow);
    } finally {
      close();
    }
    const outcome = await readOutcome(client, loop.id, follow);
    return showOutcome(context, ports, outcome, { short, mayStayUnmerged: false, warnings: [] });
  });
}

/** Most requests are answered before a person could read that they are waited for. */
const slowMs = 1000;

async function act(
  context: CliContext,
  args: readonly string[],
  ports: CliPorts,
  request: (client: Client, resolved: Resolved) => Promise<{ result: object; says: string[] }>,
): Promise<number> {
  return withSession(context, ports, {}, async ({ client }) => {
    const style = styleOf(context, ports.env);
    const resolved = await resolveLoop(client, args[0] ?? "", style, context);
    const screen = createScreen(context, style, ports.now);
    const slow = setTimeout(() => screen.status("waiting until what runs has ended"), slowMs);
    const { result, says } = await request(client, resolved).finally(() => {
      clearTimeout(slow);
      screen.close();
    });
    for (const line of says) context.say(line);
    if (context.json) context.print({ id: resolved.loop.id, ...result });
    return exitCodes.done;
  });
}

function named({ loop, short }: Resolved): string {
  return `${short(loop.id)} "${titleOf(loop)}"`;
}

function withDescendants({ loop, loops }: Resolved): string {
  const below = loops.filter(({ id }) => id.startsWith(`${loop.id}-`)).length;
  return below === 0 ? "" : ` with ${count(below, "descendant")}`;
}
