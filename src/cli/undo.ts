// loopr undo: a merged run is taken back by a new commit.
import { LooprError } from "../lib/errors.ts";
import { plainLine } from "../lib/plain.ts";
import { RpcError } from "../protocol/errors.ts";
import type { Result } from "../protocol/methods.ts";
import type { Client } from "../client/types.ts";
import { exitCodes, reportError, type CliContext } from "./context.ts";
import { shortCommit, styleOf, titleOf } from "./format.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { resolveLoop, withShortIds } from "./resolve.ts";
import { createScreen } from "./screen.ts";
import { reconnected, withSession } from "./session.ts";

/** A check has its own time limit, which may be long; the daemon's end is noticed at once. */
const undoTimeoutMs = 24 * 3_600_000;
/** What a person can mend: each comes with the command to run. */
const waiting = /^undo_(conflict|dirty|in_progress|untracked|filtered|moved)$/;

/** 0 undone; 6 waiting for the person, with the command to run; 1 not possible. */
export async function undo(
  context: CliContext,
  args: string[],
  _typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  return withSession(context, ports, { reconnect: true }, async (session) => {
    const { client } = session;
    const style = styleOf(context, ports.env);
    const { loop, short } = await resolveLoop(client, args[0] ?? "", style, context);
    session.comeBack = `loopr status ${short(loop.id)}`;
    const screen = createScreen(context, style, ports.now);
    screen.status("undoing: the check runs before the target is moved");
    try {
      const result = await request(client, loop.id).finally(() => screen.close());
      if (context.json) context.print({ id: loop.id, ...result });
      else {
        const what = `${short(loop.id)} "${titleOf(loop)}"`;
        context.say(`Undone ${what}: ${shortCommit(result.commit)} on ${plainLine(result.branch)}`);
        if (!result.verified)
          context.say(
            "  UNVERIFIED: no check has passed on it; one that fails there failed before the run, too",
          );
        context.say(`  next: git show ${shortCommit(result.commit)}`);
      }
      return exitCodes.done;
    } catch (error) {
      if (!(error instanceof RpcError) || !waiting.test(error.reason)) throw error;
      const shown = (text: string) => (context.json ? text : withShortIds(text, short));
      reportError(context, new LooprError(error.reason, shown(error.message), shown(error.hint)));
      return exitCodes.waiting;
    }
  });
}

/** Asked again where the connection was lost; the daemon goes on with it either way, and does it once. */
async function request(client: Client, id: string): Promise<Result<"plan.undo">> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await client.call("plan.undo", { id, again: attempt > 0 }, { timeoutMs: undoTimeoutMs });
    } catch (error) {
      const lost = error instanceof LooprError && error.code === "connection_lost";
      if (!lost || !(await reconnected(client))) throw error;
    }
  }
}
