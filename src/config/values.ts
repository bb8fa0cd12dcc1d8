// What the schema's types cannot say of a value: forms, paths, names that must not be passed on.
import { dirname, isAbsolute, join, normalize, resolve } from "node:path";
import * as z from "zod/mini";
import { builtInTree, levelsProblem } from "../domain/loop-types.ts";
import { parseLevels } from "../domain/run-options.ts";
import { userHome } from "../lib/paths.ts";
import { expectation, type ConfigKey } from "./keys.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Longest time-out, in seconds: beyond it Node's timers wrap around and fire at once. */
const secondsMax = 2_000_000;
/** Handed to no tool and no check, whatever a file says. */
const secretVariable = /^(ANTHROPIC|OPENAI)_(API_KEY|AUTH_TOKEN)$|^LOOPR_/;

/**
 * What is wrong with a value, as the end of a sentence that starts with the key (`%value` stands for what
 * the file holds); null where it is right.
 */
export function checkValue(key: ConfigKey, value: unknown): string | null {
  const parsed = z.safeParse(key.schema, value);
  if (!parsed.success) return typeProblem(key, value);
  return value === null ? null : (forms[key.name]?.(value) ?? null);
}

function typeProblem(key: ConfigKey, value: unknown): string {
  const expected = expectation(key.schema) + (forms[key.name] === seconds ? " (seconds)" : "");
  if (key.name.startsWith("llm.providers.")) return `must be ${expected}`; // what stands there may be a key
  if (value === null) return `has no value; it must be ${expected}`;
  const quotes = typeof value !== "string" && typeof value !== "object" && expected.includes("a text");
  const inside = typeof value === "object" && expected.includes("texts");
  if (inside && Array.isArray(value) === expected.includes("list")) {
    return `must be ${expected}: put numbers, true and false in quotes`;
  }
  return `must be ${expected}, but is %value` + (quotes ? ": put it in quotes" : "");
}

type Form = (value: unknown) => string | null;

const nonEmpty: Form = (value) =>
  String(value).trim() ? null : "is empty; leave the key out, or write null, to unset it";
const seconds: Form = (value) =>
  Number(value) <= secondsMax ? null : `must be at most ${secondsMax} (seconds)`;
const patterns: Form = (value) =>
  (value as string[]).every((pattern) => pattern.trim()) ? null : "holds an empty pattern";
const copyPaths: Form = (value) => {
  for (const path of value as string[]) {
    const shown = JSON.stringify(path);
    const parts = path.split("/");
    if (path.trim() === "" || path === ".") return `holds ${shown}, which names nothing in the checkout`;
    if (isAbsolute(path) || path.startsWith("~"))
      return `holds ${shown}, which must be relative to the repository's root`;
    if (parts.includes("..")) return `holds ${shown}, which leads out of the checkout`;
    if (parts.includes(".git")) return `holds ${shown}, which is git's own`;
  }
  return null;
};
const paths: Form = (value) => {
  const bad = (value as string[]).find((path) => !isAbsolute(path) && path !== "~" && !path.startsWith("~/"));
  return bad === undefined ? null : `holds ${JSON.stringify(bad)}, which is neither absolute nor below ~`;
};
const variable = (name: string) => {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    return `holds ${JSON.stringify(name)}, which no variable can be called`;
  if (secretVariable.test(name)) return `holds ${name}, which is never given to tools and checks`;
  return null;
};
const firstProblem = (names: string[]) => names.map(variable).find((problem) => problem !== null) ?? null;

/** Which types there are beside the built-in ones is known only where their files are read. */
function areLevels(text: string): boolean {
  const levels = parseLevels(text);
  if (levels === null || levels === "auto") return levels !== null;
  const areBuiltIn = levels.every((name) => builtInTree[name] !== undefined);
  return !areBuiltIn || levelsProblem(builtInTree, levels) === null;
}

const forms: Readonly<Record<string, Form>> = {
  "validation.command": nonEmpty,
  "validation.cwd": (value) => {
    const path = normalize(String(value));
    if (isAbsolute(path)) return "must be relative to the repository's root, but is %value";
    return path === ".." || path.startsWith("../") ? "leads out of the repository: %value" : null;
  },
  "validation.timeout": seconds,
  "validation.protected": patterns,
  "worktree.setup": nonEmpty,
  "worktree.copy": copyPaths,
  "git.target": nonEmpty,
  "git.author": (value) =>
    /^[^<>\n]*[^<>\s][^<>\n]* <[^<>\s]+>$/.test(String(value))
      ? null
      : "must read `Name <email>`, but is %value",
  levels: (value) =>
    areLevels(String(value))
      ? null
      : "must be auto, or some of plan,spec,phase,code in that order, or of your own types, that end in code",
  "llm.model": nonEmpty,
  "llm.models.plan": nonEmpty,
  "llm.models.spec": nonEmpty,
  "llm.models.phase": nonEmpty,
  "llm.models.code": nonEmpty,
  "llm.models.judge": nonEmpty,
  "llm.script": nonEmpty,
  "llm.timeout_s": seconds,
  "llm.providers.anthropic.api_key_env": (value) =>
    /^[A-Za-z_][A-Za-z0-9_]*$/.test(String(value)) ? null : "must be the name of an environment variable",
  "llm.providers.anthropic.api_key_file": nonEmpty,
  "llm.providers.anthropic.base_url": (value) =>
    /^https?:\/\//.test(String(value)) && URL.canParse(String(value))
      ? null
      : "must be a URL that starts with https:// or http://",
  "sandbox.read_deny": paths,
  "sandbox.write_allow": paths,
  "notify.command": nonEmpty,
  "env.pass": (value) => firstProblem(value as string[]),
  "env.set": (value) => firstProblem(Object.keys(value as object)),
};

/** Keys that hold paths: of one file, relative to the directory of the file that names it, or of several. */
const pathKeys: ReadonlySet<string> = new Set([
  "llm.script",
  "llm.providers.anthropic.api_key_file",
  "sandbox.read_deny",
  "sandbox.write_allow",
]);

/** The value as the rest of the program reads it: paths are absolute. */
export function settledValue(key: ConfigKey, value: unknown, file: string, env: Environment): unknown {
  if (!pathKeys.has(key.name) || value === null) return value;
  const absolute = (path: string) => {
    // Where there is none, a path in it names nothing: whoever reads it says so.
    const home = userHome(env) ?? "/nonexistent";
    if (path === "~") return home;
    return path.startsWith("~/") ? join(home, path.slice(2)) : resolve(dirname(file), path);
  };
  if (Array.isArray(value)) return value.map((path) => absolute(String(path)));
  return typeof value === "string" ? absolute(value) : value;
}
