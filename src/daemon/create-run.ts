// loop.create_plan: everything about a run is settled and checked here, once, before anything is stored.
import { isAbsolute } from "node:path";
import { resolveCredentials } from "../config/credentials.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../domain/config.ts";
import { followCheck } from "../engine/follow-check.ts";
import { likelyProduct } from "../domain/likely-product.ts";
import { packageScripts } from "../domain/manifests.ts";
import { shownPaths } from "../domain/shown-paths.ts";
import { matcher } from "../domain/tree-paths.ts";
import type { Loop } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";
import { describeBounds } from "../engine/bounds.ts";
import { newLoop } from "../engine/new-loop.ts";
import type { Git, OpenedRepository } from "../engine/git-port.ts";
import { LooprError } from "../lib/errors.ts";
import { newLoopId } from "../lib/ids.ts";
import { quote } from "../lib/shell.ts";
import { loadScript } from "../llm/script-file.ts";
import { RpcError, rpcCodes } from "../protocol/errors.ts";
import type { Params } from "../protocol/methods.ts";
import type { SandboxProbe } from "../sandbox/probe.ts";
import type { Caller } from "./handlers.ts";
import type { Keyring } from "./keyring.ts";
import { runEnvironment } from "../lib/run-environment.ts";
import { requireUntracked } from "./copyable.ts";
import { settleTypes } from "./run-types.ts";
import { withoutPassword, withPassword } from "./stored-config.ts";

const titleCharsMax = 72;

export interface CreateRunNeeds {
  dataDir: string;
  git: Git;
  keyring: Keyring;
  /** The daemon's own environment where its keys may count, else empty. */
  keyEnvironment: Readonly<Record<string, string | undefined>>;
  /** The person's own, as the daemon has read them. */
  settings: Config;
  probeSandbox: () => Promise<SandboxProbe>;
  now: () => number;
}

export interface CreatedRun {
  run: Run;
  root: Loop;
  bounds: string;
}

/** Refuses with LooprErrors that each say what to do; see the codes in the CLI's list of usage errors. */
export async function createRun(
  params: Params<"loop.create_plan">,
  caller: Caller,
  needs: CreateRunNeeds,
): Promise<CreatedRun> {
  const directory = params.project ?? caller.cwd;
  if (!directory) throw new RpcError(rpcCodes.invalidParams, "Missing 'project' parameter");
  // Ours is `/`: what is meant the client knows alone.
  if (!isAbsolute(directory)) throw invalid("project", "it must be an absolute path");
  if (params.description.trim() === "") throw invalid("description", "it is blank");
  const options = params.options ?? {};
  const opened = await needs.git.open(directory);
  const { project } = opened.repository;
  const places = {
    env: { ...process.env, ...params.env },
    projectRoot: project.root === project.common_dir ? null : project.root,
  };
  const trusted = { projectHash: project.hash, dataDir: needs.dataDir };
  const loaded = loadConfig({
    ...places,
    ...trusted,
    explicit: options.config ?? null,
    options: { ...options, cwd: options.cwd ?? directory },
  });
  const { config } = loaded;
  const waived = options.no_check === true;
  const { types, levels, warnings: aboutTypes } = settleTypes(loaded, places, trusted);
  requireCheck(config, waived);
  const target = await targetOf(config, opened);
  await requireUntracked(loaded, opened.repository, target.commit);
  const sandboxed = await requireSandbox(config.sandbox.mode, needs);
  const credentials = requireModel(config, caller, needs);
  const stored = withoutPassword(config);
  requireNoKey(stored, needs);
  const description = needs.keyring.redact(params.description);
  const checkCwd = config.validation.cwd === "." ? "" : config.validation.cwd;
  await requireDirectory(opened, target.commit, checkCwd);

  const now = needs.now();
  const merge = options.merge ?? config.git.auto_merge;
  const warnings = [...loaded.warnings, ...aboutTypes];
  if (description !== params.description) {
    warnings.push("the task holds an API key or a password of yours: [key] is kept in its place");
  }
  if (waived) warnings.push("unverified: no check runs (--no-check)");
  if (!sandboxed) warnings.push("unsandboxed: tools and the check run with all of your rights");
  const mayChange = options.may_change ?? [];
  const bound = await checkedProduct(opened, target.commit, { config, checkCwd, mayChange });
  if (bound !== null) warnings.push(bound);
  const blocked = await opened.repository.targetBlocked(target.branch);
  if (blocked) {
    const what = blocked.message.replace(/\.$/, "");
    warnings.push(`${what}; the run does not touch it, but cannot be merged until that is settled`);
  }

  const run: Run = {
    id: newLoopId(now),
    project,
    subdir: opened.subdir,
    target_branch: target.branch,
    target_commit: target.commit,
    branch: null,
    levels,
    types,
    config: stored,
    env: needs.keyring.redactAll(runEnvironment(params.env ?? process.env, config.env.pass)),
    check_cwd: checkCwd,
    may_change: mayChange,
    approve: options.approve ?? false,
    merge,
    credentials,
    sandboxed,
    author: config.git.author ?? (await opened.repository.identity()),
    warnings,
    tip: null,
    verified_commit: null,
    merged_commit: null,
    blocked: null,
    merge_requested: false,
    cost_usd: 0,
    budget_usd: config.limits.run_usd,
    budget_tokens: config.limits.run_tokens,
    budget_minutes: config.limits.run_minutes,
    created_at: now,
  };
  const root = rootLoop(run, levels, description, now);
  return { run, root, bounds: describeBounds(root, run) };
}

function invalid(parameter: string, what: string): RpcError {
  return new RpcError(rpcCodes.invalidParams, `Invalid '${parameter}' parameter: ${what}`, { parameter });
}

/** What to say where the check's own command names files that a task may well have to change; null where it does not. */
async function checkedProduct(
  { repository }: OpenedRepository,
  commit: string,
  { config, checkCwd, mayChange }: { config: Config; checkCwd: string; mayChange: readonly string[] },
): Promise<string | null> {
  const { command, protected: configured } = config.validation;
  if (command === null) return null;
  const manifest = checkCwd === "" ? "package.json" : `${checkCwd}/package.json`;
  const indirect = packageScripts((await repository.read(commit, manifest)) ?? "", command);
  const files = await repository.files(commit);
  const isAllowed = matcher(mayChange);
  const check = { repository, base: commit, command, cwd: checkCwd, baseFiles: files, configured };
  const { ofRecipes } = await followCheck(check);
  const commands = [command, ...indirect];
  const named = likelyProduct({ commands, ofRecipes, checkCwd, files, configured });
  const bound = named.filter((path) => !isAllowed(path));
  if (bound.length === 0) return null;
  return (
    `the check's command names ${shownPaths(bound)}: protected as a part of the check, so that the run may not change it; ` +
    `where the task has to: ${bound.map((path) => `--may-change ${quote(path)}`).join(" ")}`
  );
}

function rootLoop(run: Run, levels: Run["levels"], description: string, now: number): Loop {
  const [type, ...below]: string[] = levels === "auto" ? ["plan"] : levels;
  const title = (description.split("\n").find((line) => line.trim() !== "") ?? "run").trim();
  return newLoop(run, {
    id: run.id,
    type: type ?? "plan",
    parent: null,
    title: title.length > titleCharsMax ? `${title.slice(0, titleCharsMax - 1)}…` : title,
    description,
    levels: below,
    dependsOn: [],
    mayChange: [],
    now,
  });
}

function requireCheck(config: Config, waived: boolean): void {
  if (waived || config.validation.command?.trim()) return;
  throw new LooprError(
    "no_check",
    "no check command is set for this repository: nothing could tell whether the work is right",
    "loopr init detects one and writes .loopr.yml, --check CMD gives one, --no-check does without (the result is then unverified)",
  );
}

/** The settings of a run are stored with it, and a command with another text in the key's place would fail. */
function requireNoKey(config: Config, { keyring }: CreateRunNeeds): void {
  const named = Object.entries(config).find(([, value]) => {
    const text = JSON.stringify(value);
    return keyring.redact(text) !== text;
  });
  if (named === undefined) return;
  throw new LooprError(
    "config_invalid",
    `the settings of the run hold an API key or a password of yours (${named[0] === "validation" ? "the check's command" : named[0]})`,
    "they are stored with the run, and keys never are: have the command read it from a file",
  );
}

async function targetOf(
  config: Config,
  opened: OpenedRepository,
): Promise<{ branch: string; commit: string }> {
  const branch = config.git.target ?? opened.branch;
  if (branch === null) {
    throw new LooprError(
      "detached_head",
      `${opened.repository.project.root} has no branch checked out (detached HEAD), so there is nothing to merge onto`,
      "--target BRANCH says which, or check a branch out",
    );
  }
  const commit = await opened.repository.resolve(`refs/heads/${branch}`);
  if (commit === null) {
    throw new LooprError(
      "bad_target",
      `there is no branch ${branch} in ${opened.repository.project.root}`,
      "git branch lists them",
    );
  }
  return { branch, commit };
}

/** Whether commands run sandboxed. Throws `no_sandbox` where they should and cannot. */
export async function requireSandbox(
  mode: Config["sandbox"]["mode"],
  needs: Pick<CreateRunNeeds, "probeSandbox">,
): Promise<boolean> {
  if (mode === "none") return false;
  const probe = await needs.probeSandbox();
  if (probe.ok) return true;
  throw new LooprError(
    "no_sandbox",
    `the sandbox does not work on this machine: ${probe.reason}`,
    `${probe.remedy}; or --sandbox none runs everything with all of your rights`,
  );
}

export function requireModel(config: Config, caller: Caller, needs: CreateRunNeeds): Run["credentials"] {
  if (config.llm.provider === "scripted") {
    if (config.llm.script === null) {
      throw new LooprError(
        "no_model",
        "the scripted model has no script",
        "set llm.script or LOOPR_SCRIPT to a file",
      );
    }
    loadScript(config.llm.script); // a broken script is told now, not in the middle of the run
    return null;
  }
  const settings = withPassword(config, needs.settings);
  const key = resolveCredentials(settings, caller.credentials, needs.keyEnvironment);
  if (key !== null) return needs.keyring.add(key);
  const variable = config.llm.providers.anthropic.api_key_env ?? "ANTHROPIC_API_KEY";
  throw new LooprError(
    "no_model",
    "no model is configured: there is no API key",
    `set ${variable} in the shell that runs loopr, or llm.providers.anthropic.api_key_file in your own configuration; loopr demo needs neither`,
  );
}

async function requireDirectory(opened: OpenedRepository, commit: string, directory: string): Promise<void> {
  if (directory === "") return;
  const files = await opened.repository.files(commit);
  if (files.some((file) => file.startsWith(`${directory}/`))) return;
  throw new LooprError(
    "config_invalid",
    `the check's directory ${directory} is not in the commit that the run starts from`,
    "commit it first, or give validation.cwd a directory that git tracks",
  );
}
