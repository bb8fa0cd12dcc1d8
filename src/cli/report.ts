// loopr report: what happened since the last look, and the one thing to do next.
import type { Report, ReportedRun } from "../domain/report.ts";
import { plain, plainLine } from "../lib/plain.ts";
import { RpcError } from "../protocol/errors.ts";
import type { Client } from "../client/types.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { age, head, icon, indent, money, paint, shortCommit, styleOf, type Style } from "./format.ts";
import { count } from "./narrate.ts";
import { usage } from "./usage.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { shortener, withShortIds } from "./resolve.ts";
import { withSession } from "./session.ts";

const reasonLinesMax = 3;

export async function report(
  context: CliContext,
  _args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const since = typeof typed["since"] === "string" ? parseSince(typed["since"], ports.now()) : null;
  return withSession(context, ports, {}, async ({ client }) => {
    const found = await read(client, context.cwd, since);
    if (context.json) {
      context.print(found);
      return exitCodes.done;
    }
    const { loops } = await client.call("loop.list", {});
    const view = { style: styleOf(context, ports.env), short: shortener(loops), nowMs: ports.now() };
    for (const warning of found.warnings ?? [])
      context.note(`warning: ${withShortIds(plainLine(warning), view.short)}`);
    for (const line of reportLines(found, view)) context.say(line);
    return exitCodes.done;
  });
}

/** Outside of a repository it tells of all projects. */
async function read(client: Client, project: string, since: number | null): Promise<Report> {
  try {
    return await client.call("report.get", { project, since });
  } catch (error) {
    if (!(error instanceof RpcError) || error.reason !== "not_a_repository") throw error;
    return client.call("report.get", { since });
  }
}

const unitsMs: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** `90m`, `12h`, `3d`, `2w` ago, or a date as `2026-01-31` or `2026-01-31T18:00`. Throws LooprError `usage`. */
export function parseSince(text: string, nowMs: number): number {
  const [, figure = "", unit = ""] = /^(\d+)([mhdw])$/.exec(text.trim()) ?? [];
  const unitMs = unitsMs[unit];
  if (unitMs !== undefined) return nowMs - Number(figure) * unitMs;
  const isDate = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?)?$/.test(text.trim());
  // A date alone would be read as UTC; a person means their own midnight.
  const date = text.trim().replace(" ", "T");
  const at = isDate ? Date.parse(date.includes("T") ? date : `${date}T00:00`) : NaN;
  if (Number.isNaN(at)) {
    throw usage(`--since ${text} is no time`, "12h, 3d, 2w, 2026-01-31 or 2026-01-31T18:00");
  }
  return at;
}

interface View {
  style: Style;
  short: (id: string) => string;
  nowMs: number;
}

function reportLines(report: Report, view: View): string[] {
  const { style, short, nowMs } = view;
  const since = report.since === 0 ? "So far" : `Since ${age(nowMs - report.since)} ago`;
  const sections: [string, readonly ReportedRun[]][] = [
    ["waiting for you", report.waiting],
    ["failed", report.failed],
    ["merged", report.merged],
    ["undone", report.undone],
    ["cancelled", report.cancelled],
    ["running", report.running],
  ];
  const lines = [`${paint(style, "bold", since)}  cost ${money(report.cost_usd)}`];
  for (const [name, runs] of sections) {
    if (runs.length === 0) continue;
    lines.push("", `${count(runs.length, "run")} ${name}:`);
    for (const run of runs) lines.push(...runLines(run, view));
  }
  if (lines.length === 1) lines.push("", "Nothing has happened.");
  const { next } = report;
  // The id as it is typed, not as it is stored.
  const command = next ? next.command.replace(next.id, short(next.id)) : "";
  lines.push("", next ? `next: ${command}  (${plainLine(next.why)})` : "next: nothing waits for you");
  return lines;
}

function runLines(run: ReportedRun, { style, short, nowMs }: View): string[] {
  const onto = run.commit ? ` onto ${plainLine(run.target)} as ${shortCommit(run.commit)}` : "";
  const undone = run.undone_commit ? `, undone by ${shortCommit(run.undone_commit)}` : "";
  const mark = icon(style, run.run_state ?? "pending");
  const when = `${age(nowMs - run.updated_at)} ago`;
  const why = run.failure ? head(plain(run.failure.message).trim(), reasonLinesMax) : "";
  const unread = run.unread?.map(plainLine).join(", ") ?? "";
  return [
    `  ${mark} ${short(run.id)}  ${plainLine(run.title)}${onto}${undone}  ${paint(style, "dim", `${when}, ${money(run.cost_usd)}`)}`,
    ...(why === "" ? [] : [indent(why, "      ")]),
    ...(unread === "" ? [] : [`      changed tests, allowed by the plan, which nobody read: ${unread}`]),
    ...(why === "" && run.waiting_for !== null ? [`      waits for ${plainLine(run.waiting_for)}`] : []),
  ];
}
