// An iteration in lines: how it ended, what the judge said of it, which checks ran.
import type { Evidence, IterationRecord } from "../domain/evidence.ts";
import { changedWords } from "../domain/evidence-note.ts";
import { plainLine } from "../lib/plain.ts";
import { duration, icon, money, paint, shortCommit, type Paint, type Style } from "./format.ts";
import { judgeWord } from "../domain/loop-states.ts";
import { count } from "./narrate.ts";
import { checkLine } from "./summary.ts";

export function iterationLine(
  record: IterationRecord,
  style: Style,
  endMs: number,
  short: (id: string) => string,
): string {
  const looks: Readonly<Record<string, { paint: Paint; text: string }>> = {
    passed: { paint: "green", text: "passed" },
    failed: { paint: "red", text: "did not pass" },
    error: { paint: "red", text: "ended with an error" },
    interrupted: { paint: "yellow", text: "was interrupted" },
  };
  const look = looks[record.outcome ?? ""] ?? { paint: "blue" as const, text: "is running" };
  const pass = record.pass ? `${plainLine(record.pass)} ` : "";
  const layer = record.layer && record.outcome !== "passed" ? ` (${plainLine(record.layer)})` : "";
  const facts = [
    duration((record.ended_at ?? endMs) - record.started_at),
    count(record.turns, "turn"),
    count(record.tool_calls, "tool call"),
    money(record.cost_usd) + (record.copied_from ? `, paid for by ${short(record.copied_from)}` : ""),
    ...(record.model_retries ? [`${record.model_retries} model retries`] : []),
    ...(record.commit ? [`commit ${shortCommit(record.commit)}`] : []),
    ...(record.pruned_at ? ["its record was removed"] : []),
    ...(record.diffstat ? [plainLine(record.diffstat)] : []),
  ];
  return `  ${record.iteration}. ${pass}${paint(style, look.paint, look.text)}${layer}: ${facts.join(", ")}`;
}

/** Where it did not pass in the way of a gate, its reasons are the feedback above already. */
export function judgeLine(
  judgement: NonNullable<IterationRecord["judgements"]>[number],
  style: Style,
): string {
  const { pass, mode, model, error, reasons, cost_usd } = judgement;
  const mark = icon(style, pass === true ? "complete" : "failed");
  const why = error ?? (pass === false && mode === "gate" ? "" : reasons.join("; "));
  const how = `${mode === "shadow" ? ", in shadow" : ""}, ${money(cost_usd)}`;
  return `     ${mark} judge ${plainLine(model)} ${judgeWord(pass)}${how}${why ? `: ${plainLine(why)}` : ""}`;
}

export function evidenceLines(evidence: Evidence, style: Style, short: (id: string) => string): string[] {
  const { loop_id, iteration, stage, checks, protected_changed, reused } = evidence;
  const changed = protected_changed.map((path) => plainLine(changedWords(path, evidence)));
  if (reused) {
    const of = `the tree of iteration ${iteration}, whose check is not run again`;
    return [`     ${icon(style, "complete")} ${short(loop_id)} ${stage}: ${of}`];
  }
  return [
    ...checks.map(
      (check) =>
        `     ${checkLine(style, short(loop_id), { ...check, loop_id, iteration, stage })}, tree ${shortCommit(check.tree)}`,
    ),
    ...(changed.length ? [`     protected files changed: ${changed.join(", ")}`] : []),
  ];
}
