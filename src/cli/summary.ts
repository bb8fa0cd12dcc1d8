// The end of a run in words and as a document: outcome, branch, commit, the checks that ran, time, cost, what to do.
import { plain, plainLine } from "../lib/plain.ts";
import { changedWords } from "../domain/evidence-note.ts";
import type { LooprError } from "../lib/errors.ts";
import {
  duration,
  icon,
  money,
  paint,
  shortCommit,
  shownState,
  stateName,
  titleOf,
  type Style,
} from "./format.ts";
import { count } from "./narrate.ts";
import { branchWithWork, type Check, type Outcome } from "./outcome.ts";

const checksShownMax = 20;

export interface SummaryOptions {
  style: Style;
  short: (id: string) => string;
  warnings: readonly string[];
}

export function summaryLines(outcome: Outcome, options: SummaryOptions): string[] {
  const { style, short } = options;
  const { root } = outcome;
  const state = shownState(root);
  const branch = branchOf(outcome);
  const onto = outcome.target ? ` onto ${plainLine(outcome.target)}` : "";
  const waiting = outcome.waiting ? `: ${outcome.waiting}` : "";
  return [
    "",
    `${icon(style, state)} ${paint(style, "bold", `${stateName(state)}${onto}`)}${waiting}  ${short(root.id)}  ${titleOf(root)}`,
    ...labels(outcome).map((label) => `  ${paint(style, "yellow", label)}`),
    ...(branch ? [field("branch", plainLine(branch))] : []),
    ...(outcome.commit ? [field("commit", shortCommit(outcome.commit))] : []),
    ...checkLines(outcome.checks, options),
    ...(outcome.protectedChanged.length
      ? [
          field(
            "protected files changed",
            outcome.protectedChanged.map((path) => plainLine(changedWords(path, outcome))).join(", "),
          ),
        ]
      : []),
    field(
      "time",
      `${duration(outcome.tookMs)}, ${count(outcome.loops.length, "loop")}, ${count(outcome.iterations, "iteration")}`,
    ),
    field("cost", money(outcome.costUsd)),
    ...options.warnings.map((warning) => field("warning", plain(warning))),
  ];
}

/** A run that has ended without anything on its branch has none any more. */
function branchOf({ root, loops }: Outcome): string | null {
  const isGone = ["cancelled", "failed"].includes(shownState(root)) && !branchWithWork(loops, root.id);
  return isGone ? null : root.branch;
}

/** What nobody may overlook: results that are less than they look. */
function labels(outcome: Outcome): string[] {
  const done = ["verified", "merged"].includes(shownState(outcome.root));
  return [
    ...(done && !outcome.verified ? ["UNVERIFIED: validation was waived, no check has confirmed this"] : []),
    ...(outcome.sandboxed ? [] : ["UNSANDBOXED: commands ran without a sandbox"]),
  ];
}

function checkLines(checks: readonly Check[], { style, short }: SummaryOptions): string[] {
  const shown = checks.slice(-checksShownMax);
  const left = checks.length - shown.length;
  return [
    ...(left > 0 ? [field("checks", `${count(left, "earlier check")} left out`)] : []),
    ...shown.map((check, index) =>
      field(index === 0 && left === 0 ? "checks" : "", checkLine(style, short(check.loop_id), check)),
    ),
  ];
}

/** One check that ran: what, with which result, on what. */
export function checkLine(style: Style, id: string, check: Check): string {
  const mark = icon(style, isGood(check) ? "complete" : "failed");
  const where = check.stage === "iteration" ? `iteration ${check.iteration}` : check.stage;
  const variant = variants[check.variant];
  const cwd = check.cwd === "" || check.cwd === "." ? "" : ` in ${plainLine(check.cwd)}`;
  const unsandboxed = check.sandboxed ? "" : ", unsandboxed";
  return `${mark} ${id} ${where}${variant}: ${plainLine(check.command)}${cwd} ${endingText(check)} after ${duration(check.duration_ms)}${unsandboxed}`;
}

const variants: Readonly<Record<Check["variant"], string>> = {
  baseline: "",
  candidate: "",
  protected_at_base: ", protected files as at the base",
  new_tests_on_base: ", new tests on the base (have to fail)",
  tests_named: ", each test named",
};

/** Whether it came out as it should: new tests on the base have to fail. */
export function isGood(check: Pick<Check, "variant" | "passed">): boolean {
  return check.passed === (check.variant !== "new_tests_on_base");
}

/** How a check ended, in words. */
export function endingText(check: Pick<Check, "ending" | "exit_code">): string {
  const exit = check.exit_code === null ? "" : ` (exit code ${check.exit_code})`;
  switch (check.ending) {
    case "exited":
      return `ended with exit code ${check.exit_code ?? "unknown"}`;
    case "timeout":
      return "was stopped at its time limit";
    case "killed":
      return `was killed${exit}`;
    case "setup_failed":
      return `failed as set-up${exit}`;
    case "not_runnable":
      return `could not be run${exit}`;
    case "zero_tests":
      return `ran no test${exit}`;
    case "fewer_tests":
      return `ran fewer tests than before${exit}`;
    case "failures_reported":
      return `reported failed tests${exit}`;
  }
}

function field(name: string, value: string): string {
  return `  ${name.padEnd(7)} ${value}`;
}

/** The document of `run --json`. `error` is there exactly where the exit code is not 0. */
export function outcomeDocument(
  outcome: Outcome,
  options: { warnings: readonly string[]; error: LooprError | null },
): Record<string, unknown> {
  const { root } = outcome;
  return {
    id: root.id,
    run_state: root.run_state,
    title: root.title,
    branch: root.branch,
    commit: outcome.commit,
    target: outcome.target,
    cost_usd: outcome.costUsd,
    tokens_in: outcome.loops.reduce((sum, { tokens_in }) => sum + tokens_in, 0),
    tokens_out: outcome.loops.reduce((sum, { tokens_out }) => sum + tokens_out, 0),
    duration_ms: outcome.tookMs,
    iterations: outcome.iterations,
    verified: outcome.verified,
    sandboxed: outcome.sandboxed,
    waiting_for: root.waiting_for,
    failure: outcome.failure,
    checks: outcome.checks.map((check) => ({
      loop_id: check.loop_id,
      iteration: check.iteration,
      stage: check.stage,
      variant: check.variant,
      command: check.command,
      exit_code: check.exit_code,
      ending: check.ending,
      passed: check.passed,
      tree: check.tree,
      duration_ms: check.duration_ms,
      sandboxed: check.sandboxed,
    })),
    protected_changed: outcome.protectedChanged,
    ...(outcome.unread.length > 0 && { allowed_unread: outcome.unread }),
    warnings: options.warnings,
    ...(options.error && { error: errorOf(options.error) }),
  };
}

function errorOf({ code, message, hint }: LooprError): { code: string; message: string; hint: string } {
  return { code, message, hint };
}
