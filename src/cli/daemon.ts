// loopr daemon start | stop | status | restart
import { probeDaemon, type Probe } from "../client/probe.ts";
import { credentialsFrom } from "../client/credentials.ts";
import { establish } from "../client/establish.ts";
import { logPath } from "../client/log-files.ts";
import { stopDaemon, type Stopped } from "../client/stop.ts";
import { LooprError } from "../lib/errors.ts";
import { defaultDataDir, defaultPidPath, defaultSocketPath } from "../lib/paths.ts";
import type { Result } from "../protocol/methods.ts";
import { exitCodes, type CliContext } from "./context.ts";
import type { Action, Roles } from "./program.ts";

const statusTimeoutMs = 2_000;

export function daemonStart(roles: Roles): Action {
  return async (context, _args, options) => {
    if (options["foreground"] === true) {
      return roles.runDaemon({ readinessFd: readinessFdOf(options["readinessFd"]) });
    }
    await start(context);
    return exitCodes.done;
  };
}

export const daemonStop: Action = async (context) => {
  const stopped = await stop(context);
  if (stopped.kind === "not_running") context.say("The daemon is not running.");
  else context.say(`The daemon${pidOf(stopped.pid)} has stopped.`);
  if (context.json) context.print({ state: "stopped", pid: null, stopped: stopped.kind === "stopped" });
  return exitCodes.done;
};

export const daemonRestart: Action = async (context) => {
  const stopped = await stop(context);
  if (stopped.kind === "stopped") context.say(`The daemon${pidOf(stopped.pid)} has stopped.`);
  await start(context);
  return exitCodes.done;
};

export const daemonStatus: Action = async (context) => {
  const probe = await probeDaemon(dialOptions());
  const report = await reportOf(probe);
  if (context.json) context.print(report);
  else context.say(describe(report));
  if (report.state === "running") return exitCodes.done;
  return report.state === "stopped" ? exitCodes.notRunning : exitCodes.unresponsive;
};

async function start(context: CliContext): Promise<void> {
  const { connection, server, started } = await establish({
    ...dialOptions(),
    autoStart: true,
    onProgress: (text) => context.note(text),
  });
  connection.close();
  const { pid, version } = server;
  context.say(
    started ? `The daemon is running (PID ${pid}).` : `The daemon is already running (PID ${pid}).`,
  );
  if (context.json) {
    context.print({ state: "running", started, pid, version, build: server.build, home: server.home });
  }
}

function stop(context: CliContext): Promise<Stopped> {
  return stopDaemon({ ...dialOptions(), onProgress: (text) => context.note(text) });
}

function dialOptions() {
  return { env: process.env, name: "cli", credentials: credentialsFrom(process.env) };
}

function readinessFdOf(option: unknown): number | null {
  if (option === undefined) return null;
  const fd = Number(option);
  if (Number.isInteger(fd) && fd > 2) return fd;
  throw new LooprError("usage", "--readiness-fd wants the number of an inherited descriptor over 2");
}

interface Report {
  state: "running" | "stopped" | "unresponsive";
  pid: number | null;
  version: string | null;
  build: string | null;
  uptime_ms: number | null;
  loops: Record<string, number> | null;
  clients: number | null;
  memory_bytes: number | null;
  llm_ready: boolean | null;
  home: string;
  socket: string;
  pid_file: string;
  log: string;
}

async function reportOf(probe: Probe): Promise<Report> {
  const dataDir = defaultDataDir();
  const report: Report = {
    state: probe.kind === "stopped" ? "stopped" : "unresponsive",
    pid: null,
    version: null,
    build: null,
    uptime_ms: null,
    loops: null,
    clients: null,
    memory_bytes: null,
    llm_ready: null,
    home: dataDir,
    socket: defaultSocketPath(),
    pid_file: defaultPidPath(),
    log: logPath(dataDir),
  };
  if (probe.kind === "stopped") return report;
  if (probe.kind === "unresponsive") {
    const { pid = null, version = null, build = null } = probe.identity ?? {};
    return { ...report, pid, version, build };
  }
  const status = await statusOf(probe);
  if (status === null) return { ...report, pid: probe.server.pid, version: probe.server.version };
  const { running: _, ...figures } = status;
  return { ...report, state: "running", ...figures };
}

/** Null: it shook hands, and then went silent. */
async function statusOf({
  connection,
}: Extract<Probe, { kind: "connected" }>): Promise<Result<"status"> | null> {
  try {
    return await connection.call("status", {}, statusTimeoutMs);
  } catch (error) {
    if (error instanceof LooprError) return null;
    throw error;
  } finally {
    connection.close();
  }
}

function describe(report: Report): string {
  const lines: [string, string | number | null][] = [
    ["daemon", report.state + pidOf(report.pid)],
    ["version", report.version === null ? null : `${report.version} (${report.build ?? "?"})`],
    ["uptime", report.uptime_ms === null ? null : duration(report.uptime_ms)],
    ["loops", report.loops === null ? null : counts(report.loops)],
    ["clients", report.clients],
    ["memory", report.memory_bytes === null ? null : `${Math.round(report.memory_bytes / 1024 / 1024)} MB`],
    ["model", report.llm_ready === null ? null : report.llm_ready ? "ready" : "no key"],
    ["home", report.home],
    ["socket", report.socket],
    ["PID file", report.pid_file],
    ["log", report.log],
  ];
  const shown = lines.filter(([, value]) => value !== null);
  return shown.map(([name, value]) => `${name.padEnd(9)}${value}`).join("\n");
}

function pidOf(pid: number | null): string {
  return pid === null ? "" : ` (PID ${pid})`;
}

function counts(loops: Record<string, number>): string {
  const some = Object.entries(loops).filter(([, count]) => count > 0);
  return some.length === 0 ? "none" : some.map(([status, count]) => `${count} ${status}`).join(", ");
}

function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3_600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  if (minutes > 0) return `${minutes} min ${seconds % 60} s`;
  return `${seconds} s`;
}
