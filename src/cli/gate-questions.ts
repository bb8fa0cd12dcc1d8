// The questions of a run to the person at the terminal: the plan gate, and the merge.
import type { Client } from "../client/types.ts";
import { LooprError } from "../lib/errors.ts";
import { plain, plainLine } from "../lib/plain.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import { diffLines } from "./diff.ts";
import type { Follow } from "./follow.ts";
import { money, paint, shownState, versionText, type Style } from "./format.ts";
import { merging } from "./merging.ts";
import type { CliPorts } from "./ports.ts";
import type { Screen } from "./screen.ts";
import { reconnected, type Session } from "./session.ts";

export interface Question {
  ports: CliPorts;
  client: Client;
  follow: Follow;
  screen: Screen;
  style: Style;
  short: (id: string) => string;
  undisturbed: Session["undisturbed"];
}

/** `leave`: the person decides later. */
export type Answer = "go_on" | "leave";

/** A plain no is the harmless one of its two meanings: a rejected plan has failed. */
const gateChoices = [
  { key: "a", label: "approve", also: ["y", "yes", "ok"] },
  { key: "e", label: "edit" },
  { key: "i", label: "iterate with feedback" },
  { key: "r", label: "reject" },
  { key: "l", label: "later", also: ["n", "no", "q", "quit"] },
] as const;

/** Shows the plan that waits, and does what the person says. */
export async function askAtGate(question: Question): Promise<Answer> {
  const { ports, client, follow, screen, style } = question;
  const asking = follow.loops.find(({ waiting_for }) => waiting_for === "protected") ?? follow.loop;
  const { id } = asking;
  screen.status("");
  const preview = await client.call("plan.get_preview", { id });
  screen.line("");
  screen.line(plain(preview.content).trimEnd());
  screen.line("");
  const { plan } = preview;
  const version = plan ? `${versionText(plan, ports.now())}; ` : "";
  screen.line(paint(style, "dim", `${version}cost so far: ${money(follow.loop.cost_usd)}`));

  const withdrawn = withdrawnWhen(follow, () => shownState(follow.loop) !== "awaiting_approval");
  const answer = await screen.asking(() =>
    ports.ask.choice(
      plan ? "This plan waits for you:" : "This change waits for you:",
      gateChoices.filter(({ key }) => key !== "e" || plan),
      withdrawn,
    ),
  );
  if (withdrawn.aborted) {
    screen.line("the plan was decided upon elsewhere");
    return "go_on";
  }
  switch (answer) {
    case "a":
      return decide(question, () => client.call("plan.approve", { id, version: plan?.version ?? null }));
    case "e":
      return editHere(question, id);
    case "i": {
      const feedback = (await screen.asking(() => ports.ask.text("What should change?", withdrawn)))?.trim();
      return feedback ? decide(question, () => client.call("plan.iterate", { id, feedback })) : "go_on";
    }
    case "r": {
      const reason = await screen.asking(() => ports.ask.text("Why? (Enter for no reason)", withdrawn));
      if (reason === null) return "go_on";
      return decide(question, () => client.call("plan.reject", { id, reason: reason.trim() || null }));
    }
    default:
      return "leave";
  }
}

/** What cannot be stored is told, and the plan is shown and asked about again. */
async function editHere(question: Question, id: string): Promise<Answer> {
  const { ports, client, screen, short, undisturbed } = question;
  const { editPlan, readPlan } = await import("./edit-plan.ts");
  try {
    const original = await readPlan(client, id, short(id));
    const version = await screen.asking(() =>
      undisturbed(() => editPlan(client, original, short(id), ports.edit)),
    );
    screen.line(version === null ? "nothing was changed" : `stored as version ${version}`);
  } catch (error) {
    if (!(error instanceof RpcError || error instanceof LooprError)) throw error;
    screen.line(plain(error.message));
    if (error.hint) screen.line(`  ${plain(error.hint)}`);
  }
  await question.follow.refresh();
  return "go_on";
}

const mergeChoices = [
  { key: "y", label: "yes" },
  { key: "n", label: "no" },
  { key: "d", label: "diff" },
] as const;

export async function askToMerge(question: Question): Promise<Answer> {
  const { ports, client, follow, screen, style } = question;
  const { id, branch } = follow.loop;
  screen.status("");
  const withdrawn = withdrawnWhen(follow, () => shownState(follow.loop) !== "verified");
  for (;;) {
    const what = branch ? `Every check has passed on ${plainLine(branch)}.` : "Every check has passed.";
    const answer = await screen.asking(() =>
      ports.ask.choice(`${what} Merge it now?`, [...mergeChoices], withdrawn),
    );
    if (withdrawn.aborted) return "go_on";
    if (answer === "d") {
      const { diff, truncated } = await client.call("loop.diff", { id });
      for (const line of diffLines(style, diff, truncated)) screen.line(line);
    } else if (answer === "y") {
      await merging(client, follow);
      return "go_on";
    } else {
      return "leave";
    }
  }
}

/** Aborted as soon as the question has become pointless, be it that nobody can be told the answer. */
function withdrawnWhen(follow: Follow, condition: () => boolean): AbortSignal {
  const withdrawn = new AbortController();
  const withdraw = () => withdrawn.abort();
  follow.until(condition).then(withdraw, withdraw);
  return withdrawn.signal;
}

/** Another terminal may have been faster, or the daemon may have gone: what counts is the state it is in then. */
async function decide(question: Question, request: () => Promise<unknown>): Promise<Answer> {
  const { client, follow, screen } = question;
  try {
    await request();
  } catch (error) {
    const raced = error instanceof RpcError && error.code === rpcCodes.invalidState;
    const lost =
      error instanceof LooprError && error.code === "connection_lost" && (await reconnected(client));
    if (!raced && !lost) throw error;
    screen.line(plainLine(error.message));
  }
  await follow.refresh();
  return "go_on";
}
