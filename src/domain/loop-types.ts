// What sets one type of loop apart from another: data, never code. The four built-in types are written in the
// same form as those that people add, and every run keeps the types that it was created with.
import * as z from "zod/mini";
import { builtInPrompts } from "./built-in-prompts.ts";
import type { Config } from "./config.ts";
import { JudgeMode } from "./judgement.ts";
import { loopTypes } from "./loop-states.ts";
import { Budget, LoopType, type Loop } from "./loop.ts";
import { PassName, passesOf } from "./passes.ts";
import { parseTemplate } from "./prompt-template.ts";

export const TypeDefinition = z.object({
  name: z.string(),
  /** The type that it was made from; null: built in. */
  extends: z.nullable(z.string()),
  /** The built-in type that it descends from: what it is on the wire, and which artifact it makes. */
  loop_type: LoopType,
  /** For people, and for the plan that may choose it. */
  description: z.string(),
  prompt: z.object({
    system: z.string(),
    prompt: z.string(),
    /** The file, or `built in`. */
    source: z.string(),
  }),
  model: z.string(),
  tools: z.array(z.string()),
  limits: Budget,
  judge: z.object({ mode: JudgeMode, model: z.string() }),
  /** Of a plan: the Rule of Five, or a part of it. */
  passes: z.array(PassName),
  /** What its children may be: these, and what descends from them. The first is what they are by default. */
  children: z.array(z.string()),
  /** A command that has to succeed beside the project's check; null: none. */
  validation_command: z.nullable(z.string()),
});
export type TypeDefinition = z.infer<typeof TypeDefinition>;
export type TypeDefinitions = Readonly<Record<string, TypeDefinition>>;

/** Where a template comes from that nobody wrote a file for. */
export const builtInSource = "built in";

const reading = ["read_file", "list_directory", "glob", "grep"];

/** What is known of the built-in types before any configuration. */
const builtInTypes: Readonly<Record<LoopType, { description: string; tools: string[]; children: string[] }>> =
  {
    plan: {
      description: "divides the request into specs, which a person approves",
      tools: [...reading, "create_plan", "accept_plan"],
      children: ["code", "spec", "phase"],
    },
    spec: {
      description: "divides one part of the plan into phases, each building on the one before",
      tools: [...reading, "create_spec"],
      children: ["phase", "spec", "code"],
    },
    phase: {
      description: "prepares the instructions of one phase",
      tools: [...reading, "create_phase"],
      children: ["code"],
    },
    code: {
      description: "changes the code until the check passes",
      tools: [...reading, "write_file", "edit_file", "run_command"],
      children: [],
    },
  };

/** Tools that hand in an artifact: a type has them whatever else it may use. */
export function isArtifactTool(name: string): boolean {
  return name.startsWith("create_") || name === "accept_plan";
}

function builtInDefinition(type: LoopType, config: Config): TypeDefinition {
  const { limits, llm } = config;
  const { template } = parseTemplate(builtInPrompts[type], type);
  return {
    name: type,
    extends: null,
    loop_type: type,
    ...builtInTypes[type],
    prompt: { ...template, source: builtInSource },
    model: llm.models[type] ?? llm.model,
    limits: {
      iterations: limits.iterations[type],
      turns: limits.turns,
      minutes: limits.minutes,
      usd: limits.usd,
      tokens: limits.tokens,
    },
    judge: { mode: judgeModeOf(type, config), model: judgeModelOf(config) },
    passes: type === "plan" ? passesOf(config.plan.passes) : [],
    validation_command: null,
  };
}

/** The four built-in types as a configuration makes them. */
export function builtInDefinitions(config: Config): Record<string, TypeDefinition> {
  return Object.fromEntries(loopTypes.map((type) => [type, builtInDefinition(type, config)]));
}

function judgeModeOf(type: LoopType, { judge }: Config): JudgeMode {
  if (type === "code") return "off"; // the check decides there, and no model is asked but the loop's own
  return typeof judge === "string" ? judge : (judge[type] ?? "gate");
}

/** Cheap, unless the person's own model is another than the default: then theirs is known to be there. */
const cheapModel = "claude-haiku-5-5";
const defaultModel = "claude-sonnet-5-5";
function judgeModelOf({ llm }: Config): string {
  return llm.models.judge ?? (llm.model === defaultModel ? cheapModel : llm.model);
}

// ------------------------------------------------------------ which type may follow which

/** What is needed of a type to know where it may stand. */
export type TypeTree = Readonly<
  Record<string, Pick<TypeDefinition, "loop_type" | "children" | "extends"> | undefined>
>;

export const builtInTree: TypeTree = Object.fromEntries(
  loopTypes.map((type) => [type, { loop_type: type, children: builtInTypes[type].children, extends: null }]),
);

/** Whether a type is another one, or descends from it. */
export function isA(types: TypeTree, name: string, ancestor: string): boolean {
  for (let at: string | null = name; at !== null; at = types[at]?.extends ?? null)
    if (at === ancestor) return true;
  return false;
}

/** Whether loops of one type may have children of another. */
function mayLeadTo(types: TypeTree, parent: string, child: string): boolean {
  return (types[parent]?.children ?? []).some((allowed) => isA(types, child, allowed));
}

/** A type and what is below it by default, down to code. Ends where a type comes again: that is refused. */
export function defaultLevels(types: TypeTree, name: string): string[] {
  const levels: string[] = [];
  for (let at: string | undefined = name; at !== undefined && !levels.includes(at);) {
    levels.push(at);
    at = types[at]?.children[0];
  }
  return levels;
}

/** What is wrong with a list of levels, as the end of a sentence; null where it is right. */
export function levelsProblem(types: TypeTree, levels: readonly string[]): string | null {
  const unknown = levels.find((name) => types[name] === undefined);
  if (unknown !== undefined) {
    return `names ${JSON.stringify(unknown)}, which is no type; there are ${Object.keys(types).sort().join(", ")}`;
  }
  for (const [at, name] of levels.entries()) {
    const next = levels[at + 1];
    if (next !== undefined && !mayLeadTo(types, name, next)) {
      const may = types[name]?.children ?? [];
      const whatMay = may.length === 0 ? "nothing comes below it" : `below it may come ${may.join(", ")}`;
      return `has ${next} below ${name}; ${whatMay}`;
    }
  }
  const last = levels.at(-1) ?? "";
  return types[last]?.loop_type === "code" ? null : `ends in ${last}; the last level has to be code`;
}

/**
 * The levels of a child that a plan leaves to itself: the type that it names, or the first that its own type
 * allows of the kind that it says. Null where its type allows none.
 */
export function chosenLevels(
  types: TypeTree,
  plan: string,
  choice: { level: "code" | "spec"; type?: string | undefined },
): string[] | null {
  if (choice.type !== undefined) {
    return mayLeadTo(types, plan, choice.type) ? defaultLevels(types, choice.type) : null;
  }
  const allowed = types[plan]?.children ?? [];
  const first = allowed.find((name) => types[name]?.loop_type === choice.level);
  return first === undefined ? null : defaultLevels(types, first);
}

/** The types that a plan may name for its specs beside the built-in ones. */
export function choosableTypes(types: TypeDefinitions, plan: string): TypeDefinition[] {
  return Object.values(types).filter((type) => type.extends !== null && mayLeadTo(types, plan, type.name));
}

// ------------------------------------------------------------ of a run

/** The types of a run; one that was created before there were others has the built-in ones. */
export function typesOf(run: { types?: TypeDefinitions | undefined; config: Config }): TypeDefinitions {
  return run.types ?? builtInDefinitions(run.config);
}

export function typeOf(
  run: { types?: TypeDefinitions | undefined; config: Config },
  loop: Pick<Loop, "loop_type" | "type_name">,
): TypeDefinition {
  return typesOf(run)[loop.type_name ?? loop.loop_type] ?? builtInDefinition(loop.loop_type, run.config);
}
