// loopr config show, loopr config path: the configuration that counts here, and where each value comes from.
import { existsSync } from "node:fs";
import { configKeys } from "../config/keys.ts";
import { settleLevels } from "../config/levels.ts";
import { getValue, loadConfig, type LeftOut, type LoadedConfig, type Origin } from "../config/load.ts";
import { projectFilePaths } from "../config/project-file.ts";
import { loadTypes } from "../config/types.ts";
import { LooprError } from "../lib/errors.ts";
import { defaultDataDir, userConfigPath } from "../lib/paths.ts";
import { plainLine } from "../lib/plain.ts";
import { exitCodes, type CliContext } from "./context.ts";
import { paint, styleOf } from "./format.ts";
import { openProject, type CheckedOutProject } from "./project.ts";

export async function configShow(
  context: CliContext,
  _args: string[],
  options: Record<string, unknown>,
): Promise<number> {
  const project = await projectHere(context.cwd);
  const loaded = loadConfig({
    env: process.env,
    variables: process.env,
    projectRoot: project?.root ?? null,
    projectHash: project?.projectHash ?? "",
    dataDir: defaultDataDir(),
    explicit: context.config,
    untrusted: "leave_out",
  });
  // Which types of loops there may be is in other files, and is a part of what counts.
  const { types } = loadTypes(loaded.config, { env: process.env, projectRoot: project?.root ?? null });
  settleLevels(loaded, types);
  if (context.json) context.print(document(loaded));
  else show(context, loaded, options["origin"] === true);
  return exitCodes.done;
}

export async function configPath(context: CliContext): Promise<number> {
  const project = await projectHere(context.cwd);
  const files = [
    { level: "user", path: userConfigPath() },
    { level: "project", path: project === null ? null : projectFile(project.root) },
    { level: "explicit", path: context.config },
  ].map(({ level, path }) => ({ level, path, exists: path !== null && existsSync(path) }));
  if (context.json) context.print({ files });
  for (const { level, path, exists } of files) {
    if (path !== null) context.say(`${level.padEnd(levelColumns)}${path}${exists ? "" : "  (not there)"}`);
  }
  return exitCodes.done;
}

const levelColumns = "explicit  ".length;

/** The one that is there, else the one that `init` would write. */
function projectFile(root: string): string {
  const [usual, other] = projectFilePaths(root);
  return !existsSync(usual) && existsSync(other) ? other : usual;
}

/** Null outside of a repository: then only the person's own files count. */
async function projectHere(cwd: string): Promise<CheckedOutProject | null> {
  try {
    return await openProject(cwd);
  } catch (error) {
    if (error instanceof LooprError && ["not_a_repository", "no_commit"].includes(error.code)) return null;
    throw error;
  }
}

function document({ config, origins, warnings, leftOut }: LoadedConfig): unknown {
  const keys = [...configKeys.keys()].map((name) => {
    const origin = origins.get(name);
    return [name, { value: shown(name, getValue(config, name)), origin: origin ?? { level: "default" } }];
  });
  return {
    keys: Object.fromEntries(keys) as unknown,
    left_out: leftOut.map((entry) => ({ ...entry, value: shown(entry.name, entry.value) })),
    warnings,
  };
}

function show(context: CliContext, loaded: LoadedConfig, withOrigin: boolean): void {
  const style = styleOf(context);
  const rows = [...configKeys.keys()].map((name) => ({
    name,
    value: text(name, getValue(loaded.config, name)),
    origin: originText(loaded.origins.get(name)),
  }));
  const names = Math.max(...rows.map(({ name }) => name.length));
  const values = Math.max(...rows.map(({ value }) => Math.min(value.length, valueColumnsMax)));
  for (const { name, value, origin } of rows) {
    const isDefault = origin === defaultOrigin;
    const line = `${name.padEnd(names)}  ${withOrigin ? `${value.padEnd(values)}  ${origin}` : value}`;
    context.say(isDefault ? paint(style, "dim", line) : line);
  }
  for (const entry of loaded.leftOut) context.note(leftOutText(entry));
  if (loaded.leftOut.some(({ why }) => /trusted/.test(why)))
    context.note("  hint: loopr trust accepts the file");
}

const valueColumnsMax = 40;
const defaultOrigin = "default";

function originText(origin: Origin | undefined): string {
  if (origin === undefined) return defaultOrigin;
  if (origin.variable !== undefined) return `variable ${origin.variable}`;
  return `${plainLine(origin.file ?? "")}:${origin.line ?? 1} (${origin.level})`;
}

function leftOutText({ name, value, file, line, why }: LeftOut): string {
  return `does not count: ${name} ${text(name, value)} at ${plainLine(file)}:${line}: ${why}`;
}

function text(name: string, value: unknown): string {
  return plainLine(JSON.stringify(shown(name, value)));
}

const masked = "[hidden]";
const secretName = /key|token|secret|passw|credential|auth/i;

/** Without what should be on no screen: secrets that somebody has put into variables or addresses. */
function shown(name: string, value: unknown): unknown {
  if (name === "env.set" && typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([variable, content]) => [
        variable,
        secretName.test(variable) ? masked : (content as unknown),
      ]),
    );
  }
  if (name.endsWith(".base_url") && typeof value === "string") {
    return value.replace(/\/\/[^/@]*@/, `//${masked}@`);
  }
  return value;
}
