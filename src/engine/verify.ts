// loopr verify: the checks that a merged commit's note records run again, on that very commit, in a checkout
// made for it.
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { CheckResult } from "../domain/evidence.ts";
import {
  readNote,
  recordedChecks,
  sameOutcome,
  type CheckRecord,
  type EvidenceNote,
} from "../domain/evidence-note.ts";
import type { Run } from "../domain/run.ts";
import { LooprError, messageOf } from "../lib/errors.ts";
import { runCheck } from "./check.ts";
import { openWorkspace, type Parts } from "./parts.ts";
import type { Repository } from "./git-port.ts";

/** Directories of checkouts that are no loop's begin like this. */
const prefix = "verify-";
const idDigits = 16;

export interface Recorded {
  commit: string;
  tree: string;
  note: EvidenceNote;
  /** The project's check, and where it runs. */
  check: NonNullable<EvidenceNote["check"]>;
  /** What ran on this very tree: the project's check, and the commands of types beside it. */
  checks: CheckRecord[];
}

export interface Again {
  recorded: CheckRecord;
  result: CheckResult;
  same: boolean;
}

/** Throws `bad_commit`, `no_evidence`, `unverified`, `evidence_mismatch`. */
export async function readRecorded(repository: Repository, revision: string): Promise<Recorded> {
  const commit = await repository.resolve(revision);
  if (commit === null) {
    throw new LooprError(
      "bad_commit",
      `there is no commit ${revision} in ${repository.project.root}`,
      "git log lists the commits",
    );
  }
  const shown = commit.slice(0, 10);
  const text = await repository.readNote(commit);
  const note = text === null ? null : readNote(text);
  if (note === null) {
    throw new LooprError(
      "no_evidence",
      text === null
        ? `commit ${shown} has no evidence: no run of Loopr was merged as it`
        : `the note of commit ${shown} holds no evidence that this version can read`,
      "git log --notes=loopr shows which commits have evidence; it is on the last commit of a run",
    );
  }
  if (note.check === null) {
    throw new LooprError(
      "unverified",
      `the validation of run ${note.run} was waived, so there is no check to run again on ${shown}`,
      "loopr run without --no-check runs one",
    );
  }
  const tree = await repository.treeOf(commit);
  const { command } = note.check;
  const checks = note.commit === commit ? recordedChecks(note.checks, tree) : [];
  if (!checks.some((check) => check.command === command)) {
    throw new LooprError(
      "evidence_mismatch",
      `the note of commit ${shown} speaks of another commit: its check was not run on the tree ${tree.slice(0, 10)}`,
      "the note was copied, or the commit rewritten after it had been checked",
    );
  }
  return { commit, tree, note, check: note.check, checks };
}

export class Verifier {
  readonly #parts: Parts;
  readonly #abort = new AbortController();
  /** The last verification of each commit: two of one commit would share a checkout. */
  readonly #queues = new Map<string, Promise<unknown>>();
  #swept: Promise<void> = Promise.resolve();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Removes what a daemon that died left of checkouts. */
  start(): void {
    this.#swept = sweep(this.#parts);
  }

  async stop(): Promise<void> {
    this.#abort.abort(new LooprError("cancelled", "the daemon is stopping"));
    await Promise.allSettled([this.#swept, ...this.#queues.values()]);
  }

  /** Runs the checks again; `run` says with which configuration and environment. */
  verify(recorded: Recorded, run: Run): Promise<Again[]> {
    const { commit } = recorded;
    const before = this.#queues.get(commit) ?? this.#swept;
    const after = before.then(() => runAgain(this.#parts, recorded, run, this.#abort.signal));
    const settled = after
      .catch(() => undefined)
      .finally(() => {
        if (this.#queues.get(commit) === settled) this.#queues.delete(commit);
      });
    this.#queues.set(commit, settled);
    return after;
  }
}

async function runAgain(parts: Parts, recorded: Recorded, run: Run, signal: AbortSignal): Promise<Again[]> {
  signal.throwIfAborted();
  const { commit, tree, checks } = recorded;
  const workspace = await openWorkspace(parts, run);
  const id = `${prefix}${commit.slice(0, idDigits)}`;
  const checkDir = workspace.checkDir(id);
  try {
    await mkdir(workspace.directoryOf(id), { recursive: true, mode: 0o700 });
    const again: Again[] = [];
    for (const check of checks) {
      const result = await runCheck(check.command, {
        workspace,
        jobs: parts.jobs,
        loopId: id,
        iteration: 0,
        checkDir,
        treeish: commit,
        tree,
        variant: "candidate",
        signal,
        onOutput: () => undefined,
        logPath: join(workspace.directoryOf(id), "validation.log"),
      });
      again.push({ recorded: check, result: cleaned(parts, run, result), same: sameOutcome(check, result) });
    }
    return again;
  } finally {
    await workspace.repository.removeWorktree(checkDir);
    await rm(workspace.directoryOf(id), { recursive: true, force: true });
  }
}

function cleaned(parts: Parts, run: Run, result: CheckResult): CheckResult {
  return { ...result, output: parts.redact(run, result.output) };
}

async function sweep(parts: Parts): Promise<void> {
  const roots = parts.ledger.all().filter((loop) => loop.parent_id === null);
  const runs = new Map(roots.map(({ id }) => parts.ledger.run(id)).map((run) => [run.project.hash, run]));
  for (const run of runs.values()) {
    const directory = join(parts.projectDir(run.project.hash), "worktrees");
    const names = await readdir(directory).catch(() => []);
    for (const name of names.filter((each) => each.startsWith(prefix))) {
      try {
        const { repository } = await openWorkspace(parts, run);
        await repository.removeWorktree(join(directory, name, "check"));
        await rm(join(directory, name), { recursive: true, force: true });
      } catch (error) {
        parts.log.warn("an old checkout could not be removed", { path: name, error: messageOf(error) });
      }
    }
  }
}
