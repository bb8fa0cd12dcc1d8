// The structured artifacts of plan, spec and phase loops: tool calls checked against these schemas.
// Markdown is rendered from them for people and never parsed back.
import * as z from "zod/mini";
import { matcher } from "./tree-paths.ts";

const text = z.string().check(z.minLength(1), z.maxLength(50_000));
const line = z.string().check(z.minLength(1), z.maxLength(200));

export const PlanSpec = z.strictObject({
  name: line,
  description: text,
  /** Names of specs of the same plan that must be done before this one. */
  depends_on: z._default(z.array(line), []),
  /** `code`: straight to a code loop. `spec`: through spec and phase loops first. */
  level: z._default(z.enum(["code", "spec"]), "code"),
  /** A type of loop that the plan may name, instead of a level. */
  type: z.optional(line),
  acceptance: z._default(z.array(text), []),
  /** Existing tests or other protected files that this spec has to change (paths or globs). */
  changes_tests: z._default(z.array(line), []),
});
export type PlanSpec = z.infer<typeof PlanSpec>;

export const PlanArtifact = z.strictObject({
  title: line,
  summary: text,
  specs: z.array(PlanSpec).check(z.minLength(1), z.maxLength(50)),
});
export type PlanArtifact = z.infer<typeof PlanArtifact>;

const SpecPhase = z.strictObject({
  name: line,
  description: text,
  acceptance: z._default(z.array(text), []),
  changes_tests: z._default(z.array(line), []),
});
export const SpecArtifact = z.strictObject({
  title: line,
  summary: text,
  /** In order: each phase starts when the one before is integrated. */
  phases: z.array(SpecPhase).check(z.minLength(1), z.maxLength(50)),
});
export type SpecArtifact = z.infer<typeof SpecArtifact>;

export const PhaseArtifact = z.strictObject({
  title: line,
  instructions: text,
  files: z._default(z.array(line), []),
  acceptance: z._default(z.array(text), []),
  changes_tests: z._default(z.array(line), []),
});
export type PhaseArtifact = z.infer<typeof PhaseArtifact>;

/** One version of a loop's artifact: the structured value as the model handed it in, or as a person edited it. */
export const ArtifactVersion = z.object({
  /** From 1, growing by one. */
  version: z.number(),
  author: z.enum(["model", "person"]),
  /** The iteration that handed it in, or after which it was edited. */
  iteration: z.number(),
  at: z.number(),
  value: z.unknown(),
});
export type ArtifactVersion = z.infer<typeof ArtifactVersion>;

/** What the rendered plan does not say of itself. With its specs it is the whole plan. */
export const PlanPreview = z.object({
  title: z.string(),
  summary: z.string(),
  version: z.number(),
  /** Who made this version, and when. */
  author: ArtifactVersion.shape.author,
  at: z.number(),
  /** `auto`: each spec's own level counts. Otherwise the levels of the whole run were chosen. */
  levels: z.union([z.literal("auto"), z.array(z.string())]),
});

/**
 * The number of what an iteration's model hands in. An iteration that is repeated after a crash replaces what
 * it had handed in before; whatever a person has edited meanwhile stays.
 */
export function versionHandedIn(newest: ArtifactVersion | undefined, iteration: number): number {
  if (newest === undefined) return 1;
  const again = newest.author === "model" && newest.iteration === iteration;
  return again ? newest.version : newest.version + 1;
}

/** A plan goes over the wire more than once in a message of at most 1 MiB. Characters of its JSON. */
const planCharsMax = 200_000;

/**
 * Checks what a schema cannot: names are unique, dependencies exist and have no cycle.
 * Returns the problems as sentences for the model; empty when the plan is sound.
 */
export function planProblems(plan: PlanArtifact): string[] {
  const problems: string[] = [];
  const chars = JSON.stringify(plan).length;
  if (chars > planCharsMax) {
    problems.push(`The plan is too long: ${chars} characters of at most ${planCharsMax}. Shorten it.`);
  }
  const byName = new Map(plan.specs.map((spec) => [spec.name, spec]));
  if (byName.size < plan.specs.length) problems.push("Two specs have the same name; each needs its own.");
  for (const spec of plan.specs) {
    for (const name of spec.depends_on) {
      if (!byName.has(name)) problems.push(`Spec "${spec.name}" depends on "${name}", which is not a spec.`);
    }
  }
  const cycle = findCycle(plan);
  if (cycle) problems.push(`The dependencies form a cycle: ${cycle.join(" → ")}. Remove one of them.`);
  return [...problems, ...wideGlobs(plan.specs)];
}

/** Names and endings that no glob for certain files has in it. */
const anyNames = ["qzx", "qzx/wkv", "qzx/wkv/jhf"];
const anyEndings = [
  "",
  ..."js ts tsx mjs py rb go rs java kt cs php swift c cpp sh yml json txt md"
    .split(" ")
    .map((end) => `.${end}`),
];
const anyPaths = anyNames.flatMap((name) => anyEndings.map((end) => name + end));

/** Globs in `changes_tests` that would free any file, as sentences: such a permission says nothing. */
export function wideGlobs(tasks: readonly { changes_tests: readonly string[] }[]): string[] {
  return [...new Set(tasks.flatMap(({ changes_tests }) => changes_tests))]
    .filter((glob) => anyPaths.some(matcher([glob])))
    .map(
      (glob) =>
        `"${glob}" in changes_tests means any file. Name the existing tests that the request makes wrong.`,
    );
}

function findCycle(plan: PlanArtifact): string[] | null {
  const byName = new Map(plan.specs.map((spec) => [spec.name, spec]));
  const done = new Set<string>();
  const visit = (name: string, path: string[]): string[] | null => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return null;
    for (const next of byName.get(name)?.depends_on ?? []) {
      const found = visit(next, [...path, name]);
      if (found) return found;
    }
    done.add(name);
    return null;
  };
  for (const spec of plan.specs) {
    const found = visit(spec.name, []);
    if (found) return found;
  }
  return null;
}

const bullets = (title: string, items: readonly string[]) =>
  items.length ? `\n${title}:\n${items.map((item) => `- ${item}`).join("\n")}\n` : "";

export function renderPlan(plan: PlanArtifact): string {
  const specs = plan.specs.map((spec, index) => {
    const way =
      spec.type !== undefined
        ? `as ${spec.type}`
        : spec.level === "code"
          ? "straight to code"
          : "through spec and phases";
    const after = spec.depends_on.length ? `, after ${spec.depends_on.join(", ")}` : "";
    return (
      `## ${index + 1}. ${spec.name} (${way}${after})\n\n${spec.description}\n` +
      bullets("Acceptance", spec.acceptance) +
      bullets("Existing tests it will change", spec.changes_tests)
    );
  });
  return `# ${plan.title}\n\n${plan.summary}\n\n${specs.join("\n")}`;
}

export function renderSpec(spec: SpecArtifact): string {
  const phases = spec.phases.map(
    (phase, index) =>
      `## Phase ${index + 1}: ${phase.name}\n\n${phase.description}\n` +
      bullets("Acceptance", phase.acceptance) +
      bullets("Existing tests it will change", phase.changes_tests),
  );
  return `# ${spec.title}\n\n${spec.summary}\n\n${phases.join("\n")}`;
}

export function renderPhase(phase: PhaseArtifact): string {
  return (
    `# ${phase.title}\n\n${phase.instructions}\n` +
    bullets("Files", phase.files) +
    bullets("Acceptance", phase.acceptance) +
    bullets("Existing tests it will change", phase.changes_tests)
  );
}
