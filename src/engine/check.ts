// Running the project's check, on a committed tree, in a checkout that no tool job ever writes.
import { createHash } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { cp, mkdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import * as z from "zod/mini";
import { mayUseUnixSockets, type Config } from "../domain/config.ts";
import type { CheckResult } from "../domain/evidence.ts";
import type { Loop } from "../domain/loop.ts";
import { LooprError } from "../lib/errors.ts";
import { idleTargets, onlyMakes } from "../domain/make-idle.ts";
import { executedNoTest } from "../domain/zero-tests.ts";
import { redactFile, type Journal } from "./journal.ts";
import type { Parts } from "./parts.ts";
import type { JobOutcome, Jobs } from "./ports.ts";
import type { Repository } from "./git-port.ts";
import { offerCopies, warnOfLeaks } from "./worktree-copy.ts";
import { outputBytesMax, type Workspace } from "./workspace.ts";

/** A check whose runner or sandbox failed is run again this often, and says so. */
const runnerFailuresMax = 2;
const msPerSecond = 1000;

export interface CheckOptions {
  workspace: Workspace;
  jobs: Jobs;
  loopId: string;
  iteration: number;
  /** Whose checkout is used. */
  checkDir: string;
  /** A commit or a tree. */
  treeish: string;
  tree: string;
  variant: CheckResult["variant"];
  signal: AbortSignal;
  onOutput: (text: string) => void;
  /** The whole output goes here. */
  logPath: string;
  /** The checkout is made, and the command runs. */
  onRunning?: () => void;
}

/** For a check of the run as a whole, in the checkout of its root; its output goes to `log` in the journal's directory. */
export function runOptions(
  { jobs }: Pick<Parts, "jobs">,
  root: Loop,
  workspace: Workspace,
  journal: Journal,
  { log, ...on }: Pick<CheckOptions, "treeish" | "tree" | "variant" | "signal"> & { log: string },
): CheckOptions {
  return {
    ...on,
    workspace,
    jobs,
    loopId: root.id,
    iteration: root.iteration,
    checkDir: workspace.checkDir(root.id),
    onOutput: (text) => {
      journal.output("check", text);
    },
    logPath: join(journal.directory, log),
  };
}

/**
 * Runs `validation.command` (and `worktree.setup` before it where needed) and says what happened. What the
 * check does is a result. Throws `runner_failed` where it could not be run at all, `cancelled`, and failures
 * of git: none of them says anything about the work.
 */
export async function runCheck(command: string, options: CheckOptions): Promise<CheckResult> {
  for (let failures = 0; ; failures++) {
    try {
      return await runOnce(command, options);
    } catch (error) {
      if (!(error instanceof LooprError) || error.code !== "runner_failed") throw error;
      if (failures >= runnerFailuresMax) throw error;
      options.onOutput(`${error.message}; it is run again (${failures + 1} of ${runnerFailuresMax})\n`);
    }
  }
}

async function runOnce(command: string, options: CheckOptions): Promise<CheckResult> {
  const { workspace, checkDir } = options;
  const { run } = workspace;
  const base: Omit<CheckResult, "exit_code" | "ending" | "duration_ms" | "output" | "passed"> = {
    command,
    cwd: run.check_cwd,
    commit: options.treeish,
    tree: options.tree,
    sandboxed: run.sandboxed,
    variant: options.variant,
  };
  const setup = await prepare(options);
  if (setup) {
    return {
      ...base,
      command: run.config.worktree.setup ?? "",
      exit_code: setup.exit_code,
      ending: "setup_failed",
      duration_ms: setup.duration_ms,
      output: setup.output,
      passed: false,
    };
  }
  const running = options.jobs.run(
    {
      ...workspace.job(checkDir, "check"),
      loop_id: options.loopId,
      iteration: options.iteration,
      lane: "heavy",
      command,
      cwd: join(checkDir, run.check_cwd),
      timeout_ms: run.config.validation.timeout * msPerSecond,
      max_output_bytes: outputBytesMax,
      spill_path: options.logPath,
      net: run.config.sandbox.net,
      unix_sockets: mayUseUnixSockets(run.config, "project"),
    },
    options.signal,
    (_stream, text) => {
      options.onOutput(text);
    },
  );
  options.onRunning?.();
  const ran = await running;
  await redactFile(options.logPath, workspace.redact);
  const outcome = { ...ran, output: workspace.redact(ran.output) };
  options.signal.throwIfAborted();
  requireRun(outcome, command);
  const ending = endingOf(outcome, command);
  return {
    ...base,
    exit_code: outcome.exit_code,
    ending,
    duration_ms: outcome.duration_ms,
    output: outcome.output,
    passed: ending === "exited" && outcome.exit_code === 0,
  };
}

/** The runner's own failures are no verdict on what it was to run. */
function requireRun(outcome: JobOutcome, command: string): void {
  if (outcome.status !== "error") return;
  throw new LooprError(
    "runner_failed",
    `\`${command}\` could not be run: ${outcome.output.trim()}`,
    "loopr doctor looks for the cause; loopr resume goes on once it is mended",
  );
}

function endingOf(outcome: JobOutcome, command: string): CheckResult["ending"] {
  if (outcome.status === "timeout") return "timeout";
  if (outcome.exit_code === null) return "killed";
  if (outcome.exit_code === 126 || outcome.exit_code === 127) return "not_runnable";
  if (outcome.exit_code === 0 && executedNoTest(outcome.output)) return "zero_tests";
  const didNothing = onlyMakes(command) && idleTargets(outcome.output).length > 0;
  if (outcome.exit_code === 0 && didNothing) return "zero_tests";
  return "exited";
}

// ---------------------------------------------------------------- dependencies

const SetupState = z.object({ key: z.string(), paths: z.array(z.string()) });

/**
 * Puts the checkout at the tree, clean, with its dependencies: restored from the pristine copy, or made by
 * `worktree.copy` and `worktree.setup` where a manifest has changed. Returns the outcome of a failed set-up, else null.
 */
async function prepare(options: CheckOptions): Promise<JobOutcome | null> {
  const { workspace, checkDir, treeish } = options;
  const { repository, run } = workspace;
  await cleanCheckout(options);
  if (!hasDependencies(run.config)) return null;

  const copy = join(dirname(checkDir), "deps");
  const key = await manifestKey(repository, treeish, run.config);
  const state = await readState(`${copy}.json`);
  if (state?.key === key) {
    for (const path of state.paths) await copyTree(copy, checkDir, path);
    return null;
  }
  await offerCopies(workspace, checkDir);
  if (run.config.worktree.setup) {
    const outcome = await runSetup(options.jobs, workspace, {
      directory: checkDir,
      purpose: "check",
      loopId: options.loopId,
      iteration: options.iteration,
      signal: options.signal,
      onOutput: options.onOutput,
    });
    if (outcome.status !== "success") return outcome;
  }
  const paths = await repository.untrackedPaths(checkDir);
  if (options.variant === "baseline") await warnOfLeaks(workspace, checkDir, paths);
  await rm(copy, { recursive: true, force: true });
  for (const path of paths) await copyTree(checkDir, copy, path);
  await writeFile(`${copy}.json`, JSON.stringify({ key, paths }));
  // The set-up may have rewritten tracked files (a lock file, or worse, a test): the tree's own count.
  await repository.checkoutClean(checkDir, treeish);
  for (const path of paths) await copyTree(copy, checkDir, path);
  return null;
}

/** Made, or mended, only where it cannot be used as it is. */
async function cleanCheckout({ workspace, checkDir, treeish }: CheckOptions): Promise<void> {
  const { repository, run } = workspace;
  try {
    await repository.checkoutClean(checkDir, treeish);
  } catch (error) {
    const mendable = error instanceof LooprError && ["worktree_gone", "git_failed"].includes(error.code);
    if (!mendable) throw error;
    await repository.ensureWorktree(checkDir, run.target_commit);
    await repository.checkoutClean(checkDir, treeish);
  }
}

/** Runs `worktree.setup` in a worktree, in the heavy lane, with the network that `sandbox.net` allows. */
export async function runSetup(
  jobs: Jobs,
  workspace: Workspace,
  options: {
    directory: string;
    purpose: "work" | "check";
    loopId: string;
    iteration: number;
    signal: AbortSignal;
    onOutput: (text: string) => void;
  },
): Promise<JobOutcome> {
  const { run } = workspace;
  options.onOutput(`$ ${run.config.worktree.setup ?? ""}\n`);
  const ran = await jobs.run(
    {
      ...workspace.job(options.directory, options.purpose),
      loop_id: options.loopId,
      iteration: options.iteration,
      lane: "heavy",
      command: run.config.worktree.setup ?? "",
      cwd: options.directory,
      timeout_ms: run.config.validation.timeout * msPerSecond,
      max_output_bytes: outputBytesMax,
      net: run.config.sandbox.net,
      unix_sockets: mayUseUnixSockets(run.config, "project"),
    },
    options.signal,
    (_stream, text) => {
      options.onOutput(text);
    },
  );
  options.signal.throwIfAborted();
  const outcome = { ...ran, output: workspace.redact(ran.output) };
  requireRun(outcome, run.config.worktree.setup ?? "");
  return outcome;
}

const manifests = new Set(
  (
    "package.json package-lock.json npm-shrinkwrap.json pnpm-lock.yaml pnpm-workspace.yaml yarn.lock bun.lock bun.lockb " +
    "pyproject.toml requirements.txt requirements-dev.txt setup.py setup.cfg uv.lock poetry.lock Pipfile Pipfile.lock " +
    "Cargo.toml Cargo.lock go.mod go.sum Gemfile Gemfile.lock composer.json composer.lock pom.xml build.gradle " +
    "build.gradle.kts gradle.lockfile mix.exs mix.lock"
  ).split(" "),
);

export function hasDependencies({ worktree }: Config): boolean {
  return Boolean(worktree.setup) || worktree.copy.length > 0;
}

/** Changes exactly when the set-up command, what is copied, a manifest or a lock file does. */
export async function manifestKey(
  repository: Repository,
  treeish: string,
  { worktree }: Config,
): Promise<string> {
  const hash = createHash("sha256")
    .update(worktree.setup ?? "")
    .update(`\0${worktree.copy.join("\0")}`);
  for (const path of await repository.files(treeish)) {
    if (!manifests.has(basename(path))) continue;
    hash.update(`\0${path}\0`).update((await repository.read(treeish, path)) ?? "");
  }
  return hash.digest("hex");
}

async function readState(path: string): Promise<z.infer<typeof SetupState> | null> {
  try {
    const parsed = SetupState.safeParse(JSON.parse(await readFile(path, "utf8")));
    return parsed.success ? parsed.data : null;
  } catch {
    return null; // absent or half written: the set-up runs again
  }
}

async function copyTree(fromRoot: string, toRoot: string, path: string): Promise<void> {
  const to = join(toRoot, path);
  await mkdir(toRoot, { recursive: true });
  await assertInside(toRoot, dirname(to));
  await mkdir(dirname(to), { recursive: true });
  await cp(join(fromRoot, path), to, {
    recursive: true,
    force: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
    mode: constants.COPYFILE_FICLONE,
  });
}

/** A committed link in the place of a directory must not lead the daemon's own copy out of the checkout. */
async function assertInside(root: string, directory: string): Promise<void> {
  let existing = directory;
  while (!existsSync(existing)) existing = dirname(existing);
  const real = await realpath(existing);
  const realRoot = await realpath(root);
  if (real !== realRoot && !real.startsWith(realRoot + sep)) {
    throw new LooprError(
      "work_refused",
      `${relative(root, directory)} is a link that leads out of the checkout, where dependencies have to be restored`,
      "make it a directory again",
    );
  }
}
