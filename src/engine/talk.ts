// The model's part of an iteration: its prompt from its type's template, the conversation, and what it used up.
import type { Loop } from "../domain/loop.ts";
import { typeOf } from "../domain/loop-types.ts";
import type { PassName } from "../domain/passes.ts";
import { addTurn, type Usage } from "./accounting.ts";
import { inheritedContext } from "./artifacts.ts";
import { converse, type Conversation } from "./conversation.ts";
import { refusalReasons } from "./tool-words.ts";
import type { IterationContext, IterationEnd } from "./iteration-end.ts";
import type { Journal } from "./journal.ts";
import type { Parts } from "./parts.ts";
import type { Model } from "./ports.ts";
import { userPrompt } from "./prompts.ts";
import { readRecorded, type Unfinished } from "./recorded.ts";
import type { Workspace } from "./workspace.ts";

export interface TalkOptions {
  loop: Loop;
  workspace: Workspace;
  journal: Journal;
  model: Model;
  context: IterationContext;
  /** Of a plan: the pass that it is in. */
  pass: PassName | null;
  /** What accept_plan hands in; null where there is nothing to accept. */
  planSoFar: unknown;
  /** Refuses an artifact that fits its schema and is still wrong: problems as sentences. */
  artifactProblems: (value: unknown) => string[];
}

export interface Talk {
  conversation: Conversation;
  usage: Usage;
  /** The end of the iteration, where the model went round in circles. */
  stuck: IterationEnd | null;
}

export async function talk(parts: Parts, options: TalkOptions): Promise<Talk> {
  const { loop, workspace, journal, model, context, pass } = options;
  const type = typeOf(workspace.run, loop);
  const { system } = type.prompt;
  const prompt = promptOf(parts, loop, workspace, pass);
  journal.prompt(`${system}\n\n---\n\n${prompt}`);
  const recorded =
    loop.loop_type === "code" ? context.unfinished : unfinishedTalk(parts, loop, workspace, pass);
  const { last, usedBefore: usage } = readRecorded(journal.directory);
  // A conversation that begins again leaves behind what it has cost.
  if (recorded === null) for (const { turn } of last?.turns ?? []) addTurn(usage, turn);
  const conversation = await converse({
    loop,
    type,
    pass,
    planSoFar: options.planSoFar,
    workspace,
    model,
    jobs: parts.jobs,
    journal,
    system,
    prompt,
    begunOn: loop.base_commit,
    recorded,
    artifactProblems: options.artifactProblems,
    signal: context.signal,
    onTurn: (turn) => {
      addTurn(usage, turn);
    },
  });
  usage.turns = conversation.turns;
  usage.tool_calls = conversation.toolCalls;
  const { stuck, refusal } = conversation;
  if (stuck === null) return { conversation, usage, stuck: null };
  const how = refusal === null ? stuck : `${stuck}; the last refusal: ${refusalReasons(refusal)}`;
  const feedback = `You were going round in circles: ${how}. Do it another way.`;
  return {
    conversation,
    usage,
    stuck: { passed: false, layer: "model", feedback, stuck: how, record: { ...usage, pass } },
  };
}

/**
 * The conversation that the loop's iteration was interrupted in, where it can go on: it was begun with the same
 * prompt, on the same commit. What a person has said meanwhile is told in it. Other feedback, a permission or a rebase
 * that came in between begin the iteration again.
 */
export function unfinishedTalk(
  parts: Parts,
  loop: Loop,
  workspace: Workspace,
  pass: PassName | null,
): Unfinished | null {
  const { last } = readRecorded(workspace.recordsDir(loop.id, loop.iteration));
  if (last === null || last.begunOn !== loop.base_commit) return null;
  if (last.prompt === promptOf(parts, loop, workspace, pass)) return { ...last, unsaid: [] };
  const { feedback } = loop.context;
  const isMeanwhile = ({ iteration, layer }: Loop["context"]["feedback"][number]) =>
    layer === "person" && iteration === loop.iteration;
  const before = { ...loop.context, feedback: feedback.filter((one) => !isMeanwhile(one)) };
  const promptBefore = promptOf(parts, { ...loop, context: before }, workspace, pass);
  if (last.turns.length === 0 || last.prompt !== promptBefore) return null;
  const told = last.turns.reduce((sum, { said }) => sum + said.length, 0);
  return { ...last, unsaid: feedback.filter(isMeanwhile).slice(told).map(saidText) };
}

function saidText({ text }: { text: string }): string {
  return `While you worked, a person said:\n<feedback layer="person">\n${text}\n</feedback>`;
}

function promptOf(parts: Parts, loop: Loop, workspace: Workspace, pass: PassName | null): string {
  const type = typeOf(workspace.run, loop);
  return userPrompt(loop, workspace.run, type, inheritedContext(parts, loop), pass);
}
