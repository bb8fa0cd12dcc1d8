// The configuration of a run: defaults < the user's file < the project's < an explicit file < variables < options.
import { realpathSync } from "node:fs";
import { isAbsolute, relative, resolve } from "node:path";
import { Config, daemonSections, defaultConfig } from "../domain/config.ts";
import type { RunOptions } from "../domain/run-options.ts";
import { LooprError } from "../lib/errors.ts";
import { userConfigPath } from "../lib/paths.ts";
import { configKeys, type ConfigKey } from "./keys.ts";
import { parseConfigFile, type Entry } from "./parse.ts";
import { missing } from "./personal.ts";
import { readProjectFile, type ProjectFile } from "./project-file.ts";
import { readSmallFile } from "./read.ts";
import { requireTrust, trustState } from "./trust.ts";
import { checkValue, settledValue } from "./values.ts";

export interface LoadOptions {
  /** The environment of the person who asks: it says where their file is. */
  env: Readonly<Record<string, string | undefined>>;
  /** Root of the person's checkout; null outside a repository. */
  projectRoot: string | null;
  projectHash: string;
  /** The home, where trust.json is. */
  dataDir: string;
  /** The file named by `--config` or LOOPR_CONFIG: absolute, or null. */
  explicit: string | null;
  /** The flags of the command. */
  options?: RunOptions;
  /**
   * Variables of the person's shell that stand for keys. Not for the daemon, whose environment is that of
   * whoever happened to start it: what counts for a run its client sends.
   */
  variables?: Readonly<Record<string, string | undefined>>;
  /** `leave_out`: what is not trusted does not count, and is told, instead of being refused. */
  untrusted?: "refuse" | "leave_out";
}

export interface Origin {
  level: "user" | "project" | "explicit" | "environment" | "option";
  /** Null for a variable and an option. */
  file: string | null;
  line: number | null;
  /** The variable's name. */
  variable?: string;
}

/** A value of a project's file that does not count, and why. */
export interface LeftOut {
  name: string;
  value: unknown;
  file: string;
  line: number;
  why: string;
}

export interface LoadedConfig {
  config: Config;
  /** Where each key's value comes from; a key that is absent here has its default. */
  origins: ReadonlyMap<string, Origin>;
  /** Sentences for the person, such as a bound of the project that was ignored. */
  warnings: string[];
  leftOut: LeftOut[];
}

/**
 * Throws `config_invalid` (file, line and key are named) and `not_trusted` (the project's file makes
 * commands run, and nobody accepted it with `loopr trust`).
 */
export function loadConfig(from: LoadOptions): LoadedConfig {
  const loading = new Loading(from.env);
  const userFile = userConfigPath(from.env);
  const userText = userFile === null ? null : readSmallFile(userFile);
  if (userFile !== null && userText !== null)
    loading.file("user", userFile, parseConfigFile(userFile, userText));
  const project = from.projectRoot === null ? null : readProjectFile(from.projectRoot);
  if (project) {
    const entries = trustedEntries(from, project, loading);
    loading.file("project", project.path, loading.lowered(project.path, entries));
  }
  if (from.explicit !== null) {
    const entries = loading.ofRuns(from.explicit, explicitEntries(from.explicit), userFile);
    loading.file("explicit", from.explicit, entries);
  }
  for (const [variable, name, value] of variableValues(from.variables ?? {})) {
    loading.variable(variable, name, value);
  }
  for (const [name, value] of optionValues(from)) loading.option(name, value);
  loading.tellIdle();
  const { origins, warnings, leftOut } = loading;
  return { config: Config.parse(loading.config), origins, warnings, leftOut };
}

function trustedEntries(from: LoadOptions, project: ProjectFile, loading: Loading): Entry[] {
  if (from.untrusted !== "leave_out") {
    requireTrust(from, project);
    return project.entries;
  }
  const state = trustState(from, project);
  if (state === "trusted" || state === "not_needed") return project.entries;
  for (const entry of project.trusted) {
    loading.leaveOut(
      project.path,
      entry,
      state === "changed" ? "the file has changed since it was trusted" : "not trusted",
    );
  }
  return project.entries.filter((entry) => !project.trusted.includes(entry));
}

function* variableValues(
  variables: NonNullable<LoadOptions["variables"]>,
): Generator<[variable: string, name: string, value: unknown]> {
  const { LOOPR_SCRIPT: script, LOOPR_LOG: level, ANTHROPIC_BASE_URL: url } = variables;
  if (script) {
    yield ["LOOPR_SCRIPT", "llm.provider", "scripted"];
    yield ["LOOPR_SCRIPT", "llm.script", resolve(script)];
  }
  if (level) yield ["LOOPR_LOG", "log.level", level.toLowerCase()];
  if (url) yield ["ANTHROPIC_BASE_URL", "llm.providers.anthropic.base_url", url];
}

function explicitEntries(path: string): Entry[] {
  const text = readSmallFile(path);
  if (text !== null) return parseConfigFile(path, text);
  throw missing(path);
}

class Loading {
  readonly config: Config = structuredClone(defaultConfig);
  readonly origins = new Map<string, Origin>();
  readonly warnings: string[] = [];
  readonly leftOut: LeftOut[] = [];
  readonly #env: LoadOptions["env"];

  constructor(env: LoadOptions["env"]) {
    this.#env = env;
  }

  file(level: "user" | "project" | "explicit", file: string, entries: readonly Entry[]): void {
    for (const { key, value, line } of entries) {
      setValue(this.config, key.name, settledValue(key, value, file, this.#env));
      this.origins.set(key.name, { level, file, line });
    }
  }

  leaveOut(file: string, { key, value, line }: Entry, why: string): void {
    this.leftOut.push({ name: key.name, value, file, line, why });
  }

  variable(variable: string, name: string, value: unknown): void {
    const problem = checkValue(knownKey(name), value);
    if (problem) {
      const text = problem.replace("%value", JSON.stringify(value));
      throw new LooprError("config_invalid", `${variable}: ${name} ${text}`, `correct or unset ${variable}`);
    }
    setValue(this.config, name, value);
    this.origins.set(name, { level: "environment", file: null, line: null, variable });
  }

  option(name: string, value: unknown): void {
    const key = knownKey(name);
    const problem = checkValue(key, value);
    if (problem) {
      const text = problem.replace("%value", JSON.stringify(value));
      throw new LooprError(
        name === "levels" ? "bad_levels" : "config_invalid",
        `the option for ${name} ${text}`,
        "loopr run --help shows the options",
      );
    }
    setValue(this.config, name, value);
    this.origins.set(name, { level: "option", file: null, line: null });
  }

  /** Keys that are taken, and that nothing uses yet. */
  tellIdle(): void {
    const origin = this.origins.get("concurrency.lanes.net");
    if (origin?.file == null) return;
    const { file, line } = { file: origin.file, line: origin.line ?? 1 };
    const why =
      "there are no tools with network; checks and set-ups take the lane heavy, with network or without";
    this.warnings.push(`${file}:${line}: concurrency.lanes.net has no effect yet: ${why}`);
    this.leftOut.push({
      name: "concurrency.lanes.net",
      value: this.config.concurrency.lanes.net,
      file,
      line,
      why,
    });
  }

  /** Without what the daemon reads from the user's own file alone: that is told, and does not count. */
  ofRuns(file: string, entries: readonly Entry[], userFile: string | null): Entry[] {
    return entries.filter((entry) => {
      const { key, line } = entry;
      if (!daemonSections.has(key.name.split(".")[0] ?? "")) return true;
      const why = `the daemon serves all of your commands, and reads it from ${userFile ?? "your own file"} when it starts`;
      this.warnings.push(`${file}:${line}: ${key.name} does not count here: ${why}`);
      this.leaveOut(file, entry, why);
      return false;
    });
  }

  /** A project's bounds count only where they are lower than what the user has. */
  lowered(file: string, entries: readonly Entry[]): Entry[] {
    return entries.filter((entry) => {
      const { key, value, line } = entry;
      if (key.project !== "lower") return true;
      const own = getValue(this.config, key.name);
      const unbounded = (bound: unknown) => (typeof bound === "number" ? bound : Infinity);
      if (unbounded(value) <= unbounded(own)) return true;
      const whose = this.origins.has(key.name) ? "your" : "the default";
      this.warnings.push(
        `${file}:${line}: ${key.name} is ${shown(value)}, more than ${whose} ${shown(own)}, and is ignored; ` +
          `a project can only lower it`,
      );
      this.leaveOut(file, entry, `more than ${whose} ${shown(own)}`);
      return false;
    });
  }
}

function* optionValues({ options, projectRoot }: LoadOptions): Generator<[string, unknown]> {
  if (!options) return;
  if (options.no_check) yield ["validation.command", null];
  if (options.check != null) {
    yield ["validation.command", options.check];
    if (options.cwd !== undefined && projectRoot !== null) {
      yield ["validation.cwd", inside(projectRoot, options.cwd)];
    }
  }
  if (options.max_iterations !== undefined) {
    for (const type of ["plan", "spec", "phase", "code"]) {
      yield [`limits.iterations.${type}`, options.max_iterations];
    }
  }
  if (options.budget_usd !== undefined) yield ["limits.run_usd", options.budget_usd];
  if (options.levels !== undefined) yield ["levels", options.levels];
  if (options.target !== undefined) yield ["git.target", options.target];
  if (options.merge !== undefined) yield ["git.auto_merge", options.merge];
  if (options.sandbox !== undefined) yield ["sandbox.mode", options.sandbox];
  if (options.script !== undefined) {
    yield ["llm.provider", "scripted"];
    yield ["llm.script", options.script];
  }
}

/** A directory relative to the checkout's root, links resolved in both; "." is the root. */
function inside(root: string, directory: string): string {
  const real = (path: string) => {
    try {
      return realpathSync(path);
    } catch (error) {
      throw new LooprError("config_invalid", `the directory ${path} does not exist`, "", { cause: error });
    }
  };
  const path = relative(real(root), real(directory));
  if (path === ".." || path.startsWith("../") || isAbsolute(path)) {
    throw new LooprError(
      "config_invalid",
      `the check's directory ${directory} is outside the repository ${root}`,
      "run the command inside the repository",
    );
  }
  return path || ".";
}

function knownKey(name: string): ConfigKey {
  const key = configKeys.get(name);
  if (!key) throw new Error(`no configuration key is called ${name}`);
  return key;
}

/** The value of a key, by its name. */
export function getValue(config: Config, name: string): unknown {
  return name.split(".").reduce<unknown>((at, part) => (isRecord(at) ? at[part] : undefined), config);
}

/** The name is a schema key, so every section on the way exists. */
function setValue(config: Config, name: string, value: unknown): void {
  const parts = name.split(".");
  const last = parts.pop();
  const section = parts.length ? getValue(config, parts.join(".")) : config;
  if (last !== undefined && isRecord(section)) section[last] = value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function shown(value: unknown): string {
  return value === null ? "none" : JSON.stringify(value);
}
