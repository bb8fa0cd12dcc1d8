// loopr run, loopr plan: a task becomes a run of this repository.
import type { Client } from "../client/types.ts";
import type { RunOptions } from "../domain/run-options.ts";
import { LooprError } from "../lib/errors.ts";
import { plain, plainLine } from "../lib/plain.ts";
import { RpcError } from "../protocol/errors.ts";
import type { Result } from "../protocol/methods.ts";
import { conclude, showOutcome, startTelling } from "./conclude.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { runEnvironment } from "../lib/run-environment.ts";
import { shownState } from "./format.ts";
import { runOptionsOf, taskOf } from "./options.ts";
import { usage } from "./usage.ts";
import { isSettled, readOutcome } from "./outcome.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { shortener } from "./resolve.ts";
import { withSession, type Session } from "./session.ts";

export async function run(
  context: CliContext,
  args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const request = await requestOf(context, ports, taskOf(context, args, typed, "run"), typed);
  return withSession(context, ports, { reconnect: true }, async (session) => {
    const created = await createRun(context, ports, session.client, request);
    context.say(`Run ${created.short(created.id)}: ${titleOfTask(request.description)}`);
    tellBounds(context, created);
    return conclude(context, ports, session, {
      id: created.id,
      short: created.short,
      from: "beginning",
      approved: typed["yes"] === true,
      mayStayUnmerged: typed["merge"] === false,
      mayAsk: context.interactive && !context.json && typed["yes"] !== true,
      warnings: created.warnings,
    });
  });
}

export async function plan(
  context: CliContext,
  args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const request = await requestOf(context, ports, taskOf(context, args, typed, "plan"), typed);
  const { levels = "auto" } = request.options;
  if (levels !== "auto" && !levels.startsWith("plan")) {
    throw usage(
      `there is no plan among the levels ${levels}`,
      `loopr run --levels ${levels} starts without one`,
    );
  }
  const wait = typed["wait"] === true;
  return withSession(context, ports, { reconnect: wait }, async (session) => {
    const created = await createRun(context, ports, session.client, request);
    if (!wait) {
      if (context.json) context.print({ id: created.id, bounds: created.bounds, warnings: created.warnings });
      else context.say(created.id);
      tellBounds(context, created);
      return exitCodes.done;
    }
    tellBounds(context, created);
    return waitForGate(context, ports, session, created);
  });
}

/** 0 when the plan awaits approval; otherwise what came of it instead. */
async function waitForGate(
  context: CliContext,
  ports: CliPorts,
  session: Session,
  created: Created,
): Promise<number> {
  const { id, short } = created;
  // stdout is for the id alone, so that `id=$(loopr plan --wait …)` works.
  const quiet = {
    ...context,
    say: (text: string) => {
      if (!context.json) context.note(text);
    },
  };
  const telling = await startTelling(quiet, ports, session, { id, short, from: "beginning" });
  try {
    await telling.follow.until(() => isSettled(telling.follow.loop));
  } finally {
    telling.close();
  }
  const outcome = await readOutcome(session.client, id);
  if (shownState(outcome.root) !== "awaiting_approval") {
    return showOutcome(context, ports, outcome, {
      short,
      mayStayUnmerged: false,
      warnings: created.warnings,
    });
  }
  if (context.json) {
    const { content, specs } = await session.client.call("plan.get_preview", { id });
    const { bounds, warnings } = created;
    context.print({
      id,
      run_state: outcome.root.run_state,
      cost_usd: outcome.costUsd,
      bounds,
      warnings,
      content,
      specs,
    });
  } else {
    context.say(id);
    context.note(
      `The plan waits for approval: loopr status ${short(id)} shows it, loopr approve ${short(id)}`,
    );
  }
  return exitCodes.done;
}

interface Request {
  description: string;
  project: string;
  env: Record<string, string>;
  options: RunOptions;
}

/** Everything is checked before a daemon is started for it. */
async function requestOf(
  context: CliContext,
  ports: CliPorts,
  description: string,
  typed: Record<string, unknown>,
): Promise<Request> {
  const options = runOptionsOf(context, typed, ports.env);
  const { pass } = await ports.personal(context.config);
  return {
    description,
    project: context.cwd,
    env: runEnvironment(ports.env, pass),
    options,
  };
}

interface Created extends Result<"loop.create_plan"> {
  short: (id: string) => string;
}

async function createRun(
  context: CliContext,
  ports: CliPorts,
  client: Client,
  request: Request,
): Promise<Created> {
  const { description, project, env, options } = request;
  const create = () => client.call("loop.create_plan", { description, project, env, options });
  const created = await create().catch(async (error: unknown) => {
    const mayAsk = context.interactive && !context.json;
    if (error instanceof LooprError && error.code === "connection_lost") throw lostWhileCreating(error);
    const untrusted = error instanceof RpcError && error.reason === "not_trusted";
    if (!untrusted || !mayAsk) throw error;
    const { offerTrust } = await import("./trust.ts");
    if (!(await offerTrust(context, ports.ask))) throw error;
    return create();
  });
  const { loops } = await client.call("loop.list", {});
  return { ...created, short: shortener(loops) };
}

/** It may have been created or not, so it is not asked for a second time. */
function lostWhileCreating(cause: LooprError): LooprError {
  const message = "the connection to the daemon was lost while the run was created";
  return new LooprError(cause.code, message, "loopr list shows whether it was", { cause });
}

function tellBounds(context: CliContext, created: Created): void {
  if (context.json) return; // they are in the document
  if (created.bounds) context.note(`bounds: ${plainLine(created.bounds)}`);
  for (const warning of created.warnings) context.note(`warning: ${plain(warning)}`);
}

const titleColumnsMax = 72;

function titleOfTask(description: string): string {
  const [first = ""] = plain(description).trim().split("\n");
  return first.length > titleColumnsMax ? `${first.slice(0, titleColumnsMax - 1)}…` : first;
}
