// An iteration of a plan, spec or phase: the artifact is the work. It is handed in by a tool call that fits its
// schema, and then read by the judge.
import {
  PhaseArtifact,
  PlanArtifact,
  planProblems,
  SpecArtifact,
  versionHandedIn,
  wideGlobs,
} from "../domain/artifacts.ts";
import type { IterationRecord } from "../domain/evidence.ts";
import { judgeFeedback, type Judgement } from "../domain/judgement.ts";
import type { Loop } from "../domain/loop.ts";
import { typeOf, type TypeDefinition } from "../domain/loop-types.ts";
import { nextPass, type PassName } from "../domain/passes.ts";
import { LooprError } from "../lib/errors.ts";
import { addTurn, noUsage } from "./accounting.ts";
import { inheritedContext, renderArtifact } from "./artifacts.ts";
import type { Conversation } from "./conversation.ts";
import { refusalReasons } from "./tool-words.ts";
import type { IterationContext, IterationEnd } from "./iteration-end.ts";
import type { Journal } from "./journal.ts";
import { askJudge } from "./judge.ts";
import type { Parts } from "./parts.ts";
import type { Model } from "./ports.ts";
import { contextSection, personSection, taskSection } from "./prompts.ts";
import { talk } from "./talk.ts";
import { typeProblems } from "./type-problems.ts";
import type { Workspace } from "./workspace.ts";

export async function iterateArtifact(
  parts: Parts,
  loop: Loop,
  workspace: Workspace,
  journal: Journal,
  model: Model,
  context: IterationContext,
): Promise<IterationEnd> {
  const type = typeOf(workspace.run, loop);
  // A draft alone is no pass among others.
  const pass = type.passes.length > 1 ? passOf(parts, loop, type) : null;
  const following = pass === null ? undefined : type.passes[type.passes.indexOf(pass) + 1];
  let record: Partial<IterationRecord> = { pass };
  // Handed in already, where the daemon died between that and the judge's word.
  const newest = parts.store.artifacts(loop.id).at(-1);
  if (newest?.author !== "model" || newest.iteration !== loop.iteration) {
    if (pass !== null) {
      const number = type.passes.indexOf(pass) + 1;
      const progress = `iteration ${loop.iteration}: ${pass}, pass ${number} of ${type.passes.length}`;
      parts.ledger.update(loop.id, { progress });
    }
    const { conversation, usage, stuck } = await talk(parts, {
      loop,
      workspace,
      journal,
      model,
      context,
      pass,
      planSoFar: pass === null || pass === "draft" ? null : parts.store.artifact(loop.id),
      artifactProblems: (value) => problemsOf(value, parts, loop),
    });
    if (stuck) return stuck;
    record = { ...usage, pass };
    if (conversation.artifact === null) {
      return { passed: false, layer: "format", feedback: notHandedIn(loop, conversation), record };
    }
    handIn(parts, loop, conversation.artifact, record);
  }
  if (following !== undefined)
    return { passed: true, next: following, layer: "format", feedback: "", record };
  if (type.judge.mode === "off") return { passed: true, layer: "format", feedback: "", record };
  const judgement = await judged(parts, loop, workspace, journal, model, context);
  const refused = judgement.mode === "gate" && judgement.pass === false;
  return {
    passed: !refused,
    layer: judgement.mode === "gate" ? "judge" : "format",
    feedback: refused ? judgeFeedback(loop.loop_type, judgement.reasons) : "",
    record,
  };
}

/** A pass that was accepted is done, also where the judge then refused the plan. */
function passOf(parts: Parts, loop: Loop, type: TypeDefinition): PassName | null {
  const done = parts.store
    .iterations(loop.id)
    .filter(
      ({ iteration, pass, outcome, layer }) =>
        iteration < loop.iteration && pass && (outcome === "passed" || layer === "judge"),
    );
  return nextPass(type.passes, done.length);
}

function problemsOf(value: unknown, parts: Parts, loop: Loop): string[] {
  switch (loop.loop_type) {
    case "plan": {
      const plan = PlanArtifact.safeParse(value).data;
      return plan ? [...planProblems(plan), ...typeProblems(plan, parts, loop)] : [];
    }
    case "spec":
      return wideGlobs(SpecArtifact.safeParse(value).data?.phases ?? []);
    case "phase": {
      const phase = PhaseArtifact.safeParse(value).data;
      return phase ? wideGlobs([phase]) : [];
    }
    case "code":
      return [];
  }
}

function handIn(parts: Parts, loop: Loop, value: unknown, usage: Partial<IterationRecord>): void {
  const { id, loop_type, root_id, iteration } = loop;
  const version = versionHandedIn(parts.store.artifacts(id).at(-1), iteration);
  const path = `${loop_type}.md`;
  const record = recordOf(parts, loop);
  parts.ledger.update(
    id,
    { output_artifacts: [path] },
    {
      change: {
        artifacts: [{ loop_id: id, version, author: "model", iteration, at: parts.clock.now(), value }],
        iterations: record ? [{ ...record, ...usage }] : [],
        events: [{ event: "loop.artifact", loop_id: id, root_id, data: { id, path } }],
      },
    },
  );
}

function notHandedIn(loop: Loop, conversation: Conversation): string {
  const call = `create_${loop.loop_type}`;
  const { refusal } = conversation;
  // First, as the failure's message begins with what the feedback begins with.
  const refused = refusal === null ? "" : `The last call of ${call} was refused: ${refusalReasons(refusal)}.`;
  const ended = `You ended without an accepted call of ${call}. Call it exactly once, with all its parameters.`;
  return [refused, endingText(conversation), ended].filter((part) => part !== "").join(" ");
}

function endingText(conversation: Conversation): string {
  switch (conversation.ending) {
    case "turns_used_up":
      return `All ${conversation.turns} turns were used up.`;
    case "refused":
      return "The model refused to answer.";
    case "cut_off":
      return "The answer was cut off at the token limit.";
    case "stuck":
    case "done":
      return "";
  }
}

/** The judge's word on this iteration: asked once, and again only where it gave none. */
async function judged(
  parts: Parts,
  loop: Loop,
  workspace: Workspace,
  journal: Journal,
  model: Model,
  context: IterationContext,
): Promise<Judgement> {
  const type = typeOf(workspace.run, loop);
  const mode = type.judge.mode === "gate" ? "gate" : "shadow";
  const known = recordOf(parts, loop)?.judgements?.at(-1);
  if (known && known.pass !== null) return known;
  parts.ledger.update(loop.id, { progress: `iteration ${loop.iteration}: the judge reads it` });
  const usage = noUsage();
  const said = (pass: boolean | null, reasons: string[], error: string | null): Judgement => ({
    mode,
    model: type.judge.model,
    pass,
    reasons,
    error,
    tokens_in: usage.tokens_in,
    tokens_out: usage.tokens_out,
    cost_usd: usage.cost_usd,
    at: parts.clock.now(),
  });
  try {
    const verdict = await askJudge({
      loop,
      type,
      workspace,
      model,
      journal,
      prompt: judgePrompt(parts, loop),
      signal: context.signal,
      onTurn: (turn) => {
        addTurn(usage, turn);
      },
    });
    return keep(parts, loop, said(verdict.pass, verdict.reasons, null));
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof LooprError) || error.code.startsWith("budget_")) throw error;
    const judgement = keep(parts, loop, said(null, [], error.message));
    if (mode === "gate") throw asJudgeFailure(error, loop, type);
    journal.output("judge", `• no verdict: ${error.message}\n`);
    return judgement;
  }
}

/** A request that the provider refuses says nothing about the loop's work: that is for the person to mend. */
function asJudgeFailure(error: LooprError, loop: Loop, type: TypeDefinition): LooprError {
  if (error.code !== "model_rejected") return error;
  return new LooprError(
    "judge_failed",
    `the judge (${type.judge.model}) could not be asked about the ${loop.loop_type} "${loop.title}": ${error.message}`,
    `loopr resume ${loop.id} asks it again; llm.models.judge names another model in later runs`,
    { cause: error },
  );
}

function judgePrompt(parts: Parts, loop: Loop): string {
  const inherited = inheritedContext(parts, { ...loop, iteration: 1 });
  const work = `<work type="${loop.loop_type}">\n${renderArtifact(parts, loop).trim()}\n</work>`;
  return [contextSection(inherited), taskSection(loop), personSection(loop), work]
    .filter((part) => part !== "")
    .join("\n\n");
}

function recordOf(parts: Parts, loop: Loop): IterationRecord | undefined {
  return parts.store.iterations(loop.id).findLast((one) => one.iteration === loop.iteration);
}

function keep(parts: Parts, loop: Loop, judgement: Judgement): Judgement {
  const record = recordOf(parts, loop);
  if (record) {
    const judgements = [...(record.judgements ?? []), judgement];
    parts.ledger.record({ iterations: [{ ...record, judgements }] });
  }
  return judgement;
}
