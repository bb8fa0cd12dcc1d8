// What every step of the engine works with. Built once, in the engine's constructor.
import type { Loop } from "../domain/loop.ts";
import type { Run } from "../domain/run.ts";
import type { Clock } from "../lib/clock.ts";
import { LooprError } from "../lib/errors.ts";
import type { Ledger } from "./ledger.ts";
import type { Jobs, Model, Store } from "./ports.ts";
import type { Git } from "./git-port.ts";
import type { Spending } from "./spending.ts";
import { warnRun } from "./warn.ts";
import { Workspace } from "./workspace.ts";

export interface EngineLog {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export interface EngineOptions {
  store: Store;
  clock: Clock;
  git: Git;
  jobs: Jobs;
  /** The model of a run; null where nobody has brought the key that pays for it. */
  modelOf(run: Run, signal: AbortSignal): Promise<Model | null>;
  /** Takes secrets of the run out of a text before it is recorded. */
  redact(run: Run, text: string): string;
  /** How much of a text's end may be the beginning of such a secret, which goes on in the next piece. Characters. */
  openSecret(run: Run, text: string): number;
  /** `projects/<hash>` in the home. */
  projectDir(hash: string): string;
  /** What no job may read: secrets, and the home of Loopr. */
  deny(run: Run): string[];
  /** Configuration files of git that a job of the run would read: it sees them without the credentials in them. */
  gitConfigs(run: Run): string[];
  /** Events that are not stored. */
  emit(
    ...told:
      | [event: "loop.output", data: { id: string; stream: string; text: string }]
      | [event: "loop.updated", data: Loop]
  ): void;
  log: EngineLog;
}

export interface Parts extends EngineOptions {
  ledger: Ledger;
  spending: Spending;
  /** An iteration of the run has ended, and its loop goes on: a moment to look whether the target has moved. */
  iterationEnded(rootId: string): void;
  /** The daemon is about to be replaced: no further iteration begins. */
  isHeld(): boolean;
}

export async function openWorkspace(parts: Parts, run: Run): Promise<Workspace> {
  const repository = await parts.git.reopen(run.project);
  return new Workspace({
    run,
    repository,
    projectDir: parts.projectDir(run.project.hash),
    readPaths: await repository.readPaths(),
    deny: parts.deny(run),
    gitConfigs: parts.gitConfigs(run),
    redact: (text) => parts.redact(run, text),
    warn: (message) => {
      warnRun(parts, run.id, message);
    },
  });
}

/** Null where the repository is gone: then there is nothing to clean up in it. */
export async function openWorkspaceOrNull(parts: Parts, rootId: string): Promise<Workspace | null> {
  try {
    return await openWorkspace(parts, parts.ledger.run(rootId));
  } catch (error) {
    if (error instanceof LooprError && error.code === "repository_gone") return null;
    throw error;
  }
}

export const loopRef = (loopId: string) => `refs/loopr/loops/${loopId}`;
export const interruptedRef = (loopId: string, iteration: number) =>
  `refs/loopr/interrupted/${loopId}/${iteration}`;
export const archiveRef = (loopId: string, n: number) => `refs/loopr/archive/${loopId}/${n}`;
