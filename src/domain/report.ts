// What happened in a project since somebody last looked.
import * as z from "zod/mini";
import type { IterationRecord } from "./evidence.ts";
import { Failure, RunState } from "./loop.ts";
import type { Run } from "./run.ts";

export const ReportedRun = z.object({
  /** The root loop. */
  id: z.string(),
  title: z.string(),
  project: z.string(),
  run_state: z.nullable(RunState),
  branch: z.nullable(z.string()),
  target: z.string(),
  /** What it was merged as. */
  commit: z.nullable(z.string()),
  undone_commit: z.nullable(z.string()),
  waiting_for: z.nullable(z.string()),
  /** Tests that it changed, allowed by a plan which nobody has read; absent: none. */
  unread: z.optional(z.array(z.string())),
  failure: z.nullable(Failure),
  /** When it came to its end, where it has ended and that is on record; else its last change. */
  updated_at: z.number(),
  /** In the time that is reported on, to the turn of a model; a report's warnings say where it is not exact. */
  cost_usd: z.number(),
});
export type ReportedRun = z.infer<typeof ReportedRun>;

export const Report = z.object({
  /** Milliseconds since 1970; 0: from the beginning. */
  since: z.number(),
  until: z.number(),
  merged: z.array(ReportedRun),
  undone: z.array(ReportedRun),
  /** Everything that waits for a person now, whenever it began to. */
  waiting: z.array(ReportedRun),
  failed: z.array(ReportedRun),
  cancelled: z.array(ReportedRun),
  running: z.array(ReportedRun),
  cost_usd: z.number(),
  /** The one thing to do next; null: nothing. */
  next: z.nullable(z.object({ id: z.string(), command: z.string(), why: z.string() })),
  /** What the report could not take into account, as sentences; absent: nothing. */
  warnings: z.optional(z.array(z.string())),
});
export type Report = z.infer<typeof Report>;

/** The last look at a project: when, which runs it told as ended, by how they had, and what each had cost by then. */
export const Look = z.object({
  at: z.number(),
  told: z.record(z.string(), z.string()),
  costs: z._default(z.record(z.string(), z.number()), {}),
});
export type Look = z.infer<typeof Look>;

type Section = "merged" | "undone" | "waiting" | "failed" | "cancelled" | "running";

/**
 * Sorts the runs of a project into a report. What ended before `since` is left out, and what was told as ended
 * already: cleaning up may change its record once more.
 */
export function reportOf(
  runs: readonly ReportedRun[],
  since: number,
  until: number,
  told: Look["told"] = {},
): Report {
  const report: Report = {
    since,
    until,
    merged: [],
    undone: [],
    waiting: [],
    failed: [],
    cancelled: [],
    running: [],
    cost_usd: total(runs),
    next: null,
  };
  for (const run of runs.toSorted((a, b) => a.updated_at - b.updated_at)) {
    const section = sectionOf(run);
    const lasts = section === "waiting" || section === "running";
    if (lasts || (run.updated_at > since && told[run.id] !== section)) report[section].push(run);
  }
  return { ...report, next: nextAction(report) };
}

/** What the next look need not be told again. */
export function toldOf(runs: readonly ReportedRun[]): Look["told"] {
  return Object.fromEntries(runs.map((run) => [run.id, sectionOf(run)]));
}

/** The cost since a moment: an iteration that was under way then has cost a part of it before. */
export function costSince(
  run: Pick<Run, "id" | "cost_usd">,
  iterations: readonly IterationRecord[],
  since: number,
  costsThen: Look["costs"],
): number {
  const before =
    costsThen[run.id] ??
    iterations
      .filter((one) => one.copied_from === undefined && one.ended_at !== null && one.ended_at <= since)
      .reduce((sum, { cost_usd, judgements }) => sum + cost_usd + total(judgements ?? []), 0);
  return Math.max(0, run.cost_usd - before);
}

function total(costs: readonly { cost_usd: number }[]): number {
  return costs.reduce((sum, { cost_usd }) => sum + cost_usd, 0);
}

function sectionOf(run: ReportedRun): Section {
  switch (run.run_state) {
    case "merged":
      return run.undone_commit === null ? "merged" : "undone";
    case "failed":
    case "stalled":
      return "failed";
    case "cancelled":
      return "cancelled";
    case "awaiting_approval":
    case "paused":
      return "waiting";
    case "verified":
      return run.waiting_for === null && run.failure === null ? "running" : "waiting";
    default:
      return "running";
  }
}

/** What holds work up comes first: a gate, a merge, what is paused; then what failed. */
function nextAction({ waiting, failed }: Report): Report["next"] {
  const at = (state: string) => waiting.find(({ run_state }) => run_state === state);
  const gate = at("awaiting_approval");
  if (gate) return action(gate, `loopr status ${gate.id}`, "its plan waits for you to approve or reject it");
  const verified = at("verified");
  if (verified) {
    // What stood in the way of the merge is the reason; mended, the same command does it.
    const why = verified.failure?.message ?? "every check has passed, it waits to be merged";
    return action(verified, `loopr merge ${verified.id}`, why);
  }
  const paused = at("paused");
  if (paused) {
    // A bound is raised first; that says how to go on.
    const verb = paused.waiting_for === "budget" ? "status" : "resume";
    return action(paused, `loopr ${verb} ${paused.id}`, paused.failure?.message ?? "it is paused");
  }
  const last = failed.at(-1);
  if (last) return action(last, `loopr status ${last.id} -d`, last.failure?.message ?? "it failed");
  return null;
}

function action(run: ReportedRun, command: string, why: string): Report["next"] {
  return { id: run.id, command, why };
}
