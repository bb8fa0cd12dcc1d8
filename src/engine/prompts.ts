// What a loop's model is told: the template of its type, filled in with the task, its context and the feedback
// so far. Only what comes from outside is ever cut, visibly; the template's own words never are.
import { firstSentence } from "../domain/first-sentence.ts";
import type { Loop } from "../domain/loop.ts";
import { choosableTypes, typesOf, type TypeDefinition } from "../domain/loop-types.ts";
import { passSection, type PassName } from "../domain/passes.ts";
import { fillIn } from "../domain/prompt-template.ts";
import type { Run } from "../domain/run.ts";

/** Feedback of one iteration is cut to this, visibly; instructions never are. Characters. */
const feedbackCharsMax = 16_000;
/** How many of the last iterations' feedback a prompt shows. */
const feedbackShown = 3;
const feedbackKept = 10;
/** Half of what the mark of a cut may take. */
const markCharsMax = 32;

export interface Inherited {
  title: string;
  markdown: string;
}

export function userPrompt(
  loop: Loop,
  run: Run,
  type: TypeDefinition,
  inherited: readonly Inherited[],
  pass: PassName | null,
): string {
  return fillIn(type.prompt.prompt, {
    context: contextSection(inherited),
    task: taskSection(loop),
    types: typesSection(loop, run, type),
    pass: passSection(type.passes, pass),
    check: checkSection(loop, run, type),
    feedback: feedbackSection(loop),
  });
}

export function contextSection(inherited: readonly Inherited[]): string {
  return inherited
    .map(({ title, markdown }) => `<context title="${title}">\n${markdown.trim()}\n</context>`)
    .join("\n\n");
}

export function taskSection(loop: Loop): string {
  return `<task>\n${loop.context.description.trim()}\n</task>`;
}

/** What the person asked for since: the judge has to hold the work to it, too. */
export function personSection(loop: Loop): string {
  return loop.context.feedback
    .filter(({ layer }) => layer === "person")
    .map(({ text }) => `<asked_by_the_person>\n${cut(text)}\n</asked_by_the_person>`)
    .join("\n\n");
}

/** The types that a plan may name for its specs; empty where there are none, or where nothing is left to it. */
function typesSection(loop: Loop, run: Run, type: TypeDefinition): string {
  if (type.loop_type !== "plan" || loop.context.levels.length > 0) return "";
  const choosable = choosableTypes(typesOf(run), type.name);
  if (choosable.length === 0) return "";
  const lines = choosable.map(
    ({ name, loop_type, description }) => `- ${name} (${loop_type}): ${description}`,
  );
  return `Types that you may give a spec instead of a level:\n${lines.join("\n")}`;
}

function feedbackSection(loop: Loop): string {
  const feedback = loop.context.feedback;
  if (feedback.length === 0) return "";
  const hidden = feedback.length - feedbackShown;
  const shown = feedback.slice(-feedbackShown).map(({ iteration, layer, text }) => {
    return `<feedback iteration="${iteration}" layer="${layer}">\n${cut(text)}\n</feedback>`;
  });
  // Said before anything was tried: nothing has been refused.
  if (feedback.every(({ layer, iteration }) => layer === "person" && iteration >= loop.iteration))
    return `A person said:\n${shown.join("\n")}`;
  return (
    `Your earlier iterations were not accepted${hidden > 0 ? ` (the oldest ${hidden} are left out)` : ""}. ` +
    `${loop.loop_type === "code" ? "Their changes are still in the worktree. " : ""}Mend what the last feedback says:\n${shown.join("\n")}`
  );
}

function checkSection(loop: Loop, run: Run, type: TypeDefinition): string {
  const command = run.config.validation.command;
  const where = run.check_cwd === "" ? "the root" : run.check_cwd;
  const may = [...loop.context.may_change, ...(loop.context.unread_may_change ?? []), ...run.may_change];
  return (
    (command === null
      ? "There is no check command: the person has waived validation."
      : `The check, run by Loopr in ${where} when you are done: ${command}`) +
    (type.validation_command === null || command === null
      ? ""
      : `\nAnd after it, for loops of the type ${type.name}: ${type.validation_command}`) +
    (may.length > 0 ? `\nProtected files that you may change: ${may.join(", ")}` : "")
  );
}

/**
 * What a loop's record keeps of its feedback, oldest first: what prompts still show, as they show it. It is written
 * with every change of the loop; the whole of it is in the iterations' records.
 */
export function keptFeedback(feedback: Loop["context"]["feedback"]): Loop["context"]["feedback"] {
  const kept = feedback.slice(-feedbackKept);
  return kept.map((one, at) => {
    const isShown = at >= kept.length - feedbackShown || one.layer === "person";
    return { ...one, text: isShown ? cut(one.text) : firstSentence(one.text) };
  });
}

/** No longer than the bound, and so the same when it is cut again. */
function cut(text: string): string {
  if (text.length <= feedbackCharsMax) return text;
  const half = feedbackCharsMax / 2 - markCharsMax;
  return `${text.slice(0, half)}\n[… ${text.length - 2 * half} characters cut …]\n${text.slice(-half)}`;
}
