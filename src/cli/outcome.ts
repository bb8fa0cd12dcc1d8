// What came of a run: whether it has settled, which exit code that is, and the summary of its evidence.
import type { Client } from "../client/types.ts";
import type { CheckResult, Evidence } from "../domain/evidence.ts";
import type { Failure, Loop } from "../domain/loop.ts";
import { events, type EventData } from "../protocol/events.ts";
import { exitCodes } from "./context.ts";
import { waitingText } from "./narrate.ts";
import { history } from "./session.ts";
import { shownState } from "./format.ts";

/** Whether the run goes no further without a person. */
export function isSettled(root: Loop): boolean {
  switch (shownState(root)) {
    case "merged":
    case "failed":
    case "cancelled":
    case "stalled":
    case "paused":
    case "awaiting_approval":
    case "invalidated":
      return true;
    case "verified":
      // Without one of these the daemon is about to merge it by itself.
      return root.waiting_for !== null || root.failure !== null;
    case "complete":
      return root.parent_id !== null;
    default:
      return false;
  }
}

/** The gate and a pause are no end: whoever watches sees what comes after them. */
export function hasEnded(loop: Loop): boolean {
  const state = shownState(loop);
  return isSettled(loop) && state !== "awaiting_approval" && state !== "paused";
}

/** `mayStayUnmerged`: `--no-merge` was given, so that a verified run is all that was asked for. */
export function exitCodeOfRun(root: Loop, mayStayUnmerged: boolean): number {
  switch (shownState(root)) {
    case "merged":
    case "complete":
      return exitCodes.done;
    case "verified":
      return mayStayUnmerged ? exitCodes.done : exitCodes.waiting;
    case "failed":
    case "cancelled":
    case "stalled":
    case "invalidated":
      return exitCodes.failed;
    default:
      return exitCodes.waiting;
  }
}

/** The run's branch where anything was integrated on it: without that it goes when the run ends. */
export function branchWithWork(loops: readonly Loop[], rootId: string): string | null {
  const own = loops.filter(({ root_id }) => root_id === rootId);
  if (!own.some(({ context }) => context.integrated_commit)) return null;
  return own.find(({ id }) => id === rootId)?.branch ?? null;
}

/** So many loops are named in one line. */
const namedMax = 5;

/** The code loops of a tree that have begun and are not integrated: `loopr diff` shows what each has left. */
export function unfinishedWork(loops: readonly Loop[], id: string): string[] {
  return loops
    .filter((loop) => loop.id === id || loop.id.startsWith(`${id}-`))
    .filter(
      ({ loop_type, iteration, context }) =>
        loop_type === "code" && iteration > 0 && !context.integrated_commit,
    )
    .slice(0, namedMax)
    .map((loop) => loop.id);
}

export interface Check extends CheckResult {
  loop_id: string;
  iteration: number;
  stage: Evidence["stage"];
}

export interface Outcome {
  root: Loop;
  /** The root and its descendants, in order of their ids. */
  loops: Loop[];
  /** Why it is not merged, from the loop that it comes from. */
  failure: Failure | null;
  /** What it waits for, in words; empty where it waits for nothing. */
  waiting: string;
  /** The commit on the target, or the verified one on the run's branch; null where there is neither. */
  commit: string | null;
  /** The branch that it was merged onto. */
  target: string | null;
  /** Those that really ran, oldest first. */
  checks: Check[];
  /** Those of the protected files that a plan allowed which nobody has read. */
  unread: readonly string[];
  protectedChanged: string[];
  /** A check really passed on `commit`, as its note says; before there is one, the newest evidence says so. */
  verified: boolean;
  sandboxed: boolean;
  iterations: number;
  costUsd: number;
  /** From its creation to the end of its last work: neither the merge days later nor a clean-up counts. */
  tookMs: number;
}

/** Everything about a run that the daemon has on record. */
export async function readOutcome(
  client: Client,
  rootId: string,
  seen: { merged: Merged | null } = { merged: null },
): Promise<Outcome> {
  const { loop } = await client.call("loop.get", { id: rootId });
  const { loops: all } = await client.call("loop.list", {});
  const loops = [loop, ...all.filter(({ id, root_id }) => root_id === rootId && id !== rootId)].sort(
    (a, b) => (a.id < b.id ? -1 : 1),
  );
  const evidence: Evidence[] = [];
  const endings: number[] = [];
  for (const { id } of loops) {
    const records = await client.call("loop.iterations", { id });
    evidence.push(...records.evidence);
    endings.push(...records.iterations.flatMap(({ ended_at }) => ended_at ?? []));
  }
  evidence.sort((a, b) => a.at - b.at);
  const merged = loop.run_state === "merged" ? (seen.merged ?? (await mergedAs(client, rootId))) : null;
  const checks = evidence.flatMap(({ checks, loop_id, iteration, stage, reused }) =>
    reused ? [] : checks.map((check) => ({ ...check, loop_id, iteration, stage })),
  );
  endings.push(...evidence.map(({ at }) => at));
  return {
    root: loop,
    loops,
    failure: failureOf(loops),
    waiting: waitingOf(loops),
    commit: loop.commit ?? merged?.commit ?? null,
    target: merged?.branch ?? null,
    checks,
    unread: [...new Set(evidence.flatMap(({ unread = [] }) => unread))],
    protectedChanged: [...new Set(evidence.flatMap(({ protected_changed }) => protected_changed))],
    verified: isVerified(loop, evidence),
    sandboxed: checks.every(({ sandboxed }) => sandboxed),
    iterations: loops.reduce((sum, { iteration }) => sum + iteration, 0),
    costUsd: loops.reduce((sum, { cost_usd }) => sum + cost_usd, 0),
    tookMs: Math.max(0, (endings.length ? Math.max(...endings) : loop.updated_at) - loop.created_at),
  };
}

/**
 * The newest evidence is not always that of the commit: a commit in between that fails on the target is looked at after
 * the last one has passed, and is then squashed. A run that is done has passed, where it has a check.
 */
function isVerified(root: Loop, evidence: readonly Evidence[]): boolean {
  const ofRun = evidence.filter(({ stage }) => stage === "final" || stage === "integration");
  const isDone = root.run_state === "merged" || root.run_state === "verified";
  return isDone ? ofRun.some(({ verified }) => verified) : (ofRun.at(-1)?.verified ?? false);
}

type Merged = EventData<"merge.completed">;

/** Null where the event is no longer stored. */
async function mergedAs(client: Client, rootId: string): Promise<Merged | null> {
  let merged: Merged | null = null;
  for await (const { event, data } of history(client, rootId)) {
    if (event === "merge.completed") merged = events[event].safeParse(data).data ?? merged;
  }
  return merged;
}

/** The root's own, else that of the descendant that holds the run up. */
function failureOf(loops: readonly Loop[]): Failure | null {
  const [root] = loops;
  if (!root || root.failure) return root?.failure ?? null;
  if (root.run_state === "merged" || root.run_state === "verified") return null;
  const blocking = loops.filter(({ status }) => status !== "invalidated");
  return blocking.find(({ status, failure }) => failure && status === root.run_state)?.failure ?? null;
}

function waitingOf(loops: readonly Loop[]): string {
  const [root] = loops;
  if (!root) return "";
  const own = waitingText(root);
  if (own || root.run_state !== "paused") return own;
  const paused = loops.find(({ status, waiting_for }) => status === "paused" && waiting_for !== null);
  return paused ? waitingText(paused) : "";
}
