// The state machine of a loop. Pure, and the only place that decides a status.
//
// Everything else asks: transition(loop, event) answers with the changed fields and the effects that the
// caller owes, or with a refusal that names the state and what it would need.
import type { Failure, Loop, LoopStatus, RunState } from "./loop.ts";
import type { Run } from "./run.ts";

export type LoopEvent =
  /** The scheduler gives it a slot. */
  | { kind: "start" }
  /** Its validation passed. A plan then waits for the person; everything else is complete. */
  | { kind: "pass" }
  /** It passes only with changed protected files, and a person decides (`protected.on_change: ask`). */
  | { kind: "ask"; files: string[] }
  | { kind: "approve" }
  | { kind: "iterate" }
  | { kind: "reject"; reason: string }
  | { kind: "fail"; failure: Failure }
  | { kind: "stall"; failure: Failure }
  /** `failure` says why where no person asked for it (credentials, budget, model). */
  | { kind: "pause"; waitingFor: string | null; failure: Failure | null }
  | { kind: "resume" }
  | { kind: "cancel" }
  /** The daemon ended or was killed while it ran. */
  | { kind: "interrupt" }
  | { kind: "rebase" }
  | { kind: "rebased" }
  /** The integration queue could not take the work: it runs again with that as feedback. */
  | { kind: "send_back" }
  /** What it made no longer counts: it runs again, from the run's branch as it is then. */
  | { kind: "rerun" }
  /** It failed, and its parent starts it afresh. */
  | { kind: "retry" }
  | { kind: "invalidate" };

export type Effect = "run_task" | "stop_task" | "schedule" | "spawn_children" | "integrate" | "clean_up";

export type Transition =
  | { kind: "next"; status: LoopStatus; patch: Partial<Loop>; effects: Effect[] }
  | { kind: "refusal"; message: string };

/** From which statuses an event is accepted. Everything absent is refused. */
const accepted: Readonly<Record<LoopEvent["kind"], readonly LoopStatus[]>> = {
  start: ["pending"],
  pass: ["running"],
  ask: ["running"],
  approve: ["awaiting_approval"],
  iterate: ["awaiting_approval"],
  reject: ["awaiting_approval"],
  fail: ["pending", "running", "rebasing"],
  stall: ["running"],
  pause: ["pending", "running", "awaiting_approval", "rebasing"],
  resume: ["paused", "stalled", "failed"],
  cancel: ["pending", "running", "awaiting_approval", "paused", "rebasing", "stalled", "failed"],
  interrupt: ["running", "rebasing"],
  rebase: ["running"],
  rebased: ["rebasing"],
  send_back: ["complete"],
  rerun: ["pending", "running", "awaiting_approval", "paused", "rebasing", "complete", "failed", "stalled"],
  retry: ["running"],
  invalidate: [
    "pending",
    "running",
    "awaiting_approval",
    "paused",
    "rebasing",
    "complete",
    "failed",
    "cancelled",
    "stalled",
  ],
};

export function transition(loop: Loop, event: LoopEvent): Transition {
  const from = accepted[event.kind];
  if (!from.includes(loop.status)) {
    return {
      kind: "refusal",
      message: `${loop.loop_type} ${loop.id} is ${words(loop.status)}; to ${verbs[event.kind]} it, it has to be ${from.map(words).join(" or ")}`,
    };
  }
  return next(loop, event);
}

function words(status: LoopStatus): string {
  return status.replaceAll("_", " ");
}

const verbs: Readonly<Record<LoopEvent["kind"], string>> = {
  start: "start",
  pass: "complete",
  ask: "ask about",
  approve: "approve",
  iterate: "iterate",
  reject: "reject",
  fail: "fail",
  stall: "stall",
  pause: "pause",
  resume: "resume",
  cancel: "cancel",
  interrupt: "interrupt",
  rebase: "rebase",
  rebased: "go on with",
  send_back: "send back",
  rerun: "run",
  retry: "retry",
  invalidate: "invalidate",
};

function next(loop: Loop, event: LoopEvent): Transition {
  const to = (status: LoopStatus, effects: Effect[], patch: Partial<Loop> = {}): Transition => ({
    kind: "next",
    status,
    effects,
    patch: { waiting_for: null, ...patch },
  });
  const context = loop.context;
  switch (event.kind) {
    case "start":
      return to("running", ["run_task"], { failure: null });
    case "pass":
      return loop.loop_type === "plan"
        ? to("awaiting_approval", [], { waiting_for: "approval" })
        : to("complete", loop.loop_type === "code" ? ["integrate"] : ["spawn_children"]);
    case "ask":
      return to("awaiting_approval", [], {
        waiting_for: "protected",
        context: { ...context, asked: event.files },
      });
    case "approve":
      return loop.loop_type === "code"
        ? to("complete", ["integrate"], { context: { ...context, asked: null } })
        : to("complete", ["spawn_children"]);
    case "iterate":
      return to("running", ["run_task"], { context: { ...context, asked: null } });
    case "reject":
      return to("failed", ["clean_up"], {
        failure: {
          code: "rejected",
          message: `the plan was rejected${event.reason ? `: ${event.reason}` : ""}`,
          hint: "",
        },
      });
    case "fail":
      return to("failed", ["stop_task", "clean_up"], { failure: event.failure });
    case "stall":
      return to("stalled", ["stop_task", "clean_up"], { failure: event.failure });
    case "pause":
      return to("paused", ["stop_task"], {
        waiting_for: event.waitingFor,
        failure: event.failure,
        // A running iteration is interrupted, so what it goes back to is the queue.
        context: { ...context, paused_from: isWorking(loop) ? "pending" : loop.status },
      });
    case "resume": {
      const back = loop.status === "paused" ? (context.paused_from ?? "pending") : "pending";
      return to(back, ["schedule"], {
        failure: null,
        waiting_for: back === "awaiting_approval" ? (context.asked ? "protected" : "approval") : null,
        context: { ...context, paused_from: null, failures: [] },
      });
    }
    case "cancel":
      return to("cancelled", ["stop_task", "clean_up"], { failure: null });
    case "interrupt":
      return to("pending", ["schedule"]);
    case "rebase":
      return to("rebasing", []);
    case "rebased":
      return to("running", []);
    case "send_back":
      return to("pending", ["schedule"], { context: { ...context, sent_back: context.sent_back + 1 } });
    case "rerun":
    case "retry":
      return to("pending", ["schedule"], {
        failure: null,
        base_commit: null,
        context: {
          ...context,
          paused_from: null,
          asked: null,
          integrated_commit: null,
          failures: [],
          rebase: false,
          ...(event.kind === "retry" && { retries: (context.retries ?? 0) + 1 }),
        },
      });
    case "invalidate":
      return to("invalidated", ["stop_task", "clean_up"]);
  }
}

function isWorking(loop: Loop): boolean {
  return loop.status === "running" || loop.status === "rebasing";
}

/** Whether nothing below the loop is left to do: it and its descendants are complete, and code is integrated. */
export function isDone(loop: Loop, childrenOf: (id: string) => readonly Loop[]): boolean {
  if (loop.status !== "complete") return false;
  if (loop.loop_type === "code") return loop.context.integrated_commit !== null;
  const children = childrenOf(loop.id).filter((child) => child.status !== "invalidated");
  return children.length > 0 && children.every((child) => isDone(child, childrenOf));
}

/** The state of the whole run, which commands and exit codes on a root act on. */
export function runStateOf(
  root: Loop,
  loops: readonly Loop[],
  run: Pick<Run, "merged_commit" | "verified_commit" | "blocked">,
): RunState {
  if (root.status === "cancelled" || root.status === "invalidated") return "cancelled";
  if (run.merged_commit) return "merged";
  if (run.verified_commit) return "verified";
  const below = () =>
    stateOfDescendants(loops.filter((loop) => loop.id !== root.id || loop.loop_type === "code"));
  // What nobody wants any more waits for nobody.
  if (run.blocked) return root.status === "complete" && below() === "cancelled" ? "cancelled" : "paused";
  if (root.status === "awaiting_approval") return "awaiting_approval";
  if (root.status === "failed" || root.status === "stalled" || root.status === "paused") return root.status;
  if (root.status !== "complete") return root.loop_type === "code" ? "executing" : "planning";
  return below();
}

/** One loop that cannot go on does not end the others: the run's state changes when nothing else can move. */
function stateOfDescendants(loops: readonly Loop[]): RunState {
  const byId = new Map(loops.map((loop) => [loop.id, loop]));
  const childrenOf = (id: string) => loops.filter((loop) => loop.parent_id === id);
  const done = (loop: Loop) => isDone(loop, childrenOf);
  const canMove = (loop: Loop): boolean => {
    if (["running", "rebasing"].includes(loop.status)) return true;
    if (loop.status === "complete")
      return loop.loop_type === "code" && loop.context.integrated_commit === null;
    if (loop.status !== "pending") return false;
    return loop.depends_on.every((id) => {
      const dependency = byId.get(id);
      return dependency !== undefined && (done(dependency) || mayGetDone(dependency));
    });
  };
  const mayGetDone = (loop: Loop): boolean =>
    loop.status === "complete" ? childrenOf(loop.id).some(canMove) || canMove(loop) : canMove(loop);
  const live = loops.filter((loop) => loop.status !== "invalidated");
  if (live.every((loop) => loop.status === "complete")) return "integrating";
  if (live.some(canMove)) return "executing";
  for (const state of ["awaiting_approval", "paused", "stalled", "failed", "cancelled"] as const) {
    if (live.some((loop) => loop.status === state)) return state;
  }
  return "failed";
}
