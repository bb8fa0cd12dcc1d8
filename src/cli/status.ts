// loopr status: one loop as it stands, with -d every iteration and the evidence of its checks.
import type { Client } from "../client/types.ts";
import type { Evidence, IterationRecord } from "../domain/evidence.ts";
import type { Loop } from "../domain/loop.ts";
import { typeNameOf } from "../domain/loop-states.ts";
import { plain, plainLine } from "../lib/plain.ts";
import { boundLines } from "./bounds.ts";
import { exitCodes, type CliContext } from "./context.ts";
import {
  age,
  head,
  icon,
  indent,
  money,
  paint,
  shortCommit,
  shownState,
  stateName,
  styleOf,
  titleOf,
  versionText,
  type Style,
} from "./format.ts";
import { evidenceLines, iterationLine, judgeLine } from "./iteration-lines.ts";
import { count, failureLines, waitingText } from "./narrate.ts";
import { hasEnded } from "./outcome.ts";
import { createPorts, type CliPorts } from "./ports.ts";
import { resolveLoop } from "./resolve.ts";
import { withSession } from "./session.ts";
import { costWithDescendants, treeLines } from "./tree.ts";

const feedbackLinesMax = 12;

export async function status(
  context: CliContext,
  args: string[],
  typed: Record<string, unknown>,
  ports: CliPorts = createPorts(),
): Promise<number> {
  const detail = typed["detail"] === true;
  return withSession(context, ports, {}, async ({ client }) => {
    const style = styleOf(context, ports.env);
    const resolved = await resolveLoop(client, args[0] ?? "", style, context);
    const { loop } = await client.call("loop.get", { id: resolved.loop.id });
    if (context.json) {
      context.print(detail ? { ...loop, ...(await recordsOf(client, loop.id)) } : loop);
      return exitCodes.done;
    }
    const below = resolved.loops.filter(({ id }) => id.startsWith(`${loop.id}-`));
    const family = [loop, ...below.toSorted((a, b) => (a.id < b.id ? -1 : 1))];
    const records: Records[] = [];
    for (const { id } of family) records.push(await recordsOf(client, id));
    const view = { style, short: resolved.short, nowMs: ports.now() };
    const lines = [
      ...overview(loop, family, records, view, {
        bounds: boundLines(loop.bounds ?? [], loop, resolved.short),
        mayChange: loop.may_change ?? [],
        commit: loop.commit ?? null,
      }),
      ...(detail ? family.flatMap((one, index) => iterationLines(one, records[index], view)) : []),
      ...(await planLines(client, loop, view)),
    ];
    for (const line of lines) context.say(line);
    return exitCodes.done;
  });
}

interface Records {
  iteration_records: IterationRecord[];
  evidence: Evidence[];
}

interface View {
  style: Style;
  short: (id: string) => string;
  nowMs: number;
}

async function recordsOf(client: Client, id: string): Promise<Records> {
  const { iterations, evidence } = await client.call("loop.iterations", { id });
  return { iteration_records: iterations, evidence };
}

/** What the daemon tells of a loop beside its record. */
interface Facts {
  bounds: readonly string[];
  mayChange: readonly string[];
  commit: string | null;
}

function overview(
  loop: Loop,
  family: readonly Loop[],
  records: readonly Records[],
  view: View,
  { bounds, mayChange, commit }: Facts,
): string[] {
  const { style, short, nowMs } = view;
  const state = shownState(loop);
  const waiting = waitingText(loop) || (hasEnded(loop) ? "" : plainLine(loop.progress));
  const checks = records.flatMap(({ evidence }) => evidence.flatMap((one) => one.checks));
  const last = loop.context.feedback.at(-1);
  const children = family.slice(1);
  const may = new Set([...mayChange, ...children.flatMap(({ context }) => context.may_change)]);
  return [
    `${icon(style, state)} ${paint(style, "bold", titleOf(loop))}`,
    field("id", `${short(loop.id)} (${loop.id})`),
    field("type", typeOfLoop(loop)),
    field("state", stateName(state) + (waiting ? `: ${waiting}` : "")),
    ...(loop.failure ? failureLines(loop.failure, short).map((line) => field("", line)) : []),
    ...(loop.context.replay_of
      ? [
          field(
            "replay",
            `of ${short(loop.context.replay_of.id)} from iteration ${loop.context.replay_of.from}`,
          ),
        ]
      : []),
    ...(loop.undone_commit ? [field("undone", `by ${shortCommit(loop.undone_commit)}`)] : []),
    ...(commit === null ? [] : [field("commit", shortCommit(commit))]),
    field("iterations", `${loop.iteration} of at most ${loop.max_iterations}`),
    ...bounds.map((line, index) => field(index === 0 ? "bounds" : "", line)),
    field("cost", costText(family)),
    ...(loop.branch ? [field("branch", plainLine(loop.branch))] : []),
    field("project", plainLine(loop.project)),
    ...(loop.validation_command ? [field("check", plainLine(loop.validation_command))] : [noCheck(style)]),
    ...(may.size > 0
      ? [field("may change", `${[...may].map(plainLine).join(", ")} (protected otherwise)`)]
      : []),
    ...(checks.some(({ sandboxed }) => !sandboxed)
      ? [field("sandbox", paint(style, "yellow", "UNSANDBOXED"))]
      : []),
    field("created", `${age(nowMs - loop.created_at)} ago, changed ${age(nowMs - loop.updated_at)} ago`),
    ...(last
      ? [field("feedback", `of iteration ${last.iteration} (${plainLine(last.layer)})`), feedback(last.text)]
      : []),
    ...(children.length
      ? [
          "",
          `${count(children.length, "descendant")}:`,
          ...treeLines(children, { ...view, costOf: (loop) => costWithDescendants(loop, children) }),
        ]
      : []),
  ];
}

function noCheck(style: Style): string {
  return field("check", paint(style, "yellow", "none: the result is UNVERIFIED"));
}

function costText(family: readonly Loop[]): string {
  const sum = (of: (loop: Loop) => number) => family.reduce((total, loop) => total + of(loop), 0);
  const tokens = `${sum((loop) => loop.tokens_in)} tokens in, ${sum((loop) => loop.tokens_out)} out`;
  return `${money(sum((loop) => loop.cost_usd))} (${tokens})`;
}

function feedback(text: string): string {
  return indent(head(plain(text).trim(), feedbackLinesMax), "      ");
}

/** Every iteration with its verdict, each followed by the checks that the daemon ran for it. */
function iterationLines(loop: Loop, records: Records | undefined, view: View): string[] {
  const { style, short } = view;
  if (!records || records.iteration_records.length + records.evidence.length === 0) return [];
  const lines = ["", paint(style, "bold", `Iterations of ${short(loop.id)}`)];
  // What was cut off without a record of it ended with the loop's last change.
  const endMs = loop.status === "running" ? view.nowMs : loop.updated_at;
  const shown = new Set<Evidence>();
  const checksOf = (chosen: readonly Evidence[]) =>
    chosen.flatMap((evidence) => {
      shown.add(evidence);
      return evidenceLines(evidence, style, short);
    });
  lines.push(...checksOf(records.evidence.filter(({ stage }) => stage === "baseline")));
  for (const record of records.iteration_records) {
    lines.push(iterationLine(record, style, endMs, short));
    if (record.feedback && record.outcome !== "passed") lines.push(feedback(record.feedback));
    for (const judgement of record.judgements ?? []) lines.push(judgeLine(judgement, style));
    const own = records.evidence.filter((one) => one.iteration === record.iteration && one.stage !== "final");
    lines.push(...checksOf(own.filter((one) => !shown.has(one))));
  }
  lines.push(...checksOf(records.evidence.filter((one) => !shown.has(one))));
  return lines;
}

function typeOfLoop(loop: Loop): string {
  const name = typeNameOf(loop);
  return name === loop.loop_type ? name : `${name} (${loop.loop_type})`;
}

/** The plan itself while it waits: whoever decides has to see it. */
async function planLines(client: Client, loop: Loop, { short, nowMs }: View): Promise<string[]> {
  if (loop.status !== "awaiting_approval") return [];
  const { content, plan } = await client.call("plan.get_preview", { id: loop.id });
  const id = short(loop.id);
  return [
    "",
    plain(content).trimEnd(),
    "",
    ...(plan ? [`(${versionText(plan, nowMs)})`] : []),
    `loopr approve ${id}, ${plan ? `loopr edit ${id}, ` : ""}loopr iterate ${id} -m FEEDBACK, or loopr reject ${id}`,
  ];
}

function field(name: string, value: string): string {
  return `  ${name.padEnd(10)}  ${value}`;
}
