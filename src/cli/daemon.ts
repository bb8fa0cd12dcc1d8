// loopr daemon start | stop | restart
import { credentialsFrom } from "../client/credentials.ts";
import { liveIdentity } from "../client/holder.ts";
import { stopDaemon, type Stopped } from "../client/stop.ts";
import { establishNewest } from "../client/upgrade.ts";
import { LooprError } from "../lib/errors.ts";
import { defaultDataDir } from "../lib/paths.ts";
import { build, version } from "../lib/version.ts";
import { exitCodes, reportError, type CliContext } from "./context.ts";
import type { Action, Roles } from "./grammar.ts";

export function daemonStart(roles: Roles): Action {
  return async (context, _args, options) => {
    if (options["foreground"] === true) return startHere(context, roles);
    await start(context);
    return exitCodes.done;
  };
}

export const daemonStop: Action = async (context) => {
  const stopped = await stop(context).catch((error: unknown) => {
    // There was nothing of ours to stop: not the same as a daemon that cannot be reached.
    if (error instanceof LooprError && error.code === "socket_taken") reportError(context, error);
    else throw error;
  });
  if (!stopped) return exitCodes.failed;
  if (stopped.kind === "not_running") context.say("The daemon is not running.");
  else context.say(`The daemon${pidOf(stopped.pid)} has stopped.`);
  if (context.json) context.print({ state: "stopped", pid: null, stopped: stopped.kind === "stopped" });
  return exitCodes.done;
};

export const daemonRestart: Action = async (context, _args, options) => {
  if (options["whenIdle"] === true) await drain(context);
  const stopped = await stop(context);
  if (stopped.kind === "stopped") context.say(`The daemon${pidOf(stopped.pid)} has stopped.`);
  await start(context);
  return exitCodes.done;
};

async function start(context: CliContext): Promise<void> {
  const established = await establishNewest({
    ...dialOptions(),
    autoStart: true,
    onProgress: (text) => context.note(text),
  }).catch((error: unknown) => {
    if (!(error instanceof LooprError) || error.code !== "daemon_busy") throw error;
    return runsAndIsFull(context, error);
  });
  if (established === null) return;
  const { connection, server, started } = established;
  connection.close();
  const { pid } = server;
  context.say(
    started ? `The daemon is running (PID ${pid}).` : `The daemon is already running (PID ${pid}).`,
  );
  if (context.json) {
    context.print({
      state: "running",
      started,
      pid,
      version: server.version,
      build: server.build,
      home: server.home,
    });
  }
}

/** That was asked for: it runs. Whom it lets in is another question, which other commands answer. */
function runsAndIsFull(context: CliContext, error: LooprError): null {
  const home = defaultDataDir();
  const identity = liveIdentity(home);
  if (identity === null) throw error;
  const { pid, version: itsVersion, build: itsBuild } = identity;
  context.say(`The daemon is already running (PID ${pid}).`);
  context.note(error.message);
  if (context.json)
    context.print({ state: "running", started: false, pid, version: itsVersion, build: itsBuild, home });
  return null;
}

/** In this process, until it is stopped. With --json a line when it is ready, and one where it has failed. */
async function startHere(context: CliContext, roles: Roles): Promise<number> {
  let wasReady = false;
  try {
    await roles.runDaemon(({ pid }) => {
      wasReady = true;
      const home = defaultDataDir();
      if (context.json) context.print({ state: "running", started: true, pid, version, build, home });
    });
    return exitCodes.done;
  } catch (error) {
    const code = reportError(context, error);
    const isTaken = error instanceof LooprError && error.code === "already_running";
    return wasReady || isTaken ? code : exitCodes.unresponsive;
  }
}

async function drain(context: CliContext): Promise<void> {
  const interrupt = new AbortController();
  const onInterrupt = () => interrupt.abort();
  process.on("SIGINT", onInterrupt);
  try {
    const { drainDaemon } = await import("../client/drain.ts");
    await drainDaemon(stopOptions(context), interrupt.signal);
  } finally {
    process.off("SIGINT", onInterrupt);
  }
}

function stop(context: CliContext): Promise<Stopped> {
  return stopDaemon(stopOptions(context));
}

function stopOptions(context: CliContext) {
  return { ...dialOptions(), onProgress: (text: string) => context.note(text) };
}

function dialOptions() {
  return { env: process.env, name: "cli", credentials: credentialsFrom(process.env) };
}

function pidOf(pid: number | null): string {
  return pid === null ? "" : ` (PID ${pid})`;
}
