// One loop from its start to its end: iterations, each with a fresh context, until validation passes or a
// bound is reached. What became of it is the returned value; the engine applies the transition.
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Failure, Loop } from "../domain/loop.ts";
import { firstSentence } from "../domain/first-sentence.ts";
import type { Run } from "../domain/run.ts";
import { LooprError } from "../lib/errors.ts";
import { quote } from "../lib/shell.ts";
import { boundedModel } from "./bounded-model.ts";
import { iterate } from "./iteration.ts";
import { begin, closed, finishRecord, type ClosedIteration } from "./iteration-record.ts";
import type { IterationEnd } from "./iteration-end.ts";
import { noRoom, roomOnDisk } from "./no-room.ts";
import { isInterrupted, prepareWorktree } from "./prepare-worktree.ts";
import { usedUntil, type Unfinished } from "./recorded.ts";
import { interruptedRef, openWorkspace, type Parts } from "./parts.ts";
import type { Model } from "./ports.ts";
import { keptFeedback } from "./prompts.ts";
import { ensureBranch, prepareRun } from "./prepare-run.ts";
import { rebaseIfAsked } from "./rebase.ts";
import { usedUp } from "./spending.ts";
import type { Workspace } from "./workspace.ts";

export type TaskEnd =
  /** `change`: the closed record of the iteration, stored together with the transition. */
  | { kind: "pass"; change: ClosedIteration }
  | { kind: "ask"; files: string[]; change: ClosedIteration }
  | { kind: "fail"; failure: Failure }
  | { kind: "stall"; failure: Failure }
  | { kind: "pause"; waitingFor: string; failure: Failure }
  /** Between two iterations, because the engine is held. */
  | { kind: "held" };

/** The same failure on the same tree this often is no progress. */
const sameFailuresMax = 3;
/** The longest that a timer can be set to. */
const timerMsMax = 2 ** 31 - 1;

/** Throws only what the signal's abort throws, and bugs. */
export async function runTask(parts: Parts, id: string, signal: AbortSignal): Promise<TaskEnd> {
  parts.spending.begins(id);
  try {
    return await withinTime(parts, id, signal, (stop) => run(parts, id, stop));
  } catch (error) {
    signal.throwIfAborted();
    const full = noRoom(error);
    if (full !== null) return { kind: "pause", waitingFor: roomOnDisk, failure: full };
    if (error instanceof LooprError) return endOf(error);
    throw error;
  } finally {
    parts.spending.ends(id);
  }
}

/** Ends the work, whatever it is at, when the loop's or the run's minutes are used up. */
async function withinTime<T>(
  parts: Parts,
  id: string,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const outOfTime = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  // Looked at again when it fires: a person may have raised the bound meanwhile.
  const watch = () => {
    const left = parts.spending.timeLeft(id);
    if (left === null) return;
    if (left.ms <= 0) outOfTime.abort(usedUp(parts.ledger.loop(id), left.bound, 0));
    else timer = setTimeout(watch, Math.min(left.ms + 1, timerMsMax));
  };
  watch();
  try {
    return await work(AbortSignal.any([signal, outOfTime.signal]));
  } catch (error) {
    outOfTime.signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function run(parts: Parts, id: string, signal: AbortSignal): Promise<TaskEnd> {
  const { ledger } = parts;
  const loop = ledger.loop(id);
  const model = await parts.modelOf(ledger.run(loop.root_id), signal);
  signal.throwIfAborted();
  if (model === null) return waitForCredentials(loop, parts);

  let workspace = await openWorkspace(parts, ledger.run(loop.root_id));
  await ensureBranch(parts, ledger.loop(loop.root_id), workspace);
  if (id === loop.root_id) {
    const failure = await prepareRun(parts, loop, workspace, signal);
    if (failure) return { kind: "fail", failure };
  }
  workspace = await openWorkspace(parts, ledger.run(loop.root_id));
  const unfinished = await prepareWorktree(parts, id, workspace);
  return iterations(parts, id, workspace, boundedModel(parts, id, model), { signal, unfinished });
}

function waitForCredentials(loop: Loop, parts: Parts): TaskEnd {
  const { credentials } = parts.ledger.run(loop.root_id);
  return {
    kind: "pause",
    waitingFor: "credentials",
    failure: {
      code: "no_credentials",
      message: `the run waits for the ${credentials?.provider ?? "model"} key that it was started with`,
      hint: "any loopr command from a shell that has the key set lets it go on",
    },
  };
}

async function iterations(
  parts: Parts,
  id: string,
  workspace: Workspace,
  model: Model,
  { signal, unfinished }: { signal: AbortSignal; unfinished: Unfinished | null },
): Promise<TaskEnd> {
  const { ledger } = parts;
  const preparedOn = ledger.loop(id).base_commit;
  for (let made = 0; ; made++) {
    if (parts.isHeld()) return { kind: "held" };
    await rebaseIfAsked(parts, id, workspace);
    signal.throwIfAborted();
    const loop = ledger.loop(id);
    const again = isInterrupted(parts, loop);
    const iteration = again ? loop.iteration : loop.iteration + 1;
    if (iteration > loop.max_iterations) return { kind: "fail", failure: iterationsUsedUp(loop) };

    begin(parts, loop, iteration, workspace);
    let end: IterationEnd;
    try {
      end = await iterate(parts, id, workspace, model, {
        signal,
        afterAnother: made > 0 && !again,
        unfinished: made === 0 && loop.base_commit === preparedOn ? unfinished : null,
      });
    } catch (error) {
      finishRecord(parts, id, iteration, {
        ...usedUntil(workspace.recordsDir(id, iteration)),
        outcome: "interrupted",
        feedback: error instanceof Error ? error.message : null,
      });
      throw error;
    }
    signal.throwIfAborted();
    if (end.passed) {
      const { layer, next } = end;
      const passed = { ...end.record, outcome: "passed", layer, feedback: null } as const;
      const progress = next === undefined ? "passed" : `iteration ${iteration} passed; next: ${next}`;
      ledger.update(id, { progress });
      if (next === undefined)
        return { kind: "pass", change: closed(parts, id, iteration, passed, end.evidence) };
      parts.ledger.record(closed(parts, id, iteration, passed, end.evidence));
      continue;
    }
    if (end.asks && end.asks.length > 0) {
      const { feedback, layer, asks } = end;
      const failed = { ...end.record, outcome: "failed", layer, feedback } as const;
      return { kind: "ask", files: asks, change: closed(parts, id, iteration, failed, end.evidence) };
    }
    const stalled = noteFailure(parts, id, iteration, end);
    if (end.stuck !== undefined) return { kind: "stall", failure: circling(loop, end.stuck) };
    if (stalled) return { kind: "stall", failure: stalled };
    parts.iterationEnded(loop.root_id);
  }
}

/** Stores the feedback for the next prompt; returns why the loop has stalled, or null. */
function noteFailure(parts: Parts, id: string, iteration: number, end: IterationEnd): Failure | null {
  const { ledger } = parts;
  const { layer, feedback } = end;
  const loop = ledger.loop(id);
  const signature = createHash("sha256")
    .update(end.layer)
    .update(end.feedback.replace(/\d+/g, "0"))
    .digest("hex")
    .slice(0, 16);
  const failures = [...loop.context.failures, { signature, tree: end.record.tree ?? "" }].slice(
    -sameFailuresMax,
  );
  const files = end.refused?.length ? { files: end.refused } : {};
  const patch = {
    progress: `iteration ${iteration} failed: ${firstSentence(feedback)}`,
    context: {
      ...loop.context,
      failures,
      running_ms: parts.spending.runningMs(id),
      feedback: keptFeedback([...loop.context.feedback, { iteration, layer, text: feedback, ...files }]),
    },
  };
  // Together with the record: an iteration that has failed without its feedback would be made in vain.
  const failed = { ...end.record, outcome: "failed", layer, feedback } as const;
  const change = closed(parts, id, iteration, failed, end.evidence);
  ledger.update(id, patch, { change });
  const first = failures[0];
  const same = failures.every((one) => one.signature === first?.signature && one.tree === first.tree);
  if (failures.length < sameFailuresMax || !same) return null;
  return {
    code: "stalled",
    message: `no progress: ${sameFailuresMax} iterations ended with the same files and the same failure: ${firstSentence(end.feedback)}`,
    hint:
      layer === "protected"
        ? protectedHint(id, end.refused ?? [])
        : `loopr logs ${id} shows what it tried; loopr resume ${id} lets it go on`,
  };
}

function circling(loop: Loop, how: string): Failure {
  return {
    code: "stalled",
    message: `the model goes round in circles: ${how}`,
    hint: `loopr logs ${loop.id} shows what it tried; loopr resume ${loop.id} lets it go on`,
  };
}

/** What a person can do where files that the check depends on are what the work was refused for. */
function protectedHint(id: string, files: readonly string[]): string {
  const options = files.map((file) => `--may-change ${quote(file)}`).join(" ");
  const command = `loopr resume ${id} ${options || "--may-change FILE"}`;
  return `where the task has to change these files, which then no longer guard the check: ${command}`;
}

function iterationsUsedUp(loop: Loop): Failure {
  const last = loop.context.feedback.at(-1);
  return {
    code: "iterations_used_up",
    message: `${loop.max_iterations} iterations were not enough${last ? `; the last failed at ${last.layer}: ${firstSentence(last.text)}` : ""}`,
    hint:
      last?.layer === "protected"
        ? protectedHint(loop.id, last.files ?? [])
        : `loopr status ${loop.id} -d shows each; loopr resume ${loop.id} grants as many again`,
  };
}

/** Which failures wait for a person, and which end the loop. */
function endOf(error: LooprError): TaskEnd {
  const failure = { code: error.code, message: error.message, hint: error.hint };
  if (error.code.startsWith("budget_")) return { kind: "pause", waitingFor: "budget", failure };
  if (error.code === "model_auth") return { kind: "pause", waitingFor: "credentials", failure };
  if (error.code === "judge_failed") return { kind: "pause", waitingFor: "judge", failure };
  // What a person can put right without anything of the work being lost.
  if (error.code === "runner_failed" || error.code === "repository_gone")
    return { kind: "pause", waitingFor: "person", failure };
  if (error.code === "model_unreachable" || error.code === "model_timeout") {
    return { kind: "pause", waitingFor: "model", failure };
  }
  return { kind: "fail", failure };
}

interface CleanedUp extends Pick<Workspace, "repository" | "workDir" | "checkDir"> {
  run: Pick<Run, "author">;
}

/**
 * Removes an ended loop's worktree and validation checkout. What is uncommitted is kept under a ref first;
 * commits are under the loop's own ref.
 */
export async function cleanUp(loop: Pick<Loop, "id" | "iteration">, workspace: CleanedUp): Promise<void> {
  const { repository, run } = workspace;
  const path = workspace.workDir(loop.id);
  if ((await repository.isWorktree(path)) && (await repository.isDirty(path)))
    await repository.saveInterrupted(path, interruptedRef(loop.id, loop.iteration), run.author);
  // Also where nothing of it is left but its registration: a crash came between the two.
  await repository.removeWorktree(path);
  await repository.removeWorktree(workspace.checkDir(loop.id));
  await rm(dirname(path), { recursive: true, force: true });
}
