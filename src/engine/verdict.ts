// The validation of a code loop's work: format, protected files, the check itself. Every layer answers
// with a pass or with feedback; what ran is evidence either way.
import type { CheckResult } from "../domain/evidence.ts";
import { type Classes, type Forbidden } from "../domain/protected.ts";
import type { Run } from "../domain/run.ts";
import { shownPaths } from "../domain/shown-paths.ts";
import type { Baseline } from "./baseline.ts";
import { runCheck, type CheckOptions } from "./check.ts";
import { counted, uncontradicted, withTestsNamed, type Counting } from "./early-exit.ts";
import type { FileChange } from "./git-port.ts";
import type { InAlready } from "./in-already.ts";
import { classifyWork, newTestsOf } from "./protection.ts";
import { testCounts } from "../domain/test-counts.ts";
import { matcher } from "../domain/tree-paths.ts";
import { aboutTold, headline } from "./verdict-words.ts";
import type { Workspace } from "./workspace.ts";

export interface Verdict {
  passed: boolean;
  /** The layer that spoke last. */
  layer: "format" | "protected" | "check";
  feedback: string;
  checks: CheckResult[];
  protectedChanged: string[];
  /** Those of them that it may change. */
  permitted: string[];
  /** Those of them that only a plan allows which nobody has read. */
  unread: string[];
  /** Protected files that it is refused for, where they are what it is refused for. */
  refused: string[];
  /** A person decides about the change of these protected files; empty where nobody is asked. */
  asks: string[];
}

export interface Work {
  base: string;
  commit: string;
  tree: string;
  /** Globs of protected files that this loop may change. */
  mayChange: readonly string[];
  /** Globs of existing tests that a plan frees which nobody has read. */
  unreadMayChange: readonly string[];
  baseline: Baseline;
  /** Commands of types that have to succeed beside the check. */
  typeCommands: readonly string[];
  /** Whether others have done the same before: then nothing need differ from the base, and the checks decide. */
  inAlready?: InAlready;
  /** Ignored paths in a worktree in which nothing else was changed. */
  ignored?: readonly string[];
}

type Checks = Omit<CheckOptions, "treeish" | "tree" | "variant">;

interface Judging {
  workspace: Workspace;
  work: Work;
  checks: Checks;
  changes: readonly FileChange[];
  classes: Classes;
  verdict: Verdict;
}

export async function verdictOn(workspace: Workspace, work: Work, checks: Checks): Promise<Verdict> {
  const { repository, run } = workspace;
  const verdict: Verdict = {
    passed: false,
    layer: "format",
    feedback: "",
    checks: [],
    protectedChanged: [],
    permitted: [],
    unread: [],
    refused: [],
    asks: [],
  };
  const changes = await repository.changes(work.base, work.commit);
  if (changes.length === 0 && work.inAlready !== "yes") {
    return { ...verdict, feedback: nothingChanged(work) };
  }
  const classes = await classifyWork({ ...work, repository, run: withTypeCommands(run, work), changes });
  const asks = run.config.protected.on_change === "ask";
  const own = ownFiles(classes);
  // Whom the person is to decide about has to pass first.
  if (own !== null && !asks) return { ...verdict, ...own };
  const judging = { workspace, work, checks, changes, classes, verdict };
  const { command } = run.config.validation;
  const layers =
    command === null
      ? []
      : [candidate, protectedAtBase, withoutNewTests, testsNamed, newTestsOnBase, ofTypes];
  for (const layer of layers) {
    const refused = await layer(command ?? "", judging);
    if (refused) return { ...verdict, ...refused };
  }
  if (own !== null) return { ...verdict, ...own, ...question(classes, []) };
  if (classes.told.length > 0) workspace.warn(aboutTold(classes.told));
  const isRead = matcher([...work.mayChange, ...run.may_change]);
  const unread = classes.allowed.filter((path) => !isRead(path)).sort();
  if (unread.length > 0)
    workspace.warn(`the run changes tests, allowed by the plan, which nobody read: ${shownPaths(unread)}`);
  return {
    ...verdict,
    passed: true,
    layer: "check",
    protectedChanged: [...classes.needSecondRun, ...classes.allowed].sort(),
    permitted: classes.allowed.toSorted(),
    unread,
  };
}

/** The check's own script, CI configuration, Loopr's configuration: never without permission. */
function ownFiles({ forbidden }: Classes): Refused | null {
  if (forbidden.length === 0) return null;
  return {
    layer: "protected",
    refused: forbidden.map(({ path }) => path),
    feedback:
      `These files decide whether the work is right and must not be changed by it: ${forbidden.map(named).join(", ")}. ` +
      "Put them back as they were and solve the task in other files.",
  };
}

/** `protected.on_change: ask`: what a person is shown, and what has changed where they allow it. */
function question(
  { forbidden, allowed }: Classes,
  paths: readonly string[],
): Pick<Verdict, "asks" | "protectedChanged" | "permitted"> {
  const asks = [...forbidden.map(({ path }) => path), ...paths];
  return { asks, protectedChanged: [...asks, ...allowed].sort(), permitted: allowed.toSorted() };
}

function named({ path, why }: Forbidden): string {
  return `${path} (${why})`;
}

/** What the commands of types run is protected as the check's own script is. */
function withTypeCommands(run: Run, { typeCommands }: Work): Run {
  const { validation } = run.config;
  if (typeCommands.length === 0 || validation.command === null) return run;
  const command = [validation.command, ...typeCommands].join(" && ");
  return { ...run, config: { ...run.config, validation: { ...validation, command } } };
}

/** The commands of types, after the check has passed. */
async function ofTypes(_command: string, { work, checks, verdict }: Judging): Promise<Refused | null> {
  for (const command of work.typeCommands) {
    const result = await runCheck(command, {
      ...checks,
      treeish: work.commit,
      tree: work.tree,
      variant: "candidate",
    });
    verdict.checks.push(result);
    if (!result.passed) return { layer: "check", feedback: feedbackOf(result, checks) };
  }
  return null;
}

function nothingChanged({ ignored = [], inAlready }: Work): string {
  const asItWas = "Nothing was changed: the worktree is as it was. Do the task, then stop.";
  const nothing =
    inAlready === "perhaps"
      ? `${asItWas} Where the work of others that is there already does all of it, write a file that does it once more, as it is.`
      : asItWas;
  if (ignored.length === 0) return nothing;
  return (
    `${nothing} Only files that git ignores are there beside it, and they do not count: ${ignored.join(", ")}. ` +
    "They are never committed; write to files that .gitignore does not ignore."
  );
}

type Refused = Pick<Verdict, "layer" | "feedback"> &
  Partial<Pick<Verdict, "asks" | "refused" | "protectedChanged" | "permitted">>;

/** The check on the work as it was committed. */
async function candidate(command: string, judging: Judging): Promise<Refused | null> {
  const { work, checks, classes, verdict } = judging;
  const { onBase } = work.baseline;
  const options = { ...checks, treeish: work.commit, tree: work.tree };
  const ran = uncontradicted(await runCheck(command, { ...options, variant: "candidate" }), onBase);
  // Where tests were removed, the second run counts; where that is permitted, only files that are as they were do.
  const result = await counted(ran, countingOf(judging, [...classes.needSecondRun, ...classes.allowed]));
  verdict.checks.push(result);
  return result.passed ? null : { layer: "check", feedback: feedbackOf(result, checks) };
}

function countingOf({ workspace, work }: Judging, changed: readonly string[] = []): Counting {
  const counting = { repository: workspace.repository, base: work.base, onBase: work.baseline.onBase };
  return changed.length === 0 ? counting : { ...counting, mayHaveFewer: changed };
}

/** The check again with each test named, where its output does not show that they came to their end. */
async function testsNamed(command: string, judging: Judging): Promise<Refused | null> {
  const { workspace, work, checks, changes, verdict } = judging;
  const ran = verdict.checks.find(({ variant }) => variant === "candidate");
  if (ran === undefined) return null;
  const { repository } = workspace;
  const options = { ...checks, repository, treeish: work.commit, tree: work.tree };
  const result = await withTestsNamed(command, ran, changes, options);
  if (result === null) return null;
  verdict.checks.push(result);
  return result.passed ? null : { layer: "check", feedback: feedbackOf(result, checks) };
}

/** The check again with the protected files as they were, where they were changed or a new one can steer. */
async function protectedAtBase(command: string, judging: Judging): Promise<Refused | null> {
  const { workspace, work, checks, classes, verdict } = judging;
  const paths = classes.needSecondRun;
  if (paths.length === 0) return null;
  const left = await newTestsToLeaveOut(judging);
  const tree = await treeWithout(judging, [...paths, ...left]);
  const variant = "protected_at_base";
  const result = await runCheck(command, { ...checks, treeish: tree, tree, variant });
  const ran = uncontradicted(result, work.baseline.onBase);
  const second = await counted(ran, countingOf(judging, classes.allowed));
  verdict.checks.push(second);
  const noVerdict = second.ending === "zero_tests" && work.baseline.hadNoTests;
  const { on_change } = workspace.run.config.protected;
  if (second.passed || noVerdict || on_change === "allow") return null;
  return {
    layer: "protected",
    refused: paths,
    ...(on_change === "ask" && question(classes, paths)),
    feedback:
      `The check passes only with your changes to existing tests or their configuration, or with new files that can change what other tests do (${paths.join(", ")}). ` +
      "With these files as they were before, it fails, so this does not count. Put them back as they were and make " +
      `the code pass them; new test files are welcome.${aboutSources(classes, paths)}\n\n${feedbackOf(second, checks)}`,
  };
}

function aboutSources({ asBefore }: Classes, paths: readonly string[]): string {
  const sources = paths.filter((path) => asBefore?.has(path));
  return sources.length === 0
    ? ""
    : ` Of ${sources.join(", ")} only the tests in it count, the rest may change.`;
}

/** The check without the new tests: those that were there before have to pass by themselves. */
async function withoutNewTests(command: string, judging: Judging): Promise<Refused | null> {
  const { work, checks, classes, verdict } = judging;
  // Done already with protected files as they were; where it may remove tests, there is nothing to count.
  if (classes.needSecondRun.length + classes.allowed.length > 0) return null;
  const left = (await newTestsToLeaveOut(judging)).filter((path) => isCode.test(path));
  if (left.length === 0) return null;
  const tree = await treeWithout(judging, left);
  const variant = "protected_at_base";
  const ran = await runCheck(command, { ...checks, treeish: tree, tree, variant });
  const second = await counted(uncontradicted(ran, work.baseline.onBase), countingOf(judging));
  verdict.checks.push(second);
  if (second.passed) return null;
  const feedback =
    `Without your new tests (${left.join(", ")}) the check does not pass: the tests that were there before have to pass by themselves, ` +
    "and the code must not need files that are called like tests.";
  return { layer: "check", feedback: `${feedback}\n\n${feedbackOf(second, checks)}` };
}

/** The work with these files as they were before; of sources that hold tests, only these tests. */
async function treeWithout({ workspace, work, classes }: Judging, paths: readonly string[]): Promise<string> {
  const { asBefore = new Map<string, string>() } = classes;
  const whole = [...new Set(paths)].filter((path) => !asBefore.has(path));
  const texts = new Map([...asBefore].filter(([path]) => paths.includes(path)));
  return workspace.repository.treeWithPathsFrom(work.commit, work.base, whole, texts);
}

/** A file in which tests may be counted. */
const isCode = /\.([cm]?[jt]sx?|py|rb|go|rs|java|kts?|php|cs|swift|scala|t)$/;

/** New tests may need what is new or changed beside them: where there were tests before, those alone decide. */
async function newTestsToLeaveOut({ workspace, work, changes, classes }: Judging): Promise<string[]> {
  const counts = testCounts(work.baseline.onBase?.output ?? "");
  if (counts === null || counts.passed + counts.failed === 0) return [];
  const { repository, run } = workspace;
  const named = { changes, configured: run.config.validation.protected, repository };
  return [...(await newTestsOf(named, work.commit)), ...(classes.moreTests ?? [])];
}

/** `validation.new_tests_must_fail_on_base`: the new tests alone make the check fail on the code before. */
async function newTestsOnBase(command: string, judging: Judging): Promise<Refused | null> {
  const { workspace, work, checks, changes, verdict } = judging;
  const { validation } = workspace.run.config;
  const { onBase } = work.baseline;
  if (!validation.new_tests_must_fail_on_base) return null;
  const { repository } = workspace;
  const named = { changes, configured: validation.protected, repository };
  const paths = await newTestsOf(named, work.commit);
  // Where the check failed before, it fails with any new tests too.
  if (paths.length === 0 || (onBase !== null && !onBase.passed && onBase.ending !== "zero_tests"))
    return null;
  const tree = await workspace.repository.treeWithPathsFrom(work.base, work.commit, paths);
  const result = await runCheck(command, { ...checks, treeish: tree, tree, variant: "new_tests_on_base" });
  verdict.checks.push(result);
  if (!result.passed && result.ending !== "zero_tests") return null;
  return {
    layer: "check",
    feedback:
      `Your new tests (${paths.join(", ")}) pass without your change: run on the code as it was before, the check succeeds too. ` +
      "They would not notice if the change were missing. Write tests that fail on the old code and pass on yours.",
  };
}

/** What a failed check says to the next iteration. */
export function feedbackOf(result: CheckResult, checks: Pick<CheckOptions, "logPath">): string {
  return `${headline(result)}\n\n${outputOf(result, checks)}`;
}

function outputOf(result: CheckResult, checks: Pick<CheckOptions, "logPath">): string {
  return result.output.trim() === ""
    ? "It printed nothing."
    : `Its output (whole: ${checks.logPath}):\n${result.output}`;
}
