// The Rule of Five: a plan is drafted, then looked at four more times, each time with a fresh context and one
// question. Each pass is an iteration of its own, so that a restart repeats at most the one it interrupted.
import * as z from "zod/mini";

const passNames = ["draft", "completeness", "feasibility", "order", "final"] as const;
export const PassName = z.enum(passNames);
export type PassName = z.infer<typeof PassName>;

/** How many of the five, or which. The draft always comes first, named or not. */
export const Passes = z.union([
  z.int().check(z.minimum(1), z.maximum(passNames.length)),
  z.array(PassName).check(z.maxLength(passNames.length)),
]);
export type Passes = z.infer<typeof Passes>;

/** The passes in their order, the draft first. */
export function passesOf(passes: Passes): PassName[] {
  if (typeof passes === "number") return passNames.slice(0, passes);
  return ["draft", ...passes.filter((name) => name !== "draft")];
}

/**
 * The pass that comes next after those that were accepted; null where all are done: then an iteration mends
 * what the judge or the person said.
 */
export function nextPass(passes: readonly PassName[], accepted: number): PassName | null {
  return passes[accepted] ?? null;
}

const questions: Readonly<Record<Exclude<PassName, "draft">, string>> = {
  completeness:
    "Is it complete? Compare it with the request, sentence by sentence, and with the repository: what was asked for that no spec covers, what follows from it that nobody said (callers, tests, documentation, configuration, migration), what does a spec leave open that whoever builds it would have to guess?",
  feasibility:
    "Can it be done as it is written? Look up what it says of the repository: do the files, functions and commands that it names exist and behave so? Can each spec be built, tested and committed on its own, by someone who sees only its description and the repository? Is one too large for one sitting, or too small to stand alone?",
  order:
    "Is the order right? For each spec: does it need something that another one makes, and is that in depends_on? Is there a dependency that nothing needs, so that work waits in vain? Would two specs that run at the same time change the same lines?",
  final:
    "Read it once more as the person who has to approve it, and as the one who has to build it from nothing else. Is it right, clear and no larger than the request? Take out what is not asked for.",
};

/** What the plan's model is told about the pass that it is in; empty in the draft, and where all are done. */
export function passSection(passes: readonly PassName[], pass: PassName | null): string {
  if (pass === null || pass === "draft") return "";
  const number = passes.indexOf(pass) + 1;
  return (
    `<pass name="${pass}" number="${number}" of="${passes.length}">\n` +
    `The plan above has been drafted; this pass has one question. ${questions[pass]}\n` +
    "If something has to change, call create_plan with the whole plan as it should be. If nothing has to, call accept_plan and say why.\n" +
    "</pass>"
  );
}
