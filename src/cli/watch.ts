// loopr watch: live events as readable lines, or as JSON lines. With an id it ends with that loop's run.
import { deferred } from "../lib/deferred.ts";
import { LooprError } from "../lib/errors.ts";
import type { Loop } from "../domain/loop.ts";
import type { CliContext } from "./context.ts";
import { Follow } from "./follow.ts";
import { styleOf } from "./format.ts";
import { parseEvent } from "./known-event.ts";
import { Narrator } from "./narrate.ts";
import { exitCodeOfRun, hasEnded, readOutcome } from "./outcome.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { resolveLoop, shortener } from "./resolve.ts";
import { showOutcome } from "./conclude.ts";
import { createScreen } from "./screen.ts";
import { again, withSession, type Session } from "./session.ts";
import type { EventMessage } from "../protocol/messages.ts";

export async function watch(
  context: CliContext,
  args: string[],
  _typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const [typed] = args;
  return withSession(context, ports, { reconnect: true }, (session) => {
    session.isStream = true;
    return typed === undefined ? watchAll(context, ports, session) : watchOne(context, ports, session, typed);
  });
}

/** How the stream itself is kept alive is of no interest to who reads it. */
function isMechanics(message: EventMessage): boolean {
  return message.event === "stream.heartbeat";
}

async function watchAll(context: CliContext, ports: CliPorts, { client }: Session): Promise<number> {
  const gone = deferred<never>();
  const { loops } = await client.call("loop.list", {});
  const known = loops.map(({ id }) => ({ id }));
  let short = shortener(known);
  const style = styleOf(context, ports.env);
  const narrator = new Narrator({
    style,
    short: (id) => short(id),
    now: ports.now,
    output: true,
    progress: true,
  });
  for (const loop of loops) narrator.learn(loop);
  client.onEvent((message) => {
    if (isMechanics(message)) return;
    if (context.json) context.print(message);
    const event = parseEvent(message);
    if (!event) return;
    if (event.event === "loop.created") {
      known.push({ id: event.data.id });
      short = shortener(known);
    }
    if (!context.json) for (const line of narrator.tell(event)) context.say(line);
  });
  client.onState((state) => {
    if (state === "closed") gone.reject(connectionGone());
  });
  await again(client, () => client.subscribe());
  if (!context.json) context.note(`Watching ${loops.length} loops; Ctrl-C leaves.`);
  return gone.promise;
}

function connectionGone(): LooprError {
  return new LooprError("connection_lost", "the connection to the daemon is lost", "loopr watch");
}

async function watchOne(
  context: CliContext,
  ports: CliPorts,
  session: Session,
  typed: string,
): Promise<number> {
  const { client } = session;
  const style = styleOf(context, ports.env);
  const { loop: found, loops, short } = await resolveLoop(client, typed, style, context);
  session.comeBack = `loopr watch ${short(found.id)}`;
  const screen = createScreen(context, style, ports.now, context.json ? null : undefined);
  session.tell = (text) => screen.note(text);
  const narrator = new Narrator({ style, short, now: ports.now, output: true, progress: true });
  for (const loop of loops) narrator.learn(loop);
  // As events, how it stands comes first: of what has ended already there will be no other.
  let shownVersion = -1;
  const present = (loop: Loop) => {
    if (!context.json || loop.version <= shownVersion) return;
    shownVersion = loop.version;
    context.print({ event: "loop.updated", data: loop });
  };
  present(found);
  const follow = await Follow.start(client, {
    id: found.id,
    from: "now",
    onMessage: (message) => {
      if (context.json && !isMechanics(message)) context.print(message);
    },
    onEvent: (event) => {
      if (event.event === "loop.updated" && event.data.id === found.id) shownVersion = event.data.version;
      if (!context.json) for (const line of narrator.tell(event)) screen.line(line);
    },
  });
  try {
    present(follow.loop);
    if (!context.json) for (const line of narrator.describe(follow.loop)) screen.line(line);
    await follow.until(() => hasEnded(follow.loop));
  } finally {
    follow.close();
    screen.close();
  }
  return ended(context, ports, session, follow, short);
}

async function ended(
  context: CliContext,
  ports: CliPorts,
  { client }: Session,
  follow: Follow,
  short: (id: string) => string,
): Promise<number> {
  const { loop } = follow;
  if (context.json || loop.parent_id !== null) return exitCodeOfRun(loop, false);
  const outcome = await readOutcome(client, loop.id, follow);
  return showOutcome(context, ports, outcome, {
    short,
    mayStayUnmerged: false,
    warnings: [],
  });
}
