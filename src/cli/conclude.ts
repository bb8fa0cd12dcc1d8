// From a created run to its exit code: followed by its events, with questions where a person is there to ask.
import type { Loop } from "../domain/loop.ts";
import { LooprError } from "../lib/errors.ts";
import { plain, plainLine } from "../lib/plain.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { Follow } from "./follow.ts";
import { shellWord, shortCommit, shownState, stateName, styleOf } from "./format.ts";
import { askAtGate, askToMerge, type Question } from "./gate-questions.ts";
import { count, Narrator } from "./narrate.ts";
import {
  branchWithWork,
  exitCodeOfRun,
  isSettled,
  readOutcome,
  unfinishedWork,
  type Outcome,
} from "./outcome.ts";
import type { CliPorts } from "./ports.ts";
import { createScreen } from "./screen.ts";
import { withShortIds } from "./resolve.ts";
import type { Session } from "./session.ts";
import { outcomeDocument, summaryLines } from "./summary.ts";

export interface ConcludeOptions {
  /** The root loop. */
  id: string;
  short: (id: string) => string;
  /** Whether what has happened since the run began is told, too. */
  from: "beginning" | "now";
  /** The daemon approves by itself (`--yes`): the run passes through the gate. */
  approved: boolean;
  /** A verified run is all that was asked for (`--no-merge`). */
  mayStayUnmerged: boolean;
  /** Asks at the gate and before merging: a person is at the terminal. */
  mayAsk: boolean;
  warnings: readonly string[];
  /** What came of it is told by whoever asked for the run: no next step. */
  endsHere?: boolean;
}

/** Follows the run until it goes no further without a person, shows what came of it, returns the exit code. */
export async function conclude(
  context: CliContext,
  ports: CliPorts,
  session: Session,
  options: ConcludeOptions,
): Promise<number> {
  const { follow, close, question } = await startTelling(context, ports, session, options);
  try {
    let mayMerge = options.mayAsk && !options.mayStayUnmerged;
    for (;;) {
      await follow.until(() => isSettled(follow.loop) && !(options.approved && isAtPlanGate(follow.loop)));
      if (options.mayAsk && isAtGate(follow.loop)) {
        if ((await askAtGate(question)) === "go_on") continue;
      } else if (mayMerge && follow.loop.run_state === "verified" && !follow.loop.failure) {
        mayMerge = false;
        if ((await askToMerge(question)) === "go_on") continue;
      }
      break;
    }
  } finally {
    close();
  }
  return showOutcome(context, ports, await readOutcome(session.client, options.id, follow), options);
}

/** Tells of the run on the screen as it goes on. */
export async function startTelling(
  context: CliContext,
  ports: CliPorts,
  session: Session,
  options: Pick<ConcludeOptions, "id" | "short" | "from">,
): Promise<{ follow: Follow; question: Question; close: () => void }> {
  const { id, short, from } = options;
  session.comeBack = `loopr watch ${short(id)}`;
  const style = styleOf(context, ports.env);
  const screen = createScreen(context, style, ports.now);
  session.tell = (text) => screen.note(text);
  const narrator = new Narrator({ style, short, now: ports.now, output: context.verbose, progress: false });
  const follow = await Follow.start(session.client, {
    id,
    from,
    onEvent: (event, known) => {
      for (const line of narrator.tell(event)) screen.line(line);
      if (event.event === "loop.updated") screen.status(statusLine(known.loops, event.data));
    },
  }).catch((error: unknown) => {
    screen.close();
    throw error;
  });
  const { client, undisturbed } = session;
  const question = { ports, client, undisturbed, follow, screen, style, short };
  return {
    follow,
    question,
    close: () => {
      follow.close();
      screen.close();
    },
  };
}

function isAtPlanGate(root: Loop): boolean {
  return isAtGate(root) && root.waiting_for === "approval";
}

function isAtGate(root: Loop): boolean {
  return shownState(root) === "awaiting_approval";
}

function statusLine(loops: readonly Loop[], latest: Loop): string {
  const running = loops.filter(({ status }) => status === "running" || status === "rebasing").length;
  const [root] = loops;
  if (!root || isSettled(root)) return "";
  const counts = loops.length > 1 ? `, ${running} of ${count(loops.length, "loop")} running` : "";
  const progress = plainLine(latest.progress);
  return `${stateName(shownState(root))}${counts}${progress ? ` · ${progress}` : ""}`;
}

export function showOutcome(
  context: CliContext,
  ports: CliPorts,
  outcome: Outcome,
  options: Pick<ConcludeOptions, "short" | "mayStayUnmerged" | "warnings" | "endsHere">,
): number {
  const { short, warnings } = options;
  const exitCode = exitCodeOfRun(outcome.root, options.mayStayUnmerged);
  const error = exitCode === exitCodes.done ? null : errorOf(outcome, short);
  if (context.json) {
    context.print(outcomeDocument(outcome, { warnings, error }));
    return exitCode;
  }
  for (const line of summaryLines(outcome, { style: styleOf(context, ports.env), short, warnings })) {
    context.say(line);
  }
  if (error !== null) {
    const word = exitCode === exitCodes.waiting ? "waiting" : "error";
    const hint = error.hint ? `\n  hint: ${plain(error.hint)}` : "";
    context.note(withShortIds(`${word}: ${plain(error.message).trim()}${hint}`, short));
  } else if (options.endsHere !== true) {
    context.say(`  next    ${nextStep(outcome, short(outcome.root.id), context.cwd)}`);
  }
  return exitCode;
}

function nextStep(outcome: Outcome, id: string, cwd: string): string {
  const { root, commit } = outcome;
  if (root.run_state === "verified") return `loopr diff ${id} shows it, loopr merge ${id} merges it`;
  if (commit === null) return `loopr diff ${id}`;
  const isHere = cwd === root.project || cwd.startsWith(`${root.project}/`);
  const where = isHere ? "" : ` -C ${shellWord(plainLine(root.project))}`;
  return `git${where} show ${shortCommit(commit)}`;
}

/** Why the exit code is not 0, and the command to run. */
function errorOf(outcome: Outcome, short: (id: string) => string): LooprError {
  const { root, failure, waiting } = outcome;
  const id = short(root.id);
  const branch = branchWithWork(outcome.loops, root.id);
  const asking = outcome.loops.find(({ waiting_for }) => waiting_for === "protected");
  const say = (code: string, message: string, hint: string) =>
    new LooprError(failure?.code ?? code, failure?.message ?? message, failure?.hint || hint);
  switch (shownState(root)) {
    case "awaiting_approval":
      if (asking) {
        return say(
          "awaiting_approval",
          `${short(asking.id)} passes only with changes to protected files: ${(asking.context.asked ?? []).map(plainLine).join(", ")}`,
          `loopr status ${short(asking.id)} shows them; loopr approve ${short(asking.id)} lets them stand, loopr reject ${short(asking.id)} sends them back`,
        );
      }
      return say(
        "awaiting_approval",
        "the plan waits for approval",
        `loopr approve ${id}, or: loopr iterate ${id} -m FEEDBACK, loopr reject ${id}; then loopr watch ${id}`,
      );
    case "verified":
      return say("not_merged", "the run is verified and not merged", `loopr merge ${id}`);
    case "paused":
      return say(
        "paused",
        waiting ? `the run is paused: ${waiting}` : "the run is paused",
        `loopr resume ${id}`,
      );
    case "stalled":
      return say(
        "stalled",
        "the run makes no progress",
        `loopr status ${id} -d shows why; loopr resume ${id}`,
      );
    case "cancelled":
    case "invalidated":
      return say(
        "cancelled",
        "the run was cancelled",
        [
          ...(branch === null ? [] : [`what is integrated stays on ${plainLine(branch)}`]),
          ...unfinishedWork(outcome.loops, root.id).map(
            (one) => `loopr diff ${short(one)} shows what it had begun`,
          ),
        ].join("; "),
      );
    default:
      return say("failed", "the run failed", `loopr status ${id} -d shows why`);
  }
}
