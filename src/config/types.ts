// The types of loops that a run may use: the built-in ones as the configuration makes them, and those that the
// person and the project have added, each with what it inherits worked out.
import { dirname, join } from "node:path";
import type { Config } from "../domain/config.ts";
import {
  builtInDefinitions,
  defaultLevels,
  isArtifactTool,
  isA,
  type TypeDefinition,
} from "../domain/loop-types.ts";
import { loopTypes } from "../domain/loop-states.ts";
import { passesOf } from "../domain/passes.ts";
import { userConfigPath } from "../lib/paths.ts";
import { promptNamed, type PromptDirectories } from "./prompt-files.ts";
import { readTypeFiles, type TypeFile } from "./type-files.ts";
import { projectTypesDirectory } from "./type-trust.ts";

export interface TypePlaces {
  env: Readonly<Record<string, string | undefined>>;
  /** Root of the person's checkout; null outside a repository, and in a bare one. */
  projectRoot: string | null;
}

export interface LoadedTypes {
  types: Record<string, TypeDefinition>;
  files: TypeFile[];
  /** Sentences for the person, such as a bound of the project that was ignored. */
  warnings: string[];
}

/** Throws `config_invalid`, naming file, line and key. */
export function loadTypes(config: Config, places: TypePlaces): LoadedTypes {
  const files = typeFiles(places);
  const prompts = promptDirectories(places);
  const types: Record<string, TypeDefinition> = builtInDefinitions(config);
  for (const type of loopTypes) {
    const prompt = promptNamed(type, type, prompts);
    const definition = types[type];
    if (prompt && definition) types[type] = { ...definition, prompt };
  }
  const loading: Loading = {
    types,
    byName: new Map(files.map((file) => [file.name, file])),
    prompts,
    warnings: [],
  };
  for (const file of files) define(file, [], loading);
  for (const file of files) requireChildren(file, types);
  return { types, files, warnings: loading.warnings };
}

/** A project's type goes before the user's of the same name. */
function typeFiles({ env, projectRoot }: TypePlaces): TypeFile[] {
  const own = userConfigPath(env);
  const files = [
    ...(own === null ? [] : readTypeFiles(join(dirname(own), "loops"), "user")),
    ...(projectRoot === null ? [] : readTypeFiles(projectTypesDirectory(projectRoot), "project")),
  ];
  return [...new Map(files.map((file) => [file.name, file])).values()];
}

/** Where templates are looked for, the nearest first. */
function promptDirectories({ env, projectRoot }: TypePlaces): PromptDirectories {
  const own = userConfigPath(env);
  return [
    ...(projectRoot === null ? [] : [join(projectRoot, ".loopr", "prompts")]),
    ...(own === null ? [] : [join(dirname(own), "prompts")]),
  ];
}

interface Loading {
  types: Record<string, TypeDefinition>;
  byName: ReadonlyMap<string, TypeFile>;
  prompts: PromptDirectories;
  warnings: string[];
}

/** Bases first. `below` are the types that are waiting for this one. */
function define(file: TypeFile, below: readonly string[], loading: Loading): TypeDefinition {
  const { types, byName } = loading;
  const known = types[file.name];
  if (known) return known;
  const name = file.fields.extends;
  const waiting = [...below, file.name];
  if (waiting.includes(name)) {
    throw file.problem(
      "extends",
      `leads in a circle: ${[...waiting.slice(waiting.indexOf(name)), name].join(" → ")}`,
      `a type descends from one of ${loopTypes.join(", ")} in the end`,
    );
  }
  const baseFile = byName.get(name);
  const base = types[name] ?? (baseFile ? define(baseFile, waiting, loading) : undefined);
  if (!base) {
    const known = [...new Set([...loopTypes, ...byName.keys()])].sort().join(", ");
    throw file.problem("extends", `names ${JSON.stringify(name)}, which is no type`, `there are ${known}`);
  }
  return (types[file.name] = inherit(file, base, loading));
}

function inherit(file: TypeFile, base: TypeDefinition, loading: Loading): TypeDefinition {
  const { fields, name } = file;
  const loop_type = base.loop_type;
  const fixed = fields.prompt ?? null;
  const prompt = promptNamed(fixed ?? name, loop_type, loading.prompts);
  if (fixed !== null && prompt === null) {
    throw file.problem(
      "prompt",
      `names ${JSON.stringify(fixed)}, but there is no ${fixed}.md`,
      where(loading),
    );
  }
  return {
    name,
    extends: base.name,
    loop_type,
    description: fields.description ?? base.description,
    prompt: prompt ?? base.prompt,
    model: fields.model ?? base.model,
    tools: toolsOf(file, base),
    limits: limitsOf(file, base, loading),
    judge: judgeOf(file, base),
    passes: passesOfType(file, base),
    children: fields.children ?? base.children,
    validation_command: commandOf(file, base),
  };
}

function where({ prompts }: Loading): string {
  return `templates are looked for in ${prompts.join(" and ")}`;
}

/** A type can do without tools of its base; it cannot have more. */
function toolsOf({ fields, problem }: TypeFile, base: TypeDefinition): string[] {
  if (!fields.tools) return base.tools;
  const choosable = base.tools.filter((tool) => !isArtifactTool(tool));
  const foreign = fields.tools.find((tool) => !base.tools.includes(tool));
  if (foreign !== undefined) {
    throw problem(
      "tools",
      `names ${JSON.stringify(foreign)}, which ${base.name} has not`,
      `it may name some of ${choosable.join(", ")}`,
    );
  }
  const wanted = new Set(fields.tools);
  return base.tools.filter((tool) => isArtifactTool(tool) || wanted.has(tool));
}

/** A project can only lower what is inherited; what is higher is told and ignored. */
function limitsOf(file: TypeFile, base: TypeDefinition, { warnings }: Loading): TypeDefinition["limits"] {
  const limits = { ...base.limits };
  const keys = ["iterations", "turns", "minutes", "tokens", "usd"] as const;
  for (const key of keys) {
    const wanted = file.fields.limits?.[key];
    if (wanted === undefined) continue;
    if (file.level === "project" && wanted > (limits[key] ?? Infinity)) {
      const said = file.problem(
        `limits.${key}`,
        `is ${wanted}, more than the ${String(limits[key])} of ${base.name}`,
      );
      warnings.push(`${said.message}, and is ignored; a project can only lower it`);
      continue;
    }
    limits[key] = wanted;
  }
  return limits;
}

function judgeOf({ fields, problem }: TypeFile, base: TypeDefinition): TypeDefinition["judge"] {
  const { judge } = fields;
  const asked = typeof judge === "string" ? { mode: judge } : judge;
  if (base.loop_type === "code" && asked && asked.mode !== "off") {
    throw problem(
      "judge",
      "is for types of plan, spec and phase; at code the check decides",
      "leave it out, or give the type a validation.command of its own",
    );
  }
  return { ...base.judge, ...asked };
}

function passesOfType({ fields, problem }: TypeFile, base: TypeDefinition): TypeDefinition["passes"] {
  if (fields.passes === undefined) return base.passes;
  if (base.loop_type !== "plan") throw problem("passes", "is for types of plan alone", "leave it out");
  return passesOf(fields.passes);
}

function commandOf({ fields, problem }: TypeFile, base: TypeDefinition): string | null {
  if (fields.validation === undefined) return base.validation_command;
  if (base.loop_type !== "code") {
    throw problem(
      "validation.command",
      "is for types of code alone: the others change no files",
      "leave it out",
    );
  }
  return fields.validation.command;
}

function requireChildren({ name, fields, problem }: TypeFile, types: Record<string, TypeDefinition>): void {
  const definition = types[name];
  if (!definition) return;
  for (const child of fields.children ?? []) {
    if (definition.loop_type === "code")
      throw problem("children", "is set, but code has none", "leave it out");
    if (!types[child]) {
      throw problem(
        "children",
        `names ${JSON.stringify(child)}, which is no type`,
        `there are ${Object.keys(types).sort().join(", ")}`,
      );
    }
    if (isA(types, child, "plan")) {
      throw problem(
        "children",
        `names ${child}: a plan waits for a person, and is never below another loop`,
        "name types of spec, phase or code",
      );
    }
    if (definition.loop_type === "phase" && isA(types, child, "spec")) {
      throw problem(
        "children",
        `names ${child}: a phase is below a spec, not above it`,
        "name types of phase or code",
      );
    }
  }
  const levels = defaultLevels(types, name);
  if (types[levels.at(-1) ?? ""]?.loop_type !== "code") {
    throw problem(
      fields.children ? "children" : "extends",
      `never leads to code: ${levels.join(" → ")} → ${types[levels.at(-1) ?? ""]?.children[0] ?? "nothing"}`,
      "the first of a type's children is what they are by default; those have to come to code in the end",
    );
  }
}
