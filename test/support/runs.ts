// A run end to end: private home, a small real repository, and a model server over HTTP.
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  withHome,
  type Home,
  type Repository,
  type RepositoryOptions,
  type RunOptions,
  type RunResult,
} from "./harness.ts";
import { modelServer, type Handler, type ModelServer, type Reply } from "./model-server.ts";

/** A program in POSIX sh with a test in POSIX sh: nothing else need be installed. */
export const sampleFiles = {
  "greet.sh": '#!/bin/sh\necho "hello"\n',
  "test.sh":
    '#!/bin/sh\n[ "$(sh greet.sh)" = "hello world" ] || { echo "FAIL: greet said $(sh greet.sh)"; exit 1; }\necho ok\n',
  "README.md": "A sample.\n",
};
export const goodGreet = '#!/bin/sh\necho "hello world"\n';

export interface RunBed {
  home: Home;
  server: ModelServer;
  repo: Repository;
  /** Environment with the model server and a key. */
  env: Record<string, string>;
  loopr: (args: string[], options?: RunOptions) => Promise<RunResult>;
}

export const testKey = "sk-ant-test-SECRET-0123456789";

/** One draft of each plan and no judge: a test that is about them has its own file, and the others count calls. */
export const plainPlans = "plan: { passes: 1 }\njudge: off\n";

/** Writes the person's own configuration. */
export function writeUserConfig(home: Home, yml: string): void {
  const directory = join(home.userHome, ".config", "loopr");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "loopr.yml"), yml);
}

export async function withRuns(
  script: readonly Reply[] | Handler,
  body: (bed: RunBed) => Promise<void>,
  repository: RepositoryOptions = {},
): Promise<void> {
  const server = await modelServer(script);
  try {
    await withHome(async (home) => {
      writeUserConfig(home, plainPlans);
      const repo = home.repository({ files: sampleFiles, ...repository });
      const env = { ANTHROPIC_API_KEY: testKey, ANTHROPIC_BASE_URL: server.url, LOOPR_MODEL_RETRY_MS: "20" };
      const loopr = (args: string[], options: RunOptions = {}) =>
        home.loopr(args, { cwd: repo.dir, ...options, env: { ...env, ...options.env } });
      await body({ home, server, repo, env, loopr });
    });
  } finally {
    await server.close();
  }
}

/** Worktree directories that are left below the home, and registrations that git still lists. */
export function leftWorktrees(home: Home, repo: Repository): string[] {
  const projects = join(home.dir, "projects");
  const left: string[] = [];
  for (const project of existsSync(projects) ? readdirSync(projects) : []) {
    const worktrees = join(projects, project, "worktrees");
    if (existsSync(worktrees)) left.push(...readdirSync(worktrees).map((name) => join(worktrees, name)));
  }
  const listed = repo.git("worktree", "list", "--porcelain").split("\n");
  left.push(...listed.filter((line) => line.startsWith("worktree ") && line.includes(home.dir)));
  return left;
}

/** The JSON document that a command printed. */
export function json(result: RunResult): Record<string, unknown> {
  const value: unknown = JSON.parse(result.stdout);
  if (typeof value !== "object" || value === null) throw new Error(`no object: ${result.stdout}`);
  return value as Record<string, unknown>;
}
