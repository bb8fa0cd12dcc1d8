// Configuration, key and the repository of the current directory.
import { statSync } from "node:fs";
import { detectChecks } from "../../config/detect.ts";
import { loadConfig } from "../../config/load.ts";
import { readProjectFile } from "../../config/project-file.ts";
import { trustState } from "../../config/trust.ts";
import { typesToTrust } from "../../config/type-trust.ts";
import { loadTypes } from "../../config/types.ts";
import { defaultConfig, type Config } from "../../domain/config.ts";
import { builtInSource } from "../../domain/loop-types.ts";
import { LooprError } from "../../lib/errors.ts";
import { defaultDataDir, userConfigPath } from "../../lib/paths.ts";
import { checkCopy } from "./copy.ts";
import { openProject, type CheckedOutProject } from "../project.ts";
import { fail, failed, ok, warn, type Finding } from "./finding.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The person's own configuration; the defaults, with a finding that has failed, where it cannot be read. */
export function checkConfiguration(
  env: Environment,
  explicit: string | null,
): { config: Config; finding: Finding } {
  const own = { env, projectRoot: null, projectHash: "", dataDir: defaultDataDir(env), explicit };
  try {
    const { config, origins } = loadConfig(own);
    const files = new Set([...origins.values()].map(({ file }) => file));
    const detail = files.size ? [...files].join(", ") : `defaults (no ${userConfigPath(env) ?? "file"})`;
    return { config, finding: ok("configuration", detail) };
  } catch (error) {
    return { config: structuredClone(defaultConfig), finding: failed("configuration", error) };
  }
}

/** Whether there is a key, never what it is. */
export function checkKey(config: Config, env: Environment): Finding {
  if (config.llm.provider === "scripted")
    return ok("model", `scripted, by ${config.llm.script ?? "no script"}`);
  const { api_key_env, api_key_file, base_url } = config.llm.providers.anthropic;
  const variable = api_key_env ?? "ANTHROPIC_API_KEY";
  const address = env["ANTHROPIC_BASE_URL"] || base_url;
  const at = address ? ` at ${hostOf(address)}` : "";
  const model = `${config.llm.model}${at}`;
  if (env[variable]) return ok("model", `${model}; ${variable} is set`);
  if (api_key_file !== null) return checkKeyFile(api_key_file, model);
  if (address) return ok("model", `${model}, without a key`);
  return warn("model", `${variable} is not set`, `export ${variable}=…; loopr demo needs none`);
}

function checkKeyFile(path: string, model: string): Finding {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isFile()) {
    return fail("model", `the key file ${path} is not there`, "correct llm.providers.anthropic.api_key_file");
  }
  if (found.mode & 0o077) return warn("model", `others can read the key file ${path}`, `chmod 600 '${path}'`);
  return ok("model", `${model}; the key is in ${path}`);
}

/** Never with what may stand before an @. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "an address that is no URL";
}

export async function checkProject(
  cwd: string,
  env: Environment,
  explicit: string | null,
): Promise<Finding[]> {
  let project: CheckedOutProject;
  try {
    project = await openProject(cwd);
  } catch (error) {
    if (!(error instanceof LooprError)) throw error;
    if (error.code === "git_unusable") return []; // said already
    if (error.code === "not_a_repository") return [ok("repository", "none here: nothing to check")];
    return [fail("repository", error.message, error.hint)];
  }
  return [ok("repository", project.root), ...(await projectFileFindings(project, env, explicit))];
}

async function projectFileFindings(
  project: CheckedOutProject,
  env: Environment,
  explicit: string | null,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  let path: string | null = null;
  try {
    const file = readProjectFile(project.root);
    if (file) {
      const trust = trustState(project, file);
      if (trust === "changed" || trust === "unknown") {
        const how = trust === "changed" ? "has changed since it was trusted" : "is not trusted";
        return [warn("project file", `${file.path} makes commands run and ${how}`, "loopr trust")];
      }
      findings.push(ok("project file", `${file.path}${trust === "trusted" ? ", trusted" : ""}`));
      path = file.path;
    }
  } catch (error) {
    return [failed("project file", error)];
  }
  try {
    const { config, warnings } = loadConfig({ ...project, projectRoot: project.root, env, explicit });
    for (const warning of warnings) findings.push(warn("project file", warning, "lower it, or remove it"));
    findings.push(checkFinding(config, project, path), ...typeFindings(config, project, env));
    findings.push(...(await checkCopy(config.worktree.copy, project.root, defaultDataDir(env))));
  } catch (error) {
    // A mistake in the person's own files has been told by "configuration".
    if (!(error instanceof LooprError)) throw error;
  }
  return findings;
}

/** `path`: the project's own file, which `loopr init` would not touch. */
function checkFinding(config: Config, project: CheckedOutProject, path: string | null): Finding {
  if (config.validation.command !== null) return ok("check", config.validation.command);
  const [found] = detectChecks(project.root);
  const detail = found
    ? `not set; ${found.because} suggests: ${found.command}`
    : "not set, and none was found";
  if (path !== null) {
    const to = found ? ` to ${JSON.stringify(found.command)}` : "";
    return warn("check", detail, `set validation.command in ${path}${to}, then loopr trust`);
  }
  return warn(
    "check",
    detail,
    found ? "loopr init" : "loopr init, then set validation.command in .loopr.yml",
  );
}

/** Types of loops and prompts beside the built-in ones; nothing where there are none. */
function typeFindings(config: Config, project: CheckedOutProject, env: Environment): Finding[] {
  try {
    const { types, warnings } = loadTypes(config, { env, projectRoot: project.root });
    const findings = warnings.map((warning) => warn("loop types", warning, "lower it, or remove it"));
    const source = typesToTrust(project, project.root);
    if (source && trustState(source.project, source.file) !== "trusted") {
      findings.push(
        warn("loop types", `${source.file.path} makes commands run and is not trusted`, "loopr trust"),
      );
    }
    const own = Object.values(types).filter(
      (type) => type.extends !== null || type.prompt.source !== builtInSource,
    );
    if (own.length > 0) findings.push(ok("loop types", own.map(({ name }) => name).join(", ")));
    return findings;
  } catch (error) {
    return [failed("loop types", error)];
  }
}
