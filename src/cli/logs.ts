// loopr logs: what a loop said and ran; without an id the daemon's own log.
import type { Client } from "../client/types.ts";
import { plain } from "../lib/plain.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { showDaemonLog } from "./daemon-log.ts";
import { Follow } from "./follow.ts";
import { paint, styleOf, type Style } from "./format.ts";
import type { KnownEvent } from "./known-event.ts";
import { iterationOf } from "./iteration-option.ts";
import { iterationDocument, iterationView, readIteration } from "./iteration-view.ts";
import { usage } from "./usage.ts";
import { exitCodeOfRun, hasEnded } from "./outcome.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { resolveLoop, type Resolved } from "./resolve.ts";
import { withSession } from "./session.ts";
import { Transcript } from "./transcript.ts";

export async function logs(
  context: CliContext,
  args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const [id] = args;
  const follow = typed["follow"] === true;
  const iteration = iterationOf(typed);
  if (iteration !== null && (follow || id === undefined)) {
    throw usage(
      follow ? "--iteration and --follow are both given" : "--iteration needs a loop",
      "loopr logs ID --iteration N shows everything on record of one iteration",
    );
  }
  if (id === undefined) return showDaemonLog(context, ports, follow);
  return withSession(context, ports, { reconnect: follow }, async (session) => {
    const style = styleOf(context, ports.env);
    const resolved = await resolveLoop(session.client, id, style, context);
    if (iteration !== null) {
      const found = await readIteration(session.client, resolved.loop.id, iteration);
      if (context.json) context.print(iterationDocument(found));
      else for (const line of iterationView(found, resolved, style, ports.now())) context.say(line);
      return exitCodes.done;
    }
    if (!follow) return show(context, session.client, resolved);
    session.isStream = true;
    session.comeBack = `loopr logs -f ${resolved.short(resolved.loop.id)}`;
    return followOutput(context, session.client, resolved, style);
  });
}

async function show(context: CliContext, client: Client, { loop, short }: Resolved): Promise<number> {
  const { output, truncated } = await client.call("loop.output", { id: loop.id });
  if (context.json) {
    context.print({ id: loop.id, iteration: loop.iteration, output, truncated });
    return exitCodes.done;
  }
  if (truncated) context.note("(only the end of a longer output)");
  if (output === "") context.note(`${short(loop.id)} has said nothing yet`);
  else context.say(plain(output).replace(/\n$/, ""));
  return exitCodes.done;
}

/** The loop's and its descendants' output until it has ended. */
async function followOutput(
  context: CliContext,
  client: Client,
  { loop, short }: Resolved,
  style: Style,
): Promise<number> {
  const transcript = new Transcript(
    (lines) => context.say(lines),
    (id) => paint(style, "bold", `==> ${short(id)} <==`),
  );
  const readStored = async (id: string) => {
    const take = transcript.reading(id);
    const stored = await client.call("loop.output", { id }).catch((error: unknown) => {
      take(null);
      throw error;
    });
    take(stored.output);
  };
  const onEvent = (event: KnownEvent) => {
    if (event.event !== "loop.output") return;
    if (context.json) context.print(event.data);
    else transcript.chunk(event.data.id, event.data.text);
  };
  const follow = await Follow.start(client, {
    id: loop.id,
    from: "now",
    onEvent,
    // Output is not numbered: what was said while nobody listened is read from the record.
    onReturn: async () => {
      if (!context.json) for (const id of transcript.ids) await readStored(id);
    },
  });
  try {
    if (!context.json) await readStored(loop.id);
    await follow.until(() => hasEnded(follow.loop));
  } finally {
    follow.close();
    if (!context.json) transcript.flush();
  }
  return exitCodeOfRun(follow.loop, false);
}
