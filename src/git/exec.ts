// The one way by which git is run. Everything that a repository, its configuration or a job's files could
// make git do beside its work is switched off here.
//
// What git itself runs, by the configuration, and what is decided about it:
//  - hooks, fsmonitor, editors, pagers, signing programs, credential and password prompts, automatic gc and
//    maintenance: off, in `fixedConfig` and `fixedEnvironment`.
//  - transports (a partial clone fetches missing objects with core.sshCommand, helpers, …): no protocol is
//    allowed. What is missing is git's own error.
//  - external diff drivers and textconv: plumbing is used, with --no-ext-diff --no-textconv.
//  - filter and merge drivers: neutralised by drivers.ts, all but Git LFS (see there for the reasons). They
//    are the only programs that a job could newly activate, by editing .gitattributes.
//  - submodules: never entered (ignoreSubmodules=all, submodule.recurse=false); a .gitmodules file that a
//    job edits names URLs and update commands that only `git submodule` obeys, which is never run.
//  - nested repositories: never entered either, since files are added by name (commit.ts), after a check
//    that no .git is among them.
import { isAbsolute } from "node:path";
import { LooprError, systemCode } from "../lib/errors.ts";
import { isMissing, whatIsGone } from "./gone.ts";
import { runProcess, type ProcessResult } from "./process.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where git works. Only `discover` lets git look for the repository, and so check who owns it. */
export type Place =
  | { kind: "discover"; directory: string }
  | { kind: "objects"; gitDir: string }
  | { kind: "worktree"; gitDir: string; workTree: string; ours: boolean };

export interface GitOptions {
  input?: Buffer | string;
  /** Exit codes that are answers; every other one throws `git_failed`. */
  accept?: readonly number[];
  /** Variables of git that this call needs: GIT_INDEX_FILE. */
  variables?: Record<string, string>;
  timeoutMs?: number;
  outputBytesMax?: number;
  /** More output than the bound is cut instead of refused. */
  mayCut?: boolean;
}

export interface GitOutput {
  code: number;
  stdout: Buffer;
  stderr: string;
  cut: boolean;
}

export type RunGit = (args: string[], options?: GitOptions) => Promise<GitOutput>;

const defaultTimeoutMs = 120_000;
/** Checking out or hashing a large repository. */
export const longTimeoutMs = 15 * 60_000;
const defaultOutputBytesMax = 256 * 1024 * 1024;
const messageCharsMax = 2_000;

const fixedConfig = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.quotePath=false",
  "core.pager=cat",
  "core.editor=true",
  "core.safecrlf=false",
  // A file changed behind git's back must be seen: the whole of stat counts, and no bit hides a change.
  "core.ignoreStat=false",
  "core.trustctime=true",
  "core.checkStat=default",
  "core.filesRefLockTimeout=2000",
  "core.packedRefsTimeout=5000",
  "diff.ignoreSubmodules=all",
  "status.submoduleSummary=false",
  "submodule.recurse=false",
  "commit.gpgsign=false",
  "tag.gpgsign=false",
  "log.showSignature=false",
  "merge.verifySignatures=false",
  "merge.autoStash=false",
  "merge.conflictStyle=merge",
  "merge.renames=true",
  "merge.directoryRenames=conflict",
  "merge.renormalize=false",
  "gc.auto=0",
  "maintenance.auto=false",
  "protocol.allow=never",
  "credential.helper=",
  "worktree.useRelativePaths=false",
  "i18n.commitEncoding=UTF-8",
  "i18n.logOutputEncoding=UTF-8",
  "advice.detachedHead=false",
  "color.ui=false",
];

/**
 * In a worktree of ours every tracked file is there, even where the person's own checkout is sparse, and its
 * index is plain. In theirs, the form of the index is their choice.
 */
const ownWorktreeConfig = [
  "core.sparseCheckout=false",
  "core.sparseCheckoutCone=false",
  "index.sparse=false",
  // The form that index-file.ts reads.
  "index.version=2",
  "index.skipHash=false",
  "core.untrackedCache=false",
  "core.splitIndex=false",
];

const fixedEnvironment = {
  GIT_EDITOR: "true",
  GIT_SEQUENCE_EDITOR: "true",
  GIT_PAGER: "cat",
  GIT_TERMINAL_PROMPT: "0",
  GIT_ASKPASS: "true",
  GIT_OPTIONAL_LOCKS: "0",
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_NO_LAZY_FETCH: "1",
  /** A list of allowed protocols overrides every `protocol.<name>.allow`; this one names none that exists. */
  GIT_ALLOW_PROTOCOL: "none",
  GIT_LITERAL_PATHSPECS: "1",
  GIT_REFLOG_ACTION: "loopr",
  LC_ALL: "C",
};

/** What git and Git LFS need of the surroundings: where the person's configuration is, and the network's. */
const inherited =
  /^(HOME|USER|LOGNAME|TMPDIR|XDG_CONFIG_HOME|XDG_CACHE_HOME|SUDO_UID|SSH_AUTH_SOCK|SSL_CERT_(FILE|DIR)|(https?|no|all)_proxy)$/i;

/** Git at a place. `drivers` are settings that neutralise drivers (drivers.ts). */
export function gitAt(environment: Environment, place: Place, drivers: readonly Setting[] = []): RunGit {
  const env = { ...cleanEnvironment(environment), ...settingVariables(drivers) };
  return async (args, options = {}) => {
    const { input } = options;
    let result: ProcessResult;
    try {
      result = await runProcess({
        program: "git",
        args: [...placeArguments(place), ...args],
        cwd:
          place.kind === "discover"
            ? place.directory
            : place.kind === "objects"
              ? place.gitDir
              : place.workTree,
        env: { ...env, ...options.variables },
        input: typeof input === "string" ? Buffer.from(input) : (input ?? null),
        timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
        outputBytesMax: options.outputBytesMax ?? defaultOutputBytesMax,
      });
    } catch (error) {
      throw (await gone(place, error)) ?? cannotStart(error);
    }
    try {
      return judged(args, options, result);
    } catch (error) {
      throw (await gone(place, error)) ?? error;
    }
  };
}

/** A setting of git's configuration. Given by environment: a driver's name may hold any character. */
export interface Setting {
  key: string;
  value: string;
}

/** The standard output of a call as one line of text. */
export function line(output: GitOutput): string {
  return output.stdout.toString("utf8").replace(/\n$/, "");
}

function placeArguments(place: Place): string[] {
  const where =
    place.kind === "discover"
      ? []
      : place.kind === "objects"
        ? [`--git-dir=${place.gitDir}`]
        : [`--git-dir=${place.gitDir}`, `--work-tree=${place.workTree}`];
  const config =
    place.kind === "worktree" && place.ours ? [...fixedConfig, ...ownWorktreeConfig] : fixedConfig;
  return ["--no-pager", ...where, ...config.flatMap((setting) => ["-c", setting])];
}

function cleanEnvironment(environment: Environment): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment))
    if (value !== undefined && inherited.test(name)) env[name] = value;
  // A relative entry would be looked up in the worktree, where a job could have put its own `git-lfs`.
  const path = (environment["PATH"] ?? "").split(":").filter((entry) => isAbsolute(entry));
  return { ...env, PATH: path.join(":") || "/usr/local/bin:/usr/bin:/bin", ...fixedEnvironment };
}

function settingVariables(settings: readonly Setting[]): Record<string, string> {
  if (settings.length === 0) return {};
  const variables: Record<string, string> = { GIT_CONFIG_COUNT: String(settings.length) };
  settings.forEach(({ key, value }, at) => {
    variables[`GIT_CONFIG_KEY_${at}`] = key;
    variables[`GIT_CONFIG_VALUE_${at}`] = value;
  });
  return variables;
}

function judged(args: string[], options: GitOptions, result: ProcessResult): GitOutput {
  const { code, stdout, stderr } = result;
  const what = `git ${commandWord(args)}`;
  if (result.cut) {
    if (options.mayCut) return { code: 0, stdout, stderr, cut: true };
    throw new LooprError("git_failed", `${what} wrote more than ${stdout.length} bytes`);
  }
  if (result.timedOut) {
    const seconds = (options.timeoutMs ?? defaultTimeoutMs) / 1000;
    throw new LooprError("git_failed", `${what} did not end within ${seconds} s and was stopped`);
  }
  if (code !== null && (code === 0 || options.accept?.includes(code)))
    return { code, stdout, stderr, cut: false };
  const words = bounded(stderr.trim() || stdout.toString("utf8").trim());
  const ending = code === null ? "was killed" : `failed (exit ${code})`;
  throw new LooprError("git_failed", `${what} ${ending}${words ? `: ${words}` : ""}`);
}

function commandWord(args: string[]): string {
  return args.find((arg) => !arg.startsWith("-")) ?? "";
}

/** Git's own words, bounded: the end of them says what went wrong. */
function bounded(text: string): string {
  return text.length <= messageCharsMax ? text : `…${text.slice(-messageCharsMax)}`;
}

/** Git says in many ways that its directory is missing, the system that there is no program. */
async function gone(place: Place, cause: unknown): Promise<LooprError | null> {
  if (place.kind === "worktree") return whatIsGone(place.gitDir, place.workTree, cause);
  if (place.kind === "objects") return whatIsGone(place.gitDir, null, cause);
  if (!(await isMissing(place.directory))) return null;
  return new LooprError("not_a_repository", `${place.directory} does not exist`, "go to a git repository", {
    cause,
  });
}

function cannotStart(error: unknown): LooprError {
  const why = systemCode(error) === "ENOENT" ? "no such program on PATH" : systemCode(error);
  return new LooprError(
    "git_unusable",
    `git cannot be started: ${why}`,
    "install git 2.38 or newer and make sure that it is on PATH",
    { cause: error },
  );
}
