// Where a run's files are, and what a job of it may touch.
//
//   projects/<hash>/worktrees/<loop>/work    the loop's worktree: tools write here
//   projects/<hash>/worktrees/<loop>/check   the validation checkout: no tool job ever writes here
//   projects/<hash>/worktrees/<loop>/deps    pristine copy of what worktree.copy and worktree.setup made in `check`
//   projects/<hash>/records/<loop>/<n>/      prompt, conversation and validation log of iteration n
//   projects/<hash>/cache/{work,check}/      caches, apart for tools and checks
import { join } from "node:path";
import type { Run } from "../domain/run.ts";
import type { JobRequest } from "./ports.ts";
import type { Repository } from "./git-port.ts";

/** What a check or a command keeps of its output, in bytes. */
export const outputBytesMax = 64 * 1024;

export class Workspace {
  readonly run: Run;
  readonly repository: Repository;
  readonly #projectDir: string;
  readonly #readPaths: readonly string[];
  readonly #deny: readonly string[];
  readonly #gitConfigs: readonly string[];
  /** Takes secrets out of a text before it is recorded. */
  readonly redact: (text: string) => string;
  /** Tells the run's person something, once, while the run goes on. */
  readonly warn: (message: string) => void;

  constructor(options: {
    run: Run;
    repository: Repository;
    projectDir: string;
    readPaths: readonly string[];
    deny: readonly string[];
    gitConfigs: readonly string[];
    redact: (text: string) => string;
    warn: (message: string) => void;
  }) {
    this.run = options.run;
    this.repository = options.repository;
    this.#projectDir = options.projectDir;
    this.#readPaths = options.readPaths;
    this.#deny = options.deny;
    this.#gitConfigs = options.gitConfigs;
    this.redact = options.redact;
    this.warn = options.warn;
  }

  directoryOf(loopId: string): string {
    return join(this.#projectDir, "worktrees", loopId);
  }

  workDir(loopId: string): string {
    return join(this.directoryOf(loopId), "work");
  }

  checkDir(loopId: string): string {
    return join(this.directoryOf(loopId), "check");
  }

  recordsDir(loopId: string, iteration: number): string {
    return join(this.#projectDir, "records", loopId, String(iteration));
  }

  /** The parts of a job that are the same for every job of this run in that directory. */
  job(
    directory: string,
    purpose: "work" | "check",
  ): Pick<JobRequest, "worktree_dir" | "env" | "sandboxed" | "write" | "read" | "deny" | "git_configs"> {
    const cache = join(this.#projectDir, "cache", purpose);
    const { config } = this.run;
    return {
      worktree_dir: directory,
      sandboxed: this.run.sandboxed,
      env: { ...this.run.env, ...config.env.set, ...cacheVariables(cache) },
      write: [cache, ...config.sandbox.write_allow],
      read: [...this.#readPaths, ...pathEntries(this.run.env["PATH"])],
      deny: [...this.#deny, ...config.sandbox.read_deny],
      git_configs: [...this.#gitConfigs],
    };
  }
}

/** Points the usual tools' caches below one directory, as their own documentation names the variables. */
function cacheVariables(cache: string): Record<string, string> {
  return {
    XDG_CACHE_HOME: cache,
    GOCACHE: join(cache, "go-build"),
    GOMODCACHE: join(cache, "go-mod"),
    npm_config_cache: join(cache, "npm"),
    PIP_CACHE_DIR: join(cache, "pip"),
    UV_CACHE_DIR: join(cache, "uv"),
    CARGO_TARGET_DIR: join(cache, "cargo-target"),
  };
}

function pathEntries(path: string | undefined): string[] {
  return (path ?? "").split(":").filter((entry) => entry.startsWith("/"));
}
