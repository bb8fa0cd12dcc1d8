// loopr daemon status: what the daemon is doing, or why it does not, and what it has left.
import { credentialsFrom } from "../client/credentials.ts";
import { crashLogPath, logPath, tailOf } from "../client/log-files.ts";
import { lastCrash, remainsOf, type Crash, type Remains } from "../client/post-mortem.ts";
import { provenDaemon } from "../client/holder.ts";
import { probeDaemon, type Probe } from "../client/probe.ts";
import { isListening, whatItWaitsOn } from "../client/waiting.ts";
import { LooprError } from "../lib/errors.ts";
import { defaultDataDir, defaultPidPath, defaultSocketPath } from "../lib/paths.ts";
import { plainLine } from "../lib/plain.ts";
import type { Result } from "../protocol/methods.ts";
import { exitCodes } from "./context.ts";
import { logLine } from "./daemon-log.ts";
import { fit, indent, styleOf, type Style } from "./format.ts";
import type { Action } from "./grammar.ts";

const statusTimeoutMs = 2_000;
/** Of a log, where they explain a state. */
const linesShown = 5;

export const daemonStatus: Action = async (context) => {
  const env = process.env;
  const probe = await probeDaemon({ env, name: "cli", credentials: credentialsFrom(env) });
  const report = await reportOf(probe);
  if (context.json) context.print(report);
  else context.say(describe(report, styleOf(context)));
  return exitCodesOf[report.state];
};

type State = "running" | "stopped" | "crashed" | "stale" | "unresponsive";

const exitCodesOf: Readonly<Record<State, number>> = {
  running: exitCodes.done,
  stopped: exitCodes.notRunning,
  crashed: exitCodes.notRunning,
  stale: exitCodes.notRunning,
  unresponsive: exitCodes.unresponsive,
};

/** With --json. What is not known, or does not apply, is null. */
interface Report {
  state: State;
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
  /** Why it does not answer. */
  waits_on: string | null;
  /** Why it lets nobody in, so that its figures are not known. */
  busy: string | null;
  /** The crash that it ended with, or that the daemon before it ended with. */
  crash: (Crash & { at: string }) | null;
  /** Files of a daemon that is no more. */
  stale: { why: string; files: string[] } | null;
  /** Why a start would be refused, with what to do about it. */
  start_problem: string | null;
}

async function reportOf(probe: Probe): Promise<Report> {
  const places = {
    dataDir: defaultDataDir(),
    socketPath: defaultSocketPath(),
    pidPath: defaultPidPath(),
  };
  const report: Report = {
    state: "stopped",
    pid: null,
    version: null,
    build: null,
    uptime_ms: null,
    loops: null,
    clients: null,
    memory_bytes: null,
    llm_ready: null,
    home: places.dataDir,
    socket: places.socketPath,
    pid_file: places.pidPath,
    log: logPath(places.dataDir),
    waits_on: null,
    busy: null,
    crash: dated(lastCrash(places.dataDir)),
    stale: null,
    start_problem: null,
  };
  if (probe.kind === "stopped")
    return { ...report, ...ended(remainsOf(places)), start_problem: await startProblem() };
  if (probe.kind === "unresponsive") return { ...report, ...silent(probe, places.dataDir) };
  if (probe.kind === "busy") return { ...report, ...busy(probe) };
  const status = await statusOf(probe);
  const { pid, version, build } = probe.server;
  if (status === null) {
    const socket = probe.path;
    return { ...report, state: "unresponsive", pid, version, build, socket, waits_on: whatItWaitsOn(pid) };
  }
  const { running: _, ...figures } = status;
  return { ...report, state: "running", ...figures, socket: probe.path };
}

async function startProblem(): Promise<string | null> {
  const { checkHome } = await import("./doctor/home.ts");
  const problems = checkHome(process.env).filter(({ status }) => status === "fail");
  return problems.length === 0
    ? null
    : problems.map(({ detail, remedy }) => (remedy ? `${detail}\n→ ${remedy}` : detail)).join("\n");
}

function ended(remains: Remains): Partial<Report> {
  switch (remains.kind) {
    case "none":
      return {};
    case "crashed": {
      const why = "their daemon crashed";
      return { state: "crashed", crash: dated(remains.crash), stale: { why, files: remains.files } };
    }
    case "stale":
      return { state: "stale", stale: { why: remains.why, files: remains.files } };
  }
}

function silent(
  { identity, listens, why }: Extract<Probe, { kind: "unresponsive" }>,
  dataDir: string,
): Partial<Report> {
  const { version = null, build = null, socket } = identity ?? {};
  const pid = (identity ?? provenDaemon(dataDir))?.pid ?? null;
  const known = pid === null ? null : whatItWaitsOn(pid);
  const between =
    pid !== null && isListening(pid)
      ? "its next look at itself, every 5 s: its socket is gone, and it publishes it again"
      : "its start or its end: it holds its lock and does not listen";
  return {
    state: "unresponsive",
    pid,
    version,
    build,
    waits_on: why ?? known ?? (listens ? null : between),
    ...(socket === undefined ? {} : { socket }),
  };
}

function busy({ identity, why }: Extract<Probe, { kind: "busy" }>): Partial<Report> {
  if (identity === null) return { state: "running", busy: why };
  const { pid, version, build, socket } = identity;
  return { state: "running", pid, version, build, socket, busy: why };
}

function dated(crash: Crash | null): Report["crash"] {
  return crash && { at: new Date(crash.last_seen).toISOString(), ...crash };
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

const stateNames: Readonly<Record<State, string>> = {
  running: "running",
  stopped: "stopped",
  crashed: "crashed",
  stale: "stopped, with stale files",
  unresponsive: "not responding",
};

function describe(report: Report, style: Style): string {
  const { pid, version, uptime_ms, loops, memory_bytes, llm_ready, crash, stale } = report;
  const lines: [string, string | number | null][] = [
    ["daemon", stateNames[report.state] + (pid === null ? "" : ` (PID ${pid})`)],
    ["waits on", report.waits_on],
    ["full", report.busy],
    ["version", version === null ? null : plainLine(`${version} (${report.build ?? "?"})`)],
    ["uptime", uptime_ms === null ? null : duration(uptime_ms)],
    ["loops", loops === null ? null : plainLine(counts(loops))],
    ["clients", report.clients],
    ["memory", memory_bytes === null ? null : `${Math.round(memory_bytes / 1024 / 1024)} MB`],
    ["model", llm_ready === null ? null : llm_ready ? "ready" : "no key"],
    ["home", report.home],
    ["socket", report.socket],
    ["PID file", report.pid_file],
    ["log", report.log],
    ["no start", report.start_problem],
    ["stale", stale && [`${stale.why}; the next start replaces them`, ...stale.files].join("\n")],
    ["crash", crash && crashText(crash, report, style)],
    ["log ends", lastLog(report, style)],
  ];
  return lines
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => name.padEnd(nameColumns) + indent(String(value), margin).trimStart())
    .join("\n");
}

const nameColumns = 10;
const margin = " ".repeat(nameColumns);

function crashText(crash: Crash, { state, home }: Report, style: Style): string {
  const when = localTime(crash.last_seen);
  const who = `PID ${crash.pid}, version ${crash.version}`;
  const last = state === "crashed" ? `last alive ${when} (${who})` : `the daemon before, ${when} (${who})`;
  if (crash.stderr.length === 0) return `${last}; it left no word on stderr`;
  const words = crash.stderr.slice(-linesShown).map((line) => fit(style, plainLine(line), nameColumns + 2));
  const path = crashLogPath(home) + (state === "crashed" ? "" : ".1");
  return [`${last}; its stderr, ${path}, ends with`, ...words.map((line) => `  ${line}`)].join("\n");
}

/** The log's last lines where something is wrong. */
function lastLog({ state, log, crash }: Report, style: Style): string | null {
  if (state !== "crashed" && state !== "unresponsive") return null;
  const lines = state === "crashed" ? (crash?.log ?? []) : tailOf(log, linesShown);
  const shown = lines.filter((line) => line !== "").slice(-linesShown);
  return shown.map((line) => logLine(style, line)).join("\n");
}

function localTime(ms: number): string {
  return new Date(ms).toLocaleString("sv-SE", { timeZoneName: "short" });
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
